#include "crash/power_loss/entries.hpp"

#include "support/run.hpp"

#include <stdexcept>

namespace whisperstore::test {

namespace {

constexpr std::int64_t slots = 6;

const std::string entries_sql = "CREATE TABLE IF NOT EXISTS entries(writer INTEGER NOT NULL, slot INTEGER NOT NULL, "
                                "version INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY(writer, slot))";
const std::string index_sql = "CREATE INDEX IF NOT EXISTS entries_by_content ON entries(content)";
// Every change leaves a numbered line, so that a lost commit between two kept ones would show.
const std::string log_sql =
    "CREATE TABLE IF NOT EXISTS log(number INTEGER PRIMARY KEY AUTOINCREMENT, writer INTEGER, slot INTEGER);"
    "CREATE TRIGGER IF NOT EXISTS log_insert AFTER INSERT ON entries BEGIN"
    " INSERT INTO log(writer, slot) VALUES(new.writer, new.slot); END;"
    "CREATE TRIGGER IF NOT EXISTS log_update AFTER UPDATE ON entries BEGIN"
    " INSERT INTO log(writer, slot) VALUES(new.writer, new.slot); END;"
    "CREATE TRIGGER IF NOT EXISTS log_delete AFTER DELETE ON entries BEGIN"
    " INSERT INTO log(writer, slot) VALUES(old.writer, old.slot); END";

/// The change of one slot as a statement, applied to `state` as well.
Query change(SlotState& state, std::size_t writer, std::mt19937_64& random)
{
    const auto id = static_cast<std::int64_t>(writer);
    const auto slot = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(slots));
    const auto version = static_cast<std::int64_t>(random() % 1'000'000);
    const auto found = state.find(slot);
    if (found != state.end() && random() % 4 == 0) {
        state.erase(found);
        return query("DELETE FROM entries WHERE writer = :writer AND slot = :slot",
                     params(arg("writer", id), arg("slot", slot)));
    }
    const std::string sql =
        found == state.end()
            ? "INSERT INTO entries(writer, slot, version, content) VALUES(:writer, :slot, :version, :content)"
            : "UPDATE entries SET version = :version, content = :content WHERE writer = :writer AND slot = :slot";
    state[slot] = version;
    return query(sql, params(arg("writer", id), arg("slot", slot), arg("version", version),
                             arg("content", slot_content(writer, slot, version))));
}

std::vector<Query> changes(SlotState& state, std::size_t writer, std::mt19937_64& random)
{
    std::vector<Query> list;
    for (std::uint64_t count = 2 + random() % 4; count > 0; --count)
        list.push_back(change(state, writer, random));
    return list;
}

awaitable<void> write_scoped(SQLiteAdapter& database, Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const std::vector<Query> list = changes(after, writer, random);
    oracle.begin(writer, after);
    Transaction transaction = co_await database.begin_transaction();
    for (const Query& item : list)
        co_await transaction.execute_query(item.sql, item.params);
    if (random() % 3 == 0) {
        co_await transaction.rollback();
        oracle.refused(writer);
        co_return;
    }
    co_await transaction.commit();
    oracle.acknowledge(writer);
}

/// A list whose last query fails: nothing of it may ever be seen.
awaitable<void> write_refused(SQLiteAdapter& database, Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState never = oracle.state(writer);
    std::vector<Query> list = changes(never, writer, random);
    list.push_back(query("INSERT INTO entries(writer, slot, version, content) VALUES(0, 0, NULL, '')"));
    try {
        co_await database.execute_transaction(std::move(list));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::constraint_violation)
            co_return;
        throw;
    }
    throw std::runtime_error("a constraint was not enforced");
}

} // namespace

std::shared_ptr<SQLiteAdapter> open_entries(const std::filesystem::path& directory, const std::string& synchronous)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (directory / "data" / "database.db").string();
    config.pool_size = 1;
    config.synchronous = synchronous;
    auto database = std::make_shared<SQLiteAdapter>(config);
    run(database->connect());
    TableDefinitions tables;
    tables.emplace_back("entries", entries_sql);
    tables.emplace_back("entries_by_content", index_sql);
    tables.emplace_back("log", log_sql);
    run(database->create_tables(tables));
    return database;
}

std::vector<SlotState> read_entries(SQLiteAdapter& database, std::size_t writers)
{
    const std::string integrity(run(database.execute_query("PRAGMA integrity_check(1)")).rows.front()[0].as_text());
    if (integrity != "ok")
        throw std::runtime_error("the database is damaged: " + integrity);
    const Row log = run(database.execute_query("SELECT count(*), coalesce(max(number), 0) FROM log")).rows.front();
    if (log[0].as_int() != log[1].as_int())
        throw std::runtime_error("the log has " + std::to_string(log[0].as_int()) + " lines up to number " +
                                 std::to_string(log[1].as_int()));

    std::vector<SlotState> found(writers);
    for (const Row& row : run(database.execute_query("SELECT writer, slot, version, content FROM entries"))) {
        const auto writer = static_cast<std::size_t>(row["writer"].as_int());
        const std::int64_t slot = row["slot"].as_int();
        const std::int64_t version = row["version"].as_int();
        if (writer >= writers || row["content"].as_text() != slot_content(writer, slot, version))
            throw std::runtime_error("writer " + std::to_string(writer) + " slot " + std::to_string(slot) +
                                     " version " + std::to_string(version) + " has a content that nobody wrote");
        found[writer][slot] = version;
    }
    return found;
}

awaitable<void> write_entries(SQLiteAdapter& database, Oracle& oracle, std::size_t writer, std::uint64_t seed,
                              int steps)
{
    std::mt19937_64 random(seed + writer);
    for (int i = 0; i < steps; ++i) {
        switch (random() % 8) {
        case 0:
            co_await write_scoped(database, oracle, writer, random);
            break;
        case 1:
            co_await write_refused(database, oracle, writer, random);
            break;
        case 2:
        case 3: {
            SlotState after = oracle.state(writer);
            std::vector<Query> list = changes(after, writer, random);
            oracle.begin(writer, after);
            co_await database.execute_transaction(std::move(list));
            oracle.acknowledge(writer);
            break;
        }
        default: {
            SlotState after = oracle.state(writer);
            const Query single = change(after, writer, random);
            oracle.begin(writer, after);
            co_await database.execute_query(single.sql, single.params);
            oracle.acknowledge(writer);
            break;
        }
        }
    }
}

} // namespace whisperstore::test
