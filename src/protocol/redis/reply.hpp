#pragma once
// An answer of a Redis server, and its making from the pieces a RESP3 parser finds.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::redis {

struct Reply
{
    enum class Kind : std::uint8_t
    {
        null,
        integer, ///< also booleans
        text,
        error,
        list, ///< arrays, sets, pushes; a map is a list of keys and values in turn
    };

    Kind kind = Kind::null;
    std::int64_t integer = 0;
    std::string text = {}; ///< of an error: its message
    std::vector<Reply> items = {};

    bool is_error() const noexcept { return kind == Kind::error; }
    /// The value under a text key of a map; null: none.
    const Reply* find(std::string_view key) const noexcept;
    /// An integer, or a text that is one. \throws StorageError corrupt
    std::int64_t number() const;
};

/// Puts one answer together. Its pieces come in the order of the protocol, each with its depth.
class ReplyBuilder
{
public:
    void add_list(std::size_t depth);
    void add(std::size_t depth, Reply value);
    /// The complete answer; the builder is ready for the next.
    Reply take();

private:
    Reply& place(std::size_t depth);

    Reply root_;
    bool begun_ = false;
};

} // namespace whisperstore::redis
