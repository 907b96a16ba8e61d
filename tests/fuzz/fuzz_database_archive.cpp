// Damaged backups of a database.

#include "fuzz/damaged_archive.hpp"
#include "fuzz/fuzz_target.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

namespace whisperstore::fuzz {

namespace {

DatabaseConfig configuration()
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + scratch_folder() + "/live.db";
    config.pool_size = 1;
    config.synchronous = "NORMAL";
    return config;
}

class DatabaseTarget final : public ArchiveTarget
{
public:
    DatabaseTarget() : ArchiveTarget("database"), database_(configuration())
    {
        blocking::run(database_.connect());
        run("CREATE TABLE facts(id INTEGER PRIMARY KEY, content TEXT NOT NULL)");
        run("CREATE INDEX facts_by_content ON facts(content)");
        run("INSERT INTO facts(content) VALUES('old'), ('older')");
        keep_old();
        run("DELETE FROM facts");
        run("INSERT INTO facts(content) VALUES('present')");
        keep_present();
    }

private:
    void back_up(const std::string& path) override { blocking::run(database_.backup_database(path)); }
    void restore(const std::string& path) override { blocking::run(database_.restore_database(path)); }

    std::string content() override
    {
        std::string all;
        for (const Row& row : run("SELECT id, content FROM facts ORDER BY id"))
            all += json::serialize(row.to_json());
        return all;
    }

    void check_restored() override
    {
        const QueryResult check = run("PRAGMA integrity_check(1)");
        require(check.rows.front()[0].as_text() == "ok", "a restored database is sound");
        // Damage within a cell is a content like any other, but reading it never fails.
        const QueryResult tables = run("SELECT name FROM sqlite_schema WHERE type = 'table'");
        require(accepts([&] { read_all(tables); }) || tables.row_count == 0, "a restored database can be read");
    }

    QueryResult run(const std::string& sql) { return blocking::run(database_.execute_query(sql)); }

    void read_all(const QueryResult& tables)
    {
        for (const Row& table : tables) {
            std::string quoted = "\"";
            for (const char c : table[0].as_text())
                quoted.append(c == '"' ? "\"" : "").push_back(c);
            run("SELECT * FROM " + quoted + "\"");
        }
    }

    SQLiteAdapter database_;
};

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static whisperstore::fuzz::DatabaseTarget target;
    target.try_damaged(data, size);
    return 0;
}
