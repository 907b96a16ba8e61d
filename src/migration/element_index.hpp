#pragma once
// Texts found by their keys, on the disk, for sets that need not fit into memory.

#include "sqlite/connection.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::migration {

/// One thread at a time; blocks.
class ElementIndex
{
public:
    explicit ElementIndex(const std::filesystem::path& file);

    /// A key that is there already gets the new text.
    void put(std::string_view key, std::string_view text);
    std::optional<std::string> find(std::string_view key);
    struct Element
    {
        std::string key;
        std::string text;
    };
    /// Those behind this key in the order of the keys' bytes, `most` at most.
    std::vector<Element> behind(std::string_view key, std::size_t most);
    std::uint64_t size() const noexcept { return size_; }

private:
    std::unique_ptr<sqlite::Connection> connection_;
    std::uint64_t size_ = 0;
};

} // namespace whisperstore::migration
