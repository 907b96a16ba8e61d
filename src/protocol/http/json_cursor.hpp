#pragma once
// Walks through a JSON text without building a tree: for answers that are mostly numbers.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::http {

/// A place in a complete JSON text (RFC 8259). Each read function takes one value from there, or throws StorageError
/// syntax with the byte it stumbled over. Nesting is at most 64 deep. The text outlives the cursor.
class JsonCursor
{
public:
    enum class Kind : std::uint8_t
    {
        object,
        array,
        string,
        number,
        boolean,
        null
    };

    /// \param what names the text in messages
    JsonCursor(std::string_view text, std::string_view what) noexcept : text_(text), what_(what) {}

    /// Of the next value, which stays.
    Kind kind();

    /// Calls `member(key)` for every member of an object; it must take the value.
    template <typename Member>
    void read_object(const Member& member)
    {
        for (bool more = enter('{', '}'); more; more = next('}')) {
            const std::string key = read_string();
            expect(':');
            member(std::string_view(key));
        }
        leave();
    }
    /// Calls `item()` for every item of an array; it must take the value.
    template <typename Item>
    void read_array(const Item& item)
    {
        for (bool more = enter('[', ']'); more; more = next(']'))
            item();
        leave();
    }
    std::string read_string();
    /// A string that holds no escapes as it stands in the text; another one is put into `room`.
    std::string_view read_plain_string(std::string& room);
    /// A whole number from 0; throws syntax for anything else.
    std::uint64_t read_index();
    double read_double();
    /// The text of one value of any kind, which may nest as deep again as this text (64 levels).
    std::string_view read_raw();
    /// An array of numbers, appended. Throws for one beyond float's range.
    void read_floats(std::vector<float>& out);
    void skip();
    /// Only white space is left, or it throws.
    void end();

    [[noreturn]] void fail(std::string_view reason) const;

private:
    void space() noexcept;
    char peek();
    void expect(char c);
    bool enter(char open, char close);
    bool next(char close);
    void leave() noexcept { --depth_; }
    /// The number that begins here, by the grammar of JSON.
    std::string_view number();
    void word(std::string_view text);
    /// Reads past the string that begins here; returns its inside, escapes and all.
    std::string_view raw_string(bool& escaped);

    std::string_view text_;
    std::string_view what_;
    std::size_t at_ = 0;
    int depth_ = 0;
    int deepest_ = 64;
};

} // namespace whisperstore::http
