#pragma once
// A large JSON file whose top-level object holds one long list, read element by element.

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>

namespace whisperstore {

/// Gives the texts of a list's elements and of the members that stand before it. It finds where a value ends and leaves
/// whether it is JSON to the parser that its text is given to. Errors name the byte, not the file.
class JsonElements
{
public:
    /// Reads as far as the list named `list`. Throws StorageError not_found; syntax where there is no such list.
    JsonElements(const std::filesystem::path& path, std::string list);

    /// The members before the list, by name.
    const std::map<std::string, std::string, std::less<>>& members() const noexcept { return members_; }
    /// The next element's text; nothing after the last. Throws StorageError syntax when the file ends before the list
    /// does, or when an element has more than 16 MiB.
    std::optional<std::string> next();

private:
    void find_list();
    int get();
    int get_token();
    std::string read_value();
    std::string read_string();
    [[noreturn]] void fail(const std::string& what) const;

    std::filesystem::path path_;
    std::ifstream stream_;
    std::string list_;
    std::map<std::string, std::string, std::less<>> members_;
    std::uint64_t position_ = 0;
    bool first_ = true;
    bool ended_ = false;
};

} // namespace whisperstore
