// A migration of a database of SQLite into PostgreSQL under measurement, one side of bench/database_migration.py.
//
//   database_migration_bench FOLDER ROWS < commands
//
// Starts a server below FOLDER (or takes the one of WHISPERSTORE_BENCH_POSTGRESQL_URL), makes a database of SQLite with
// so many conversations of 600 bytes and prints a line of JSON: url, file. Then a command a line, each answered by a
// line of JSON when it is done:
//
//   empty    the database of the server has no tables any more
//   schema   the same, then it has those of the portable schema
//   migrate  everything is migrated: seconds, rows, peak_mib (of this process during it)
//   verify   the same, with verification

#include "harness.hpp"
#include "postgresql_server.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/database/postgresql_adapter.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>

namespace {

using namespace whisperstore;

constexpr std::int64_t users = 1000;

std::string text_of(std::mt19937_64& numbers, std::size_t size)
{
    constexpr std::string_view letters = "etaoin shrdlu, cmfwyp vbgkqjxz. ETAOIN SHRDLU'\"  eeeetttaaooiinn";
    std::string text;
    while (text.size() < size)
        text.push_back(letters[numbers() % letters.size()]);
    return text;
}

std::string numbered(const char* what, std::int64_t number) { return std::string(what).append(std::to_string(number)); }

void fill(AbstractDatabaseAdapter& database, std::int64_t rows)
{
    blocking::run(database.setup_schema(WhisperEngineSchema::get_core_schema()));
    const std::string add_user = "INSERT INTO users (user_id, username) VALUES (?, 'somebody')";
    const std::string add_conversation =
        "INSERT INTO conversations (user_id, channel_id, message_content, bot_response, response_time_ms, "
        "ai_model_used) VALUES (?, ?, ?, ?, ?, 'a-model')";
    std::vector<Query> queries;
    for (std::int64_t i = 0; i < users; ++i)
        queries.push_back(query(add_user, params(arg(numbered("user-", i)))));
    std::mt19937_64 numbers(7);
    for (std::int64_t i = 0; i < rows; ++i) {
        queries.push_back(
            query(add_conversation, params(arg(numbered("user-", i % users)), arg(numbered("channel-", i % 64)),
                                           arg(text_of(numbers, 300)), arg(text_of(numbers, 210)), arg(i % 1000))));
        if (queries.size() >= 10000 || i + 1 == rows) {
            blocking::run(database.execute_transaction(std::move(queries)));
            queries.clear();
        }
    }
}

/// The largest memory since forget_peak().
double peak_mib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:"))
            return std::stod(line.substr(6)) / 1024;
    throw std::runtime_error("the kernel does not tell the largest memory");
}

void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

json::object migrate(AbstractDatabaseAdapter& from, AbstractDatabaseAdapter& to, bool verify)
{
    MigrationOptions options;
    options.verify = verify;
    StorageMigrationManager manager;
    forget_peak();
    const MigrationReport report = blocking::run(manager.migrate_database(from, to, options));
    json::object answer;
    answer["seconds"] = report.seconds;
    answer["rows"] = report.rows();
    answer["peak_mib"] = peak_mib();
    return answer;
}

void measure(const std::filesystem::path& folder, std::int64_t rows)
{
    const bench::PostgresqlServer server(folder / "server");
    DatabaseConfig local;
    const std::filesystem::path file = folder / "source.db";
    local.connection_string = "sqlite:///" + file.string();
    SQLiteAdapter source(local);
    blocking::run(source.connect());
    fill(source, rows);
    DatabaseConfig remote;
    remote.type = "postgresql";
    remote.connection_string = server.url();
    PostgreSQLAdapter target(remote);
    blocking::run(target.connect());
    json::object places;
    places["url"] = server.url();
    places["file"] = file.string();
    std::cout << json::serialize(places) << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        json::object answer;
        if (line == "empty" || line == "schema") {
            TableDefinitions anew;
            anew.emplace_back("schema", "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
            blocking::run(target.create_tables(anew));
            blocking::run(target.execute_query("CHECKPOINT")); // what rounds before have left to write
            if (line == "schema")
                blocking::run(target.setup_schema(WhisperEngineSchema::get_core_schema()));
        } else {
            answer = migrate(source, target, line == "verify");
        }
        std::cout << json::serialize(answer) << std::endl;
    }
    blocking::run(target.disconnect());
    blocking::run(source.disconnect());
}

} // namespace

int main(int count, char** arguments)
{
    try {
        if (count != 3) {
            std::cerr << "usage: database_migration_bench FOLDER ROWS (see bench/database_migration.py)\n";
            return 2;
        }
        measure(arguments[1], std::stoll(arguments[2]));
        return 0;
    } catch (const std::exception& error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
