#pragma once
// PackStream 1 (neo4j.com/docs/bolt/current/packstream): values as bytes. Pure.

#include <whisperstore/bolt/value.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace whisperstore::bolt {

/// How the two sides write structures: it depends on the version they agreed on.
struct Dialect
{
    bool utc_times = true;   ///< Bolt 5.0 and newer, or 4.4 with the patch "utc": times with a zone are counted in UTC
    bool element_ids = true; ///< Bolt 5.0 and newer: nodes and relationships have an element_id
    friend bool operator==(const Dialect&, const Dialect&) = default;
};

/// Appends values to a text.
class Packer
{
public:
    explicit Packer(std::string& out) noexcept : out_(out) {}

    void null() { out_.push_back('\xC0'); }
    void boolean(bool value) { out_.push_back(value ? '\xC3' : '\xC2'); }
    void integer(std::int64_t value);
    void real(double value);
    /// \throws StorageError invalid_argument for what is no UTF-8: the server would quietly store other characters.
    void string(std::string_view value);
    void bytes(std::span<const std::byte> value);
    void list(std::size_t count);
    void map(std::size_t count);
    /// \param fields at most 15
    void structure(std::uint8_t tag, std::size_t fields);
    /// \throws StorageError invalid_argument for graph structures, which no server takes, and zoned times where the
    /// dialect cannot say them.
    void value(const Value& value, const Dialect& dialect);
    void value(const Map& value, const Dialect& dialect);

private:
    void sized(std::size_t size, std::uint8_t tiny, std::uint8_t size_8, const char* what);
    std::string& out_;
};

/// Reads values out of one message. Throws Malformed.
class Unpacker
{
public:
    explicit Unpacker(std::string_view bytes, Dialect dialect = {}) noexcept
        : at_(bytes.data()), end_(bytes.data() + bytes.size()), dialect_(dialect)
    {
    }

    Value value() { return value(0); }
    std::size_t list_size();
    /// A map that must be there.
    Map map();
    struct Structure
    {
        std::uint8_t tag = 0;
        std::size_t fields = 0;
    };
    Structure structure();
    bool done() const noexcept { return at_ == end_; }

    /// Lists, maps and structures in one another.
    static constexpr int deepest = 128;

private:
    Value value(int depth);
    void read_into(Value& out, int depth);
    Map map_of(std::size_t count, int depth);
    List list_of(std::size_t count, int depth);
    Value structure_of(std::uint8_t tag, std::size_t fields, int depth);
    Value time_structure(std::uint8_t tag);
    Node node(std::size_t fields, int depth);
    Relationship relationship(std::size_t fields, int depth);
    UnboundRelationship unbound(std::size_t fields, int depth);
    Path path(std::size_t fields, int depth);

    std::int64_t integer_field();
    std::int32_t small_integer_field();
    double real_field();
    std::string string_field();
    Map map_field(int depth);

    std::uint8_t byte();
    template <typename T>
    T number();
    std::string_view text(std::size_t size);
    std::size_t checked(std::size_t count, std::size_t least_bytes) const;
    std::size_t size_of(int bytes);
    bool string_size(std::uint8_t marker, std::size_t& size);

    const char* at_;
    const char* end_;
    Dialect dialect_;
};

} // namespace whisperstore::bolt
