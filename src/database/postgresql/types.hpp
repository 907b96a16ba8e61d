#pragma once
// Column and parameter types: how PostgreSQL's values become ours and ours become PostgreSQL's. Pure code without I/O.

#include <whisperstore/core/value.hpp>
#include <whisperstore/database/query_result.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// Object ids of types, fixed in PostgreSQL's catalog (pg_type.dat).
using Oid = unsigned int;
namespace oid {
inline constexpr Oid boolean = 16;
inline constexpr Oid bytea = 17;
inline constexpr Oid character = 18; ///< "char"
inline constexpr Oid name = 19;
inline constexpr Oid int8 = 20;
inline constexpr Oid int2 = 21;
inline constexpr Oid int4 = 23;
inline constexpr Oid text = 25;
inline constexpr Oid object_id = 26;
inline constexpr Oid json = 114;
inline constexpr Oid xml = 142;
inline constexpr Oid float4 = 700;
inline constexpr Oid float8 = 701;
inline constexpr Oid unknown = 705;
inline constexpr Oid bpchar = 1042;
inline constexpr Oid varchar = 1043;
inline constexpr Oid timestamp = 1114;
inline constexpr Oid timestamptz = 1184;
inline constexpr Oid numeric = 1700;
inline constexpr Oid uuid = 2950;
inline constexpr Oid jsonb = 3802;
} // namespace oid

/// What the server says of a statement.
struct Description
{
    std::vector<Oid> parameter_types;
    std::shared_ptr<const std::vector<std::string>> columns;
    std::vector<Oid> column_types;
    bool binary = false; ///< every column's binary form is one we read

    /// The same parameters and columns.
    bool same_as(const Description& other) const noexcept
    {
        return parameter_types == other.parameter_types && column_types == other.column_types &&
               *columns == *other.columns;
    }
};

/// Whether decode() reads the type's binary form; the others are asked for as text.
bool has_binary_form(Oid type) noexcept;

/// Adds a value to a row. `binary`: the form it came in. Integers, reals, booleans, bytea and times come as the
/// kinds of the portable tables, everything else as PostgreSQL's own text for it.
/// Throws StorageError type_mismatch for a time outside the years 0 to 9999 (but infinity is its text) and corrupt for
/// a value that is not of its type.
void decode(RowsBuilder& rows, std::string_view value, Oid type, bool binary);

/// Arguments as libpq takes them. Texts and blobs are not copied: the Parameters must live as long.
class Arguments
{
public:
    Arguments() = default;
    /// \param order of the placeholders' arguments; empty: as they are
    /// Throws StorageError type_mismatch naming the argument, its kind and the type it is for.
    Arguments(const Description& description, const Parameters& parameters, const std::vector<std::size_t>& order);
    Arguments(Arguments&&) = default;
    Arguments& operator=(Arguments&&) = default;

    int count() const noexcept { return static_cast<int>(values_.size()); }
    const char* const* values() const noexcept { return values_.data(); }
    const int* lengths() const noexcept { return lengths_.data(); }
    const int* formats() const noexcept { return formats_.data(); }

private:
    void add(const Parameter& parameter, std::size_t number, Oid type);
    void add_view(std::string_view value, bool binary);
    void add_copy(std::string_view value, bool binary);

    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
    std::vector<std::unique_ptr<char[]>> copies_;
};

} // namespace whisperstore::postgresql
