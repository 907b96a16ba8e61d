#include "crash/stores.hpp"
#include "crash/writer.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>

#include <stdexcept>

namespace whisperstore::test {

namespace {

constexpr const char* put_sql = "INSERT INTO entries (key, version, content) VALUES (:key, :version, :content) "
                                "ON CONFLICT (key) DO UPDATE SET version = :version, content = :content";
constexpr const char* delete_sql = "DELETE FROM entries WHERE key = :key";

Parameters values_of(const Change& change)
{
    return params(arg("key", change.key), arg("version", change.version),
                  arg("content", content_of(change.key, change.version)));
}

Query query_of(const Change& change)
{
    return change.version == 0 ? query(delete_sql, params(arg("key", change.key))) : query(put_sql, values_of(change));
}

awaitable<void> autocommit(AbstractDatabaseAdapter& database, Change change)
{
    Query one = query_of(change);
    co_await database.execute_query(std::move(one.sql), std::move(one.params));
}

awaitable<void> in_list(AbstractDatabaseAdapter& database, std::vector<Change> changes)
{
    std::vector<Query> list;
    for (const Change& change : changes)
        list.push_back(query_of(change));
    co_await database.execute_transaction(std::move(list));
}

/// A transaction whose reads decide its writes, with a savepoint that is undone.
awaitable<void> in_scope(AbstractDatabaseAdapter& database, std::vector<Change> changes)
{
    Transaction transaction = co_await database.begin_transaction();
    for (const Change& change : changes) {
        Parameters key = params(arg(change.key));
        const QueryResult before =
            co_await transaction.execute_query("SELECT version FROM entries WHERE key = ?", std::move(key));
        if (before.row_count != 0 && before.rows[0]["version"].as_int() >= change.version)
            throw std::runtime_error(change.key + " is newer than it can be");
        Query one = query_of(change);
        co_await transaction.execute_query(std::move(one.sql), std::move(one.params));
    }
    {
        Transaction inner = co_await transaction.begin_transaction();
        co_await inner.execute_query("INSERT INTO entries VALUES ('undone', 1, 'never there')");
        co_await inner.rollback();
    }
    co_await transaction.commit();
}

/// A list that ends in an error has no effect.
awaitable<void> refused_list(AbstractDatabaseAdapter& database, const std::string& key)
{
    std::vector<Query> list;
    list.push_back(query_of(Change{key + "-refused", 1}));
    list.push_back(query("INSERT INTO entries (key, version, content) VALUES ('refused', 1, NULL)"));
    try {
        co_await database.execute_transaction(std::move(list));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::constraint_violation)
            co_return;
        throw;
    }
    throw std::runtime_error("a NULL in a NOT NULL column was accepted");
}

std::vector<Change> group_changes(const std::string& group, std::int64_t version)
{
    std::vector<Change> changes;
    for (int i = 0; i < group_size; ++i)
        changes.push_back(Change{in_group(group, i), version});
    return changes;
}

} // namespace

awaitable<void> write_database(AbstractDatabaseAdapter& database, Actor actor)
{
    while (true) {
        const std::uint64_t choice = actor.below(20);
        if (choice < 10) {
            const Change change{actor.name("s"), choice < 2 ? 0 : actor.next_version()};
            co_await actor.tell(std::vector<Change>(1, change), autocommit(database, change));
        } else if (choice == 19) {
            co_await refused_list(database, actor.name("s"));
        } else {
            const bool in_one_call = choice < 15;
            const std::vector<Change> changes =
                group_changes(actor.name("g"), in_one_call && actor.below(4) == 0 ? 0 : actor.next_version());
            awaitable<void> call = in_one_call ? in_list(database, changes) : in_scope(database, changes);
            co_await actor.tell(changes, std::move(call));
        }
    }
}

} // namespace whisperstore::test
