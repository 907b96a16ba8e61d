#pragma once
// What a writer that gets killed does: operations on versioned entries, each told before it begins
// and after it was acknowledged.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::test {

/// An entry's new version; 0 = it is gone.
struct Change
{
    std::string key; ///< without spaces, commas and equals signs
    std::int64_t version = 0;
};

/// What one call does: all of it or nothing, unless `parts` says that each change is on its own.
struct Operation
{
    std::uint64_t id = 0;
    std::vector<Change> changes;
    bool parts = false;
};

/// Versions of the entries that are there.
using Entries = std::map<std::string, std::int64_t>;

/// An entry's content follows from its key and version: 20 to 3,000 characters.
std::string content_of(std::string_view key, std::int64_t version);
/// So does its vector; no two are alike.
std::vector<float> embedding_of(std::string_view key, std::int64_t version, std::size_t dimension);
/// The version for which the content was made; nothing when it is no entry's whole content.
std::optional<std::int64_t> version_of(std::string_view key, std::string_view content);

/// One line that a writer tells.
struct Report
{
    enum class Kind
    {
        ready,  ///< everything is open
        begins, ///< the operation is about to be asked for
        done,   ///< and was acknowledged
        failed, ///< the writer cannot go on
    };
    Kind kind = Kind::ready;
    Operation operation; ///< of `done`: its id only
    std::string message; ///< of `failed`

    std::string line() const;
    static Report parse(std::string_view line);
};

/// Writes reports into a pipe; each is in the pipe, out of this process, when the call returns.
class Reporter
{
public:
    explicit Reporter(int descriptor) noexcept : descriptor_(descriptor) {}
    void ready() const;
    void begins(const Operation& operation) const;
    void done(const Operation& operation) const;
    void failed(const std::string& message) const;

private:
    void write(const Report& report) const;
    int descriptor_;
};

} // namespace whisperstore::test
