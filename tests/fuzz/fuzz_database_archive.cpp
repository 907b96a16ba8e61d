// A damaged backup of a database is restored whole or refused, and then the old content is there.

#include "fuzz/fuzz_target.hpp"
#include "fuzz/mutated_file.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

namespace whisperstore::fuzz {

namespace {

/// A database with some content, its backup, and other content since.
class Live
{
public:
    Live() : database_(configuration())
    {
        blocking::run(database_.connect());
        run("CREATE TABLE facts(id INTEGER PRIMARY KEY, content TEXT NOT NULL)");
        run("CREATE INDEX facts_by_content ON facts(content)");
        run("INSERT INTO facts(content) VALUES('old'), ('older')");
        blocking::run(database_.backup_database(scratch_folder() + "/good"));
        good_ = read_scratch(scratch_folder() + "/good");
        run("DELETE FROM facts");
        run("INSERT INTO facts(content) VALUES('present')");
        present_ = rows();
    }

    void restore(const std::uint8_t* data, std::size_t size)
    {
        const std::string path = scratch_folder() + "/archive";
        write_scratch(path, mutated(good_, data, size));
        if (!accepts([&] { blocking::run(database_.restore_database(path)); })) {
            require(rows() == present_, "a refused archive changes nothing");
            return;
        }
        const QueryResult check = run("PRAGMA integrity_check(1)");
        require(check.rows.front()[0].as_text() == "ok", "a restored database is sound");
        // Damage within a cell is a content like any other, but reading it never fails.
        const QueryResult tables = run("SELECT name FROM sqlite_schema WHERE type = 'table'");
        require(accepts([&] { read_all(tables); }) || tables.row_count == 0, "a restored database can be read");
        blocking::run(database_.restore_database(present_path()));
        require(rows() == present_, "the present content is back");
    }

private:
    static DatabaseConfig configuration()
    {
        DatabaseConfig config;
        config.connection_string = "sqlite:///" + scratch_folder() + "/live.db";
        config.pool_size = 1;
        config.synchronous = "NORMAL";
        return config;
    }

    QueryResult run(const std::string& sql) { return blocking::run(database_.execute_query(sql)); }
    std::string rows()
    {
        std::string all;
        for (const Row& row : run("SELECT id, content FROM facts ORDER BY id"))
            all += json::serialize(row.to_json());
        return all;
    }
    void read_all(const QueryResult& tables)
    {
        for (const Row& table : tables) {
            const std::string_view name = table[0].as_text();
            std::string quoted = "\"";
            for (const char c : name)
                quoted.append(c == '"' ? "\"" : "").push_back(c);
            run("SELECT * FROM " + quoted + "\"");
        }
    }
    std::string present_path()
    {
        const std::string path = scratch_folder() + "/present";
        if (!has_present_) {
            // Made from the good archive, as the live database holds a mutated one.
            write_scratch(path, good_);
            DatabaseConfig config = configuration();
            config.connection_string = "sqlite:///" + path;
            SQLiteAdapter other(config);
            blocking::run(other.connect());
            blocking::run(other.execute_query("DELETE FROM facts"));
            blocking::run(other.execute_query("INSERT INTO facts(content) VALUES('present')"));
            blocking::run(other.disconnect());
            has_present_ = true;
        }
        return path;
    }

    SQLiteAdapter database_;
    std::string good_;
    std::string present_;
    bool has_present_ = false;
};

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static whisperstore::fuzz::Live live;
    live.restore(data, size);
    return 0;
}
