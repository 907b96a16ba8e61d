#pragma once
/// \file
/// The filter language: one JSON form, one parser, one tree, one evaluator for every backend.

#include <whisperstore/core/json.hpp>

#include <concepts>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace whisperstore {

/// A condition on document metadata.
///
/// JSON form: `{"user_id": "u1"}` (equality; several keys are joined by and), operators
/// `$eq $ne $gt $gte $lt $lte $in $nin $exists`, `$and $or $not`, dotted paths through objects (at
/// most 16 deep; a key that itself contains a dot cannot be addressed). A missing key matches
/// nothing but `$exists:false`, `$ne`, `$nin` and `$not`; `$eq:null` matches an explicit null only.
/// A list at the leaf matches if any element does. 1 equals 1.0; a bool is not a number. `$gt`…
/// take numbers or RFC 3339 times and do not match values of another type. Anything else is
/// `invalid_argument`, never "match all". The empty filter `{}` matches every document; inside
/// `$and $or $not` it is refused, and so are empty lists there. `$in: []` matches nothing, `$nin: []`
/// everything. `$and $or $not` nest at most 30 deep.
///
/// Immutable, cheap to copy, thread safe.
class Filter
{
public:
    enum class Op
    {
        eq,
        gt,
        gte,
        lt,
        lte,
        in,
        exists
    };
    struct Node;
    using NodePtr = std::shared_ptr<const Node>;

    /// A comparison of the values at a path. `$ne` and `$nin` are parsed as not(eq) and not(in).
    struct Comparison
    {
        std::vector<std::string> path;
        Op op = Op::eq;
        std::vector<json::value> operands; ///< one scalar; several for `in`; a bool for `exists`
    };
    struct And
    {
        std::vector<NodePtr> terms;
    };
    struct Or
    {
        std::vector<NodePtr> terms;
    };
    struct Not
    {
        NodePtr term;
    };
    struct Node
    {
        std::variant<Comparison, And, Or, Not> data;
    };

    /// Matches every document.
    Filter() = default;
    explicit Filter(NodePtr root) : root_(std::move(root)) {}

    /// \throws StorageError invalid_argument naming the key or operator and what is allowed.
    static Filter parse(const json::value& expression);
    /// \throws StorageError syntax for text that is not JSON, else as above.
    static Filter parse_text(std::string_view text);

    bool matches(const json::object& metadata) const;
    bool matches_everything() const noexcept { return root_ == nullptr; }
    /// The tree, for translators; null matches everything.
    const NodePtr& root() const noexcept { return root_; }
    /// A JSON form that parses to an equal filter.
    json::object to_json() const;

private:
    NodePtr root_;
};

/// Builders: `filter::eq("user_id", id) && filter::gt("importance", 0.5)`.
/// They check as Filter::parse does.
namespace filter {

/// A value to compare with: whatever a json::value can be made from, std::string included.
class Operand
{
public:
    template <typename T>
        requires std::constructible_from<json::value, T>
    Operand(T&& value) : value_(std::forward<T>(value))
    {
    }
    /// Moves it out.
    json::value take() { return std::move(value_); }

private:
    json::value value_;
};

Filter eq(std::string_view path, Operand value);
Filter ne(std::string_view path, Operand value);
Filter gt(std::string_view path, Operand value);
Filter gte(std::string_view path, Operand value);
Filter lt(std::string_view path, Operand value);
Filter lte(std::string_view path, Operand value);
Filter in(std::string_view path, json::array values);
Filter nin(std::string_view path, json::array values);
Filter exists(std::string_view path, bool present = true);

} // namespace filter

Filter operator&&(const Filter& a, const Filter& b);
Filter operator||(const Filter& a, const Filter& b);
Filter operator!(const Filter& a);

} // namespace whisperstore
