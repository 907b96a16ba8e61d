// The SQLite adapter beside raw prepared statements with the same pragmas.

#include "harness.hpp"
#include "raw_sqlite.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cmath>
#include <memory>
#include <random>
#include <thread>

namespace whisperstore::bench {

namespace {

constexpr std::size_t point_rows = 100000;

/// All columns of a row, copied out.
struct CopiedRow
{
    std::int64_t id = 0;
    std::string user_id;
    std::string name;
    double score = 0;
    std::string body;
};

SQLiteAdapter adapter_on(const std::filesystem::path& path)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + path.string();
    return SQLiteAdapter(config);
}

/// Starts `in_flight` coroutines on one thread that share `total` operations.
template <typename MakeOperation>
void run_in_flight(std::size_t in_flight, std::size_t total, MakeOperation make_operation)
{
    asio::io_context io(1);
    auto left = std::make_shared<std::size_t>(total);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, make_operation(left), [&](std::exception_ptr error) {
            if (error)
                failure = error;
        });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

/// Operations per second; adds those per second of CPU time of the process to `cpu`.
double timed(std::size_t count, std::vector<double>& cpu, const std::function<void()>& work)
{
    const double before = cpu_seconds();
    const double result = rate(count, work);
    cpu.push_back(static_cast<double>(count) / (cpu_seconds() - before));
    return result;
}

awaitable<void> select_rows(AbstractDatabaseAdapter& database, std::shared_ptr<std::size_t> left, std::size_t& bytes)
{
    // Not the same for all: they would find each other's rows in the processor's caches.
    std::minstd_rand random(static_cast<unsigned>(*left) + 7U);
    const std::string sql = "SELECT id, user_id, name, score, body FROM points WHERE id = ?";
    while (*left > 0) {
        --*left;
        Parameters values = params(arg(static_cast<std::int64_t>(random() % point_rows)));
        const QueryResult result = co_await database.execute_query(sql, std::move(values));
        const Row row = result.rows[0];
        bytes += row["body"].as_text().size();
    }
}

std::vector<Result> point_select(const Settings& settings)
{
    const auto folder = fresh_folder(settings, "point_select");
    const auto path = folder / "database.db";
    SQLiteAdapter database = adapter_on(path);
    blocking::run(database.connect());
    blocking::run(database.execute_query(
        "CREATE TABLE points (id INTEGER PRIMARY KEY, user_id TEXT, name TEXT, score REAL, body TEXT)"));
    blocking::run(
        database.execute_query("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
                               "INSERT INTO points SELECT i, 'user-' || (i % 1000), 'a name of a row', i * 0.5, "
                               "substr(hex(randomblob(330)), 1, 650) FROM n"));

    RawSqlite raw(path);
    const auto statement = raw.prepare("SELECT id, user_id, name, score, body FROM points WHERE id = ?1");
    const auto count = static_cast<std::size_t>(200000 * settings.scale);
    std::size_t bytes = 0;
    std::vector<double> reference_cpu;
    const auto reference = [&] {
        return timed(count, reference_cpu, [&] {
            std::minstd_rand random(7);
            for (std::size_t i = 0; i < count; ++i) {
                sqlite3_bind_int64(statement.get(), 1, static_cast<sqlite3_int64>(random() % point_rows));
                raw.check(sqlite3_step(statement.get()));
                CopiedRow row;
                row.id = sqlite3_column_int64(statement.get(), 0);
                row.user_id = text_at(statement.get(), 1);
                row.name = text_at(statement.get(), 2);
                row.score = sqlite3_column_double(statement.get(), 3);
                row.body = text_at(statement.get(), 4);
                bytes += row.body.size();
                sqlite3_reset(statement.get());
            }
        });
    };
    std::vector<Result> results;
    for (const std::size_t in_flight : {1U, 16U, 64U}) {
        std::vector<double> our_cpu;
        reference_cpu.clear();
        const auto ours = [&] {
            return timed(count, our_cpu, [&] {
                run_in_flight(in_flight, count, [&](std::shared_ptr<std::size_t> left) {
                    return select_rows(database, std::move(left), bytes);
                });
            });
        };
        const std::string name = "sqlite_point_select_" + std::to_string(in_flight);
        results.push_back(
            compare(name, "selects/s", "raw prepared statement, one thread", settings.rounds, ours, reference));
        results.push_back(Result{name + "_cpu", median(std::move(our_cpu)), median(reference_cpu), "selects/CPU s",
                                 "the same rounds, in CPU time of the whole process"});
    }
    blocking::run(database.disconnect());
    return results;
}

constexpr const char* insert_sql = "INSERT INTO notes (user_id, channel_id, body) VALUES (?, ?, ?)";
constexpr const char* notes_sql =
    "CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id TEXT, channel_id TEXT, body TEXT)";

awaitable<void> insert_rows(AbstractDatabaseAdapter& database, std::shared_ptr<std::size_t> left,
                            const std::string& body)
{
    const std::string sql = insert_sql;
    while (*left > 0) {
        --*left;
        Parameters values = params(arg("user-1"), arg("channel-1"), arg(body));
        co_await database.execute_query(sql, std::move(values));
    }
}

void insert_raw(RawSqlite& raw, sqlite3_stmt* statement, const std::string& body)
{
    sqlite3_bind_text(statement, 1, "user-1", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, "channel-1", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
    raw.check(sqlite3_step(statement));
    sqlite3_reset(statement);
}

std::vector<Result> durable_insert(const Settings& settings)
{
    const auto folder = fresh_folder(settings, "durable_insert");
    SQLiteAdapter database = adapter_on(folder / "ours.db");
    blocking::run(database.connect());
    blocking::run(database.execute_query(notes_sql));
    RawSqlite raw(folder / "raw.db");
    raw.run(notes_sql);
    const auto statement = raw.prepare(insert_sql);
    const std::string body(600, 'x');
    const auto raw_count = static_cast<std::size_t>(4000 * settings.scale);
    const auto reference = [&] {
        return rate(raw_count, [&] {
            for (std::size_t i = 0; i < raw_count; ++i)
                insert_raw(raw, statement.get(), body);
        });
    };
    std::vector<Result> results;
    for (const std::size_t in_flight : {1U, 16U, 64U}) {
        const std::size_t count = in_flight == 1 ? raw_count : raw_count * 10;
        const auto ours = [&] {
            return rate(count, [&] {
                run_in_flight(in_flight, count, [&](std::shared_ptr<std::size_t> left) {
                    return insert_rows(database, std::move(left), body);
                });
            });
        };
        results.push_back(compare("sqlite_durable_insert_" + std::to_string(in_flight), "inserts/s",
                                  "raw autocommit, synchronous=FULL, one thread", settings.rounds, ours, reference));
    }
    blocking::run(database.disconnect());
    return results;
}

std::vector<Result> bulk_insert(const Settings& settings)
{
    const auto folder = fresh_folder(settings, "bulk_insert");
    SQLiteAdapter database = adapter_on(folder / "ours.db");
    blocking::run(database.connect());
    blocking::run(database.execute_query(notes_sql));
    RawSqlite raw(folder / "raw.db");
    raw.run(notes_sql);
    raw.run("PRAGMA wal_autocheckpoint=0"); // ours writes its log back after the answer, so this one may too
    const auto statement = raw.prepare(insert_sql);
    const std::string body(600, 'x');
    const auto count = static_cast<std::size_t>(50000 * settings.scale);
    const auto reference = [&] {
        const double result = rate(count, [&] {
            raw.run("BEGIN IMMEDIATE");
            for (std::size_t i = 0; i < count; ++i)
                insert_raw(raw, statement.get(), body);
            raw.run("COMMIT");
        });
        raw.run("PRAGMA wal_checkpoint(PASSIVE)");
        return result;
    };
    const auto ours = [&] {
        std::vector<Query> list;
        list.reserve(count);
        for (std::size_t i = 0; i < count; ++i)
            list.push_back(query(insert_sql, params(arg("user-1"), arg("channel-1"), arg(body))));
        return rate(count, [&] { blocking::run(database.execute_transaction(std::move(list))); });
    };
    std::vector<Result> results{compare("sqlite_bulk_insert", "rows/s", "raw prepared statement in one transaction",
                                        settings.rounds, ours, reference)};
    blocking::run(database.disconnect());
    return results;
}

/// The longest time between two turns of a coroutine, in milliseconds.
struct Longest
{
    double wall = 0;
    double cpu = 0; ///< of its thread: what others on a busy machine took is not in it
};

awaitable<void> tick(asio::io_context& io, const bool& stop, Longest& longest)
{
    auto last = std::chrono::steady_clock::now();
    double last_cpu = thread_cpu_seconds();
    while (!stop) {
        co_await asio::post(io, asio::use_awaitable);
        const auto current = std::chrono::steady_clock::now();
        const double cpu = thread_cpu_seconds();
        longest.wall = std::max(longest.wall, std::chrono::duration<double, std::milli>(current - last).count());
        longest.cpu = std::max(longest.cpu, (cpu - last_cpu) * 1000);
        last = current;
        last_cpu = cpu;
    }
}

// About a second each. The first runs on a reader's thread from the start, the second is stopped on the caller's.
constexpr const char* recursion = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000000) "
                                  "SELECT max(i) FROM n";
constexpr const char* join = "SELECT sum(a.i * b.i) FROM numbers a CROSS JOIN numbers b";

awaitable<void> slow_query(AbstractDatabaseAdapter& database, std::string sql, bool& stop)
{
    co_await database.execute_query(std::move(sql));
    stop = true;
}

/// Runs `start` beside a ticking coroutine of one thread; `start` sees to it that `stop` is set on that thread.
Longest longest_wait(const std::function<void(asio::io_context&, bool& stop)>& start)
{
    asio::io_context io(1);
    bool stop = false;
    Longest longest;
    asio::co_spawn(io, tick(io, stop, longest), asio::detached);
    start(io, stop);
    io.run();
    return longest;
}

/// How long a slow query keeps other coroutines of its caller's thread waiting. The reference, where the query runs on
/// a thread of its own, tells what of it is the machine's.
std::vector<Result> slow_query_delay(const Settings& settings)
{
    const auto path = fresh_folder(settings, "slow_query") / "database.db";
    SQLiteAdapter database = adapter_on(path);
    blocking::run(database.connect());
    blocking::run(database.execute_query("CREATE TABLE numbers (i INTEGER)"));
    blocking::run(
        database.execute_query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
                               "INSERT INTO numbers SELECT i FROM n"));
    RawSqlite raw(path);
    std::vector<Result> results;
    for (const auto& [name, sql] : {std::pair("recursion", recursion), std::pair("join", join)}) {
        const auto statement = raw.prepare(sql);
        std::vector<double> cpu;
        double seconds = 0;
        const auto ours = [&] {
            Longest longest;
            seconds = milliseconds([&] {
                          longest = longest_wait([&](asio::io_context& io, bool& stop) {
                              asio::co_spawn(io, slow_query(database, sql, stop), asio::detached);
                          });
                      }) /
                      1000;
            cpu.push_back(longest.cpu);
            return longest.wall;
        };
        const auto reference = [&] {
            std::thread thread;
            const Longest longest = longest_wait([&](asio::io_context& io, bool& stop) {
                thread = std::thread([&] {
                    sqlite3_step(statement.get());
                    sqlite3_reset(statement.get());
                    asio::post(io, [&stop] { stop = true; });
                });
            });
            thread.join();
            return longest.wall;
        };
        const std::string prefix = std::string("sqlite_slow_query_delay_") + name;
        results.push_back(compare(prefix, "ms", "the query on a thread of its own; aim: at most 3 ms", settings.rounds,
                                  ours, reference));
        cpu.erase(cpu.begin()); // the warm-up
        results.push_back(Result{prefix + "_cpu", median(std::move(cpu)), std::nan(""), "ms CPU",
                                 "the waiting thread's own time; the query took " + std::to_string(seconds) + " s"});
    }
    blocking::run(database.disconnect());
    return results;
}

} // namespace

std::vector<Case> sqlite_cases()
{
    return {
        {"sqlite_point_select", "all columns of a 700-byte row by key, 1, 16 and 64 in flight on one thread",
         point_select},
        {"sqlite_durable_insert", "a 600-byte row, WAL, synchronous=FULL, 1, 16 and 64 in flight on one thread",
         durable_insert},
        {"sqlite_bulk_insert", "600-byte rows in one list transaction", bulk_insert},
        {"sqlite_slow_query_delay",
         "how long a one-second query keeps other coroutines of its thread waiting, by wall clock and in their own "
         "time",
         slow_query_delay},
    };
}

} // namespace whisperstore::bench
