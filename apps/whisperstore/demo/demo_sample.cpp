#include "demo/demo_sample.hpp"

#include "commands/vector_file.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/core/message.hpp>

#include <fstream>
#include <functional>

namespace whisperstore::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* file_name = "conversation.jsonl";
constexpr int levels_up = 4; // from build/<preset>/bin to the project

bool holds_sample(const fs::path& directory)
{
    std::error_code error; // a folder that cannot be looked at holds no sample for us
    return fs::is_regular_file(directory / file_name, error);
}

std::vector<fs::path> likely_places()
{
    std::vector<fs::path> places;
    std::error_code error; // without /proc there is no telling where the program is
    fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    if (!error)
        places.push_back((folder / "../share/whisperstore/examples").lexically_normal());
    for (int level = 0; !error && level < levels_up && folder.has_relative_path();
         ++level, folder = folder.parent_path())
        places.push_back(folder / "examples");
    return places;
}

/// Calls `use` with each line of a file that is a JSON object.
void for_each_object(const fs::path& file, const std::function<void(const json::object&)>& use)
{
    std::ifstream stream(file);
    if (!stream)
        throw StorageError(StorageErrc::not_found, file.string() + " is not there or cannot be read");
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number)
        if (!line.empty())
            use(parse_json_object(line, file.string() + ", line " + std::to_string(number)));
}

std::string text(const json::object& object, std::string_view key, const fs::path& file)
{
    const json::value* value = object.if_contains(key);
    if (!value || !value->is_string())
        throw StorageError(StorageErrc::invalid_argument,
                           file.string() + ": a line has no text in '" + std::string(key) + "'");
    return std::string(value->get_string());
}

} // namespace

DemoSample::DemoSample(const std::string& directory) : directory_(directory)
{
    if (!directory.empty()) {
        if (!holds_sample(directory_))
            throw StorageError(StorageErrc::not_found, "there is no " + std::string(file_name) + " in " + directory);
        return;
    }
    std::string looked;
    for (const fs::path& place : likely_places()) {
        if (holds_sample(place)) {
            directory_ = place;
            return;
        }
        looked.append(looked.empty() ? "" : ", ").append(place.string());
    }
    throw StorageError(
        StorageErrc::not_found,
        "the sample conversation was not found; name its folder (examples/ of the project) with --sample DIR"
        "; looked in " +
            looked);
}

std::vector<std::int64_t> DemoSample::message_ids() const
{
    std::vector<std::int64_t> ids;
    for_each_object(messages(),
                    [&](const json::object& object) { ids.push_back(message_from_json(object).message_id); });
    return ids;
}

std::vector<SampleQuestion> DemoSample::questions(std::size_t dimension) const
{
    std::vector<SampleQuestion> questions;
    const fs::path file = directory_ / "questions.jsonl";
    for_each_object(file, [&](const json::object& object) {
        SampleQuestion question;
        question.question = text(object, "question", file);
        question.channel_id = text(object, "channel_id", file);
        question.user_id = text(object, "user_id", file);
        if (const json::value* ids = object.if_contains("expected_message_ids"); ids && ids->is_array())
            for (const json::value& id : ids->get_array())
                if (id.is_string())
                    question.expected_message_ids.emplace_back(id.get_string());
        question.embedding = read_vector(question_vectors(), questions.size(), dimension);
        questions.push_back(std::move(question));
    });
    return questions;
}

} // namespace whisperstore::cli
