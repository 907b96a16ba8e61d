#pragma once
// One hash of many rows that does not depend on their order, for comparing what two stores hold.

#include <whisperstore/core/value.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore {

/// The sum, modulo 2^256, of the SHA-256 of each row. A row is the sequence of its values: a byte for the kind, then
/// eight bytes for a number (little-endian, reals as IEEE 754), or eight bytes of size and the bytes of a text or blob.
/// As in archives a boolean is the integer 0 or 1, and NaN the text "NaN". Not thread safe.
class ContentHash
{
public:
    ContentHash();
    ~ContentHash();
    ContentHash(ContentHash&&) noexcept;
    ContentHash& operator=(ContentHash&&) noexcept;

    /// Adds a value to the row that end_row() ends.
    void add(const ValueView& value);
    void add(std::string_view text) { add(ValueView(text)); }
    void end_row();

    std::uint64_t rows() const noexcept { return rows_; }
    std::uint64_t bytes() const noexcept { return bytes_; } ///< of values: 8 a number, and the bytes of text and blobs
    std::string hex() const;                                ///< of all ended rows, 64 lower-case digits

private:
    void piece(const void* data, std::size_t size) { row_.append(static_cast<const char*>(data), size); }

    struct Digest;
    std::unique_ptr<Digest> digest_;
    std::string row_;
    std::array<std::uint64_t, 4> sum_{};
    std::uint64_t rows_ = 0;
    std::uint64_t bytes_ = 0;
};

} // namespace whisperstore
