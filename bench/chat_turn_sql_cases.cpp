// The SQL of a chat turn beside raw SQLite.

#include "chat_turn_steps.hpp"
#include "harness.hpp"
#include "raw_sqlite.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

#include <algorithm>

namespace whisperstore::bench {

namespace {

awaitable<void> take_sql(AbstractDatabaseAdapter& database, Run& run)
{
    while (run.left > 0) {
        --run.left;
        const Turn turn(run.next++);
        co_await read_rows(database, turn, run);
        co_await write_rows(database, turn);
    }
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
            std::vector<Turn> turns;
            for (std::size_t i = 0; i < size; ++i)
                read(turns.emplace_back(run.next++).user, run);
            writer_.run("BEGIN IMMEDIATE");
            for (const Turn& turn : turns)
                write(turn);
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
    void write(const Turn& turn)
    {
        const std::string name = "A name";
        execute(0, turn.user, name);
        execute(1, turn.number, turn.channel, turn.user, name, user_text());
        execute(2, turn.user, turn.channel, user_text(), reply_text());
        execute(3, turn.user, user_text());
        execute(4, turn.user, user_text());
        execute(5, turn.user, turn.user);
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

std::vector<Case> chat_turn_sql_cases()
{
    return {{"chat_turn_sql", "the SQL of a chat turn alone, 1, 16 and 64 in flight on one thread", chat_turn_sql}};
}

} // namespace whisperstore::bench
