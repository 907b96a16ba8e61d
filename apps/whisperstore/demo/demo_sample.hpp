#pragma once
// The sample conversation of examples/.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore::cli {

/// A question about the sample, with its vector and the messages that answer it.
struct SampleQuestion
{
    std::string question;
    std::string channel_id;
    std::string user_id;
    std::vector<std::string> expected_message_ids;
    std::vector<float> embedding;
};

/// The files of the sample.
class DemoSample
{
public:
    /// \param directory as given by the user; empty: looks beside the program, as it is installed
    /// (../share/whisperstore/examples) and as it is built (examples/ of a folder above).
    /// Throws StorageError not_found naming the places looked at.
    explicit DemoSample(const std::string& directory);

    const std::filesystem::path& directory() const noexcept { return directory_; }
    std::filesystem::path messages() const { return directory_ / "conversation.jsonl"; }
    std::filesystem::path embeddings() const { return directory_ / "conversation.f32"; }
    std::filesystem::path question_vectors() const { return directory_ / "questions.f32"; }

    /// The ids of the messages, in the file's order.
    std::vector<std::int64_t> message_ids() const;
    /// \param dimension of the vectors.
    std::vector<SampleQuestion> questions(std::size_t dimension) const;

private:
    std::filesystem::path directory_;
};

} // namespace whisperstore::cli
