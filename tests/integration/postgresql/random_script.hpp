#pragma once
// Random work that every database must do alike.

#include <whisperstore/database/abstract_database_adapter.hpp>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace whisperstore::test {

/// What is done within a transaction, or by itself.
struct Step
{
    enum class Kind : std::uint8_t
    {
        query,
        begin,    ///< a savepoint
        commit,   ///< the innermost level
        rollback, ///< the innermost level
        drop,     ///< the innermost level goes without either
    };
    Kind kind = Kind::query;
    Query query = {};
    bool ordered = true; ///< rows come in an order that the query defines
};

struct Operation
{
    enum class Kind : std::uint8_t
    {
        single, ///< execute_query()
        list,   ///< execute_transaction()
        scoped, ///< begin_transaction(), ended by the last step
    };
    Kind kind = Kind::single;
    std::vector<Step> steps;
};

/// Tables of a random script beside those of the core schema, with every type of column.
Schema script_schema();

/// Operations on the core schema and script_schema(): writes and reads of every kind of value, at its limits too, that
/// succeed or fail in every portable way. The same seed gives the same script.
class RandomScript
{
public:
    explicit RandomScript(std::uint64_t seed) : random_(seed) {}
    std::vector<Operation> make(std::size_t operations);

    /// A value that a column of this type takes.
    Value value(ColumnType type);
    /// One that it does not.
    Value misfit(ColumnType type);
    /// A text with whatever a text may hold.
    std::string text();

private:
    std::size_t below(std::size_t limit) { return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random_); }
    bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
    Value value_or_null(ColumnType type) { return chance(10) ? Value() : value(type); }
    std::string name();
    std::int64_t integer();
    double real();
    std::string time();

    Operation operation();
    void add_scope(std::vector<Step>& steps, int depth);
    Step step();
    Step insert();
    Step insert_several();
    Step upsert();
    Step update();
    Step remove();
    Step select();
    Step aggregate();
    Step mistake();

    std::mt19937_64 random_;
};

} // namespace whisperstore::test
