#include "crash/power_loss/database_store.hpp"

#include "support/run.hpp"

#include <stdexcept>

namespace whisperstore::test {

namespace {

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

DatabaseConfig configuration(const std::filesystem::path& folder, const std::string& synchronous)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (folder / "data" / "database.db").string();
    config.pool_size = 1;
    config.synchronous = synchronous;
    return config;
}

Query statement(std::size_t writer, const SlotChange& change)
{
    const auto id = static_cast<std::int64_t>(writer);
    if (!change.version)
        return query("DELETE FROM entries WHERE writer = :writer AND slot = :slot",
                     params(arg("writer", id), arg("slot", change.slot)));
    const std::string sql =
        change.existed
            ? "UPDATE entries SET version = :version, content = :content WHERE writer = :writer AND slot = :slot"
            : "INSERT INTO entries(writer, slot, version, content) VALUES(:writer, :slot, :version, :content)";
    return query(sql, params(arg("writer", id), arg("slot", change.slot), arg("version", *change.version),
                             arg("content", slot_content(writer, change.slot, *change.version))));
}

std::vector<Query> statements(std::size_t writer, const std::vector<SlotChange>& changes)
{
    std::vector<Query> list;
    for (const SlotChange& change : changes)
        list.push_back(statement(writer, change));
    return list;
}

} // namespace

DatabaseStore::DatabaseStore(const std::filesystem::path& folder, const std::string& synchronous)
    : adapter_(configuration(folder, synchronous))
{
    run(adapter_.connect());
    TableDefinitions tables;
    tables.emplace_back("entries", entries_sql);
    tables.emplace_back("entries_by_content", index_sql);
    tables.emplace_back("log", log_sql);
    try {
        run(adapter_.create_tables(tables));
    } catch (...) {
        run(adapter_.disconnect());
        throw;
    }
}

std::vector<SlotState> DatabaseStore::read(std::size_t writers)
{
    const std::string integrity(run(adapter_.execute_query("PRAGMA integrity_check(1)")).rows.front()[0].as_text());
    if (integrity != "ok")
        throw std::runtime_error("the database is damaged: " + integrity);
    const Row log = run(adapter_.execute_query("SELECT count(*), coalesce(max(number), 0) FROM log")).rows.front();
    if (log[0].as_int() != log[1].as_int())
        throw std::runtime_error("the log has " + std::to_string(log[0].as_int()) + " lines up to number " +
                                 std::to_string(log[1].as_int()));

    std::vector<SlotState> found(writers);
    for (const Row& row : run(adapter_.execute_query("SELECT writer, slot, version, content FROM entries"))) {
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

awaitable<void> DatabaseStore::write(Oracle& oracle, std::size_t writer, std::uint64_t seed, int operations)
{
    std::mt19937_64 random(seed + writer);
    for (int i = 0; i < operations; ++i) {
        switch (random() % 8) {
        case 0:
            co_await write_scoped(oracle, writer, random);
            break;
        case 1:
            co_await write_refused(oracle, writer, random);
            break;
        case 2:
        case 3:
            co_await write_list(oracle, writer, random);
            break;
        default:
            co_await write_statement(oracle, writer, random);
            break;
        }
    }
}

awaitable<void> DatabaseStore::write_statement(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const Query single = statement(writer, change_slot(after, random));
    oracle.begin(writer, after);
    co_await adapter_.execute_query(single.sql, single.params);
    oracle.acknowledge(writer);
}

awaitable<void> DatabaseStore::write_list(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    std::vector<Query> list = statements(writer, change_slots(after, random));
    oracle.begin(writer, after);
    co_await adapter_.execute_transaction(std::move(list));
    oracle.acknowledge(writer);
}

awaitable<void> DatabaseStore::write_scoped(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState after = oracle.state(writer);
    const std::vector<Query> list = statements(writer, change_slots(after, random));
    const bool give_up = random() % 3 == 0;
    if (!give_up)
        oracle.begin(writer, after);
    Transaction transaction = co_await adapter_.begin_transaction();
    for (const Query& item : list)
        co_await transaction.execute_query(item.sql, item.params);
    if (give_up) {
        co_await transaction.rollback();
        co_return;
    }
    co_await transaction.commit();
    oracle.acknowledge(writer);
}

/// A list whose last query fails: nothing of it may ever be seen.
awaitable<void> DatabaseStore::write_refused(Oracle& oracle, std::size_t writer, std::mt19937_64& random)
{
    SlotState never = oracle.state(writer);
    std::vector<Query> list = statements(writer, change_slots(never, random));
    list.push_back(query("INSERT INTO entries(writer, slot, version, content) VALUES(0, 0, NULL, '')"));
    try {
        co_await adapter_.execute_transaction(std::move(list));
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::constraint_violation)
            co_return;
        throw;
    }
    throw std::runtime_error("a constraint was not enforced");
}

awaitable<void> DatabaseStore::back_up(std::filesystem::path path) { return adapter_.backup_database(std::move(path)); }
awaitable<void> DatabaseStore::restore(std::filesystem::path path)
{
    return adapter_.restore_database(std::move(path));
}
void DatabaseStore::close() { run(adapter_.disconnect()); }

OpenPowerStore database_store(std::string synchronous)
{
    return [synchronous = std::move(synchronous)](const std::filesystem::path& folder) {
        return std::make_unique<DatabaseStore>(folder, synchronous);
    };
}

} // namespace whisperstore::test
