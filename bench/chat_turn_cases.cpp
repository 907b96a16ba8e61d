// A chat turn through the whole storage layer, and its SQL alone beside raw SQLite.

#include "chat_turn.hpp"
#include "harness.hpp"
#include "raw_sqlite.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace whisperstore::bench {

namespace {

using Clock = std::chrono::steady_clock;

/// What the turns of one run share. One thread runs them all.
struct Run
{
    std::size_t left = 0;
    std::int64_t next = 1; ///< number of the next turn, over all runs
    std::size_t rows = 0;  ///< read, so that nothing is left out
    std::vector<double> latencies_ms;
};

UniversalMessage message_of(std::int64_t id, const std::string& user, const std::string& text, bool is_bot)
{
    UniversalMessage message;
    message.message_id = id;
    message.channel_id = "channel-" + user;
    message.user_id = is_bot ? "assistant" : user;
    message.username = "A name";
    message.content = text;
    message.timestamp = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    message.is_bot = is_bot;
    return message;
}

std::vector<Query> writes_of(std::int64_t turn, const std::string& user)
{
    const std::string channel = "channel-" + user;
    std::vector<Query> list;
    list.reserve(6);
    list.push_back(query(turn_sql::upsert_user, params(arg(user), arg("A name"))));
    list.push_back(
        query(turn_sql::message, params(arg(turn), arg(channel), arg(user), arg("A name"), arg(user_text()))));
    list.push_back(query(turn_sql::conversation, params(arg(user), arg(channel), arg(user_text()), arg(reply_text()))));
    list.push_back(query(turn_sql::memory, params(arg(user), arg(user_text()))));
    list.push_back(query(turn_sql::emotion, params(arg(user), arg(user_text()))));
    list.push_back(query(turn_sql::relationship, params(arg(user), arg(user))));
    return list;
}

awaitable<std::size_t> read_rows(AbstractDatabaseAdapter& database, const std::string& user)
{
    std::size_t rows = 0;
    for (const char* sql : {turn_sql::user, turn_sql::facts, turn_sql::conversations}) {
        Parameters values = params(arg(user));
        const QueryResult result = co_await database.execute_query(sql, std::move(values));
        rows += result.rows.size();
    }
    co_return rows;
}

awaitable<void> remember(GraphDatabaseManager& graph, std::int64_t turn, const std::string& user)
{
    const std::string memory = "turn-" + std::to_string(turn);
    json::object properties;
    properties["user_id"] = user;
    co_await graph.create_memory_node(memory, user_text(), std::move(properties));
    const std::string node = "memory:" + memory;
    std::vector<Relationship> edges;
    edges.push_back(Relationship{"user:" + user, node, "REMEMBERS", {}});
    edges.push_back(Relationship{node, "memory:memory-" + user.substr(5), "REPLIES_TO", {}});
    edges.push_back(Relationship{node, "user:" + user, "ABOUT", {}});
    co_await graph.create_relationships(std::move(edges));
}

awaitable<void> remember_vector(VectorDatabaseManager& vectors, std::int64_t turn, const std::string& user,
                                const std::vector<float>& embedding)
{
    json::object metadata;
    metadata["user_id"] = user;
    metadata["memory_type"] = "episodic";
    co_await vectors.store_document("user_memories", "turn-" + std::to_string(turn), user_text(), embedding,
                                    std::move(metadata));
}

awaitable<void> write_rows(AbstractDatabaseAdapter& database, std::int64_t turn, const std::string& user)
{
    std::vector<Query> writes = writes_of(turn, user);
    co_await database.execute_transaction(std::move(writes));
}

/// As an application would: it waits for what it needs, and for the writes of the three durable stores at once.
awaitable<void> take_turn(StorageLayer& storage, std::int64_t turn, Run& run)
{
    using asio::experimental::awaitable_operators::operator&&;
    const std::string user = chat_user(static_cast<std::size_t>(turn * 2654435761) % chat_users);
    const std::string channel = "channel-" + user;
    const std::vector<float> embedding = chat_embedding(static_cast<std::uint64_t>(turn) + (1ULL << 32));

    const auto context = co_await storage.cache().get_conversation_context(channel, 15);
    run.rows += co_await read_rows(storage.database(), user);
    const auto memories =
        co_await storage.vector_db().search_similar("user_memories", embedding, 10, filter::eq("user_id", user));
    const auto connected = co_await storage.graph().find_connected_memories(user, std::string(), 2, 20);
    run.rows += context.size() + memories.size() + connected.size();

    UniversalMessage question = message_of(2 * turn, user, user_text(), false);
    co_await storage.cache().add_message(channel, std::move(question));
    UniversalMessage answer = message_of(2 * turn + 1, user, reply_text(), true);
    co_await storage.cache().add_message(channel, std::move(answer));
    co_await (write_rows(storage.database(), turn, user) &&
              remember_vector(storage.vector_db(), turn, user, embedding) && remember(storage.graph(), turn, user));
}

awaitable<void> take_turns(StorageLayer& storage, Run& run)
{
    while (run.left > 0) {
        --run.left;
        const auto start = Clock::now();
        co_await take_turn(storage, run.next++, run);
        run.latencies_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    }
}

awaitable<void> take_sql(AbstractDatabaseAdapter& database, Run& run)
{
    while (run.left > 0) {
        --run.left;
        const std::int64_t turn = run.next++;
        const std::string user = chat_user(static_cast<std::size_t>(turn * 2654435761) % chat_users);
        run.rows += co_await read_rows(database, user);
        co_await write_rows(database, turn, user);
    }
}

/// Runs `in_flight` coroutines made by `make` on one thread until all are done.
template <typename Make>
void run_together(std::size_t in_flight, Make make)
{
    asio::io_context io(1);
    std::exception_ptr failure;
    for (std::size_t i = 0; i < in_flight; ++i)
        asio::co_spawn(io, make(), [&failure](std::exception_ptr error) {
            if (error)
                failure = error;
        });
    io.run();
    if (failure)
        std::rethrow_exception(failure);
}

std::vector<Result> chat_turn(const Settings& settings)
{
    ChatHistory history;
    history.memories = std::max<std::size_t>(chat_users, static_cast<std::size_t>(100000 * settings.scale));
    const std::shared_ptr<StorageLayer> storage = chat_storage(fresh_folder(settings, "chat_turn"), history);
    const auto count = std::max<std::size_t>(64, static_cast<std::size_t>(4000 * settings.scale));
    std::vector<Result> results;
    Run run;
    for (const std::size_t in_flight : {1U, 16U, 64U}) {
        std::vector<double> rates;
        std::vector<double> cpu;
        run.latencies_ms.clear();
        for (std::size_t round = 0; round <= settings.rounds; ++round) {
            run.left = in_flight == 1 ? count / 4 : count;
            const std::size_t turns = run.left;
            const double before = cpu_seconds();
            const double figure =
                rate(turns, [&] { run_together(in_flight, [&] { return take_turns(*storage, run); }); });
            if (round == 0) { // it warms up
                run.latencies_ms.clear();
                continue;
            }
            rates.push_back(figure);
            cpu.push_back((cpu_seconds() - before) * 1e6 / static_cast<double>(turns));
        }
        const std::string name = "chat_turn_" + std::to_string(in_flight);
        const double none = std::nan("");
        results.push_back(Result{name, median(rates), none, "turns/s",
                                 std::to_string(history.memories) + " vectors, durable, all decorators on"});
        results.push_back(Result{name + "_p50", percentile(run.latencies_ms, 0.5), none, "ms", "of one turn"});
        results.push_back(Result{name + "_p99", percentile(run.latencies_ms, 0.99), none, "ms", "of one turn"});
        results.push_back(Result{name + "_cpu", median(cpu), none, "us", "of all threads, a turn"});
    }
    blocking::run(storage->close());
    return results;
}

/// The turn's SQL by hand: reads, then the writes of a group of turns in one transaction.
class RawTurns
{
public:
    explicit RawTurns(const std::filesystem::path& path) : reader_(path), writer_(path)
    {
        for (const char* sql : {turn_sql::user, turn_sql::facts, turn_sql::conversations})
            reads_.push_back(reader_.prepare(sql));
        for (const char* sql : {turn_sql::upsert_user, turn_sql::message, turn_sql::conversation, turn_sql::memory,
                                turn_sql::emotion, turn_sql::relationship})
            writes_.push_back(writer_.prepare(sql));
    }

    void run(Run& run, std::size_t group)
    {
        while (run.left > 0) {
            const std::size_t size = std::min(group, run.left);
            std::vector<std::pair<std::int64_t, std::string>> turns;
            for (std::size_t i = 0; i < size; ++i) {
                const std::int64_t turn = run.next++;
                turns.emplace_back(turn, chat_user(static_cast<std::size_t>(turn * 2654435761) % chat_users));
                read(turns.back().second, run);
            }
            writer_.run("BEGIN IMMEDIATE");
            for (const auto& [turn, user] : turns)
                write(turn, user);
            writer_.run("COMMIT");
            run.left -= size;
        }
    }

private:
    void read(const std::string& user, Run& run)
    {
        for (const RawStatement& statement : reads_) {
            bind_value(statement.get(), 1, user);
            int code = SQLITE_ROW;
            while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
                std::vector<std::string> row;
                for (int column = 0; column < sqlite3_column_count(statement.get()); ++column)
                    row.push_back(text_at(statement.get(), column));
                run.rows += row.empty() ? 0 : 1;
            }
            reader_.check(code);
            sqlite3_reset(statement.get());
        }
    }
    template <typename... Values>
    void execute(std::size_t which, const Values&... values)
    {
        sqlite3_stmt* statement = writes_[which].get();
        int position = 0;
        (bind_value(statement, ++position, values), ...);
        writer_.check(sqlite3_step(statement));
        writer_.check(sqlite3_reset(statement));
    }
    void write(std::int64_t turn, const std::string& user)
    {
        const std::string channel = "channel-" + user;
        const std::string name = "A name";
        execute(0, user, name);
        execute(1, turn, channel, user, name, user_text());
        execute(2, user, channel, user_text(), reply_text());
        execute(3, user, user_text());
        execute(4, user, user_text());
        execute(5, user, user);
    }

    RawSqlite reader_;
    RawSqlite writer_;
    std::vector<RawStatement> reads_;
    std::vector<RawStatement> writes_;
};

std::shared_ptr<SQLiteAdapter> filled_database(const std::filesystem::path& path)
{
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + path.string();
    auto database = std::make_shared<SQLiteAdapter>(config);
    blocking::run(database->connect());
    blocking::run(database->setup_schema(WhisperEngineSchema::get_core_schema()));
    fill_chat_database(*database, ChatHistory());
    return database;
}

std::vector<Result> chat_turn_sql(const Settings& settings)
{
    const auto folder = fresh_folder(settings, "chat_turn_sql");
    const std::shared_ptr<SQLiteAdapter> ours = filled_database(folder / "ours.db");
    blocking::run(filled_database(folder / "raw.db")->disconnect());
    RawTurns raw(folder / "raw.db");
    const auto count = std::max<std::size_t>(64, static_cast<std::size_t>(8000 * settings.scale));
    std::vector<Result> results;
    Run our_run;
    Run raw_run;
    for (const std::size_t in_flight : {1U, 16U, 64U}) {
        const std::size_t turns = in_flight == 1 ? count / 4 : count;
        const auto our_rate = [&] {
            our_run.left = turns;
            return rate(turns, [&] { run_together(in_flight, [&] { return take_sql(*ours, our_run); }); });
        };
        const auto raw_rate = [&] {
            raw_run.left = turns;
            return rate(turns, [&] { raw.run(raw_run, in_flight); });
        };
        results.push_back(compare("chat_turn_sql_" + std::to_string(in_flight), "turns/s",
                                  "raw SQLite, as many turns a commit as ours has in flight", settings.rounds, our_rate,
                                  raw_rate));
    }
    blocking::run(ours->disconnect());
    return results;
}

} // namespace

std::vector<Case> chat_turn_cases()
{
    return {
        {"chat_turn", "a whole chat turn through all four stores, durable, 1, 16 and 64 in flight on one thread",
         chat_turn},
        {"chat_turn_sql", "the SQL of that turn alone, 1, 16 and 64 in flight", chat_turn_sql},
    };
}

} // namespace whisperstore::bench
