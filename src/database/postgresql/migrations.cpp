#include "database/postgresql/migrations.hpp"

#include "core/failure.hpp"
#include "database/migration_wait.hpp"
#include "database/postgresql/log_position.hpp"
#include "protocol/sql/sql_lexer.hpp"

namespace whisperstore::postgresql {

namespace {

// A lock of a transaction, not of a session: a pooler that gives each transaction another server connection keeps it
// too. The transaction has no snapshot while nothing runs in it, so neither a CREATE INDEX CONCURRENTLY nor VACUUM
// waits for it, and no limit for idle ones may end it.
constexpr const char* begin_lock = "BEGIN ISOLATION LEVEL READ COMMITTED";
constexpr const char* no_idle_limit = "SELECT set_config(name, '0', true) FROM pg_settings WHERE name IN "
                                      "('idle_in_transaction_session_timeout', 'transaction_timeout')";
constexpr const char* try_lock = "SELECT pg_try_advisory_xact_lock(6304870517)";
constexpr const char* who_holds_it =
    "SELECT coalesce(max('process ' || l.pid || ' of the server (' || coalesce(nullif(a.application_name, ''), "
    "'unnamed') "
    "|| ', for ' || round(extract(epoch FROM clock_timestamp() - a.xact_start)) || ' s)'), 'another process') "
    "FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid WHERE l.locktype = 'advisory' AND l.granted AND "
    "l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND "
    "l.classid = 6304870517 >> 32 AND l.objid = 6304870517 & 4294967295 AND l.objsubid = 1";

// As notice_our_end, for as long as the connection lives: a later statement does not mind.
constexpr const char* notice_our_end_in_session = "SELECT set_config(name, '1000', false) FROM pg_settings "
                                                  "WHERE name = 'client_connection_check_interval'";
constexpr std::chrono::seconds time_for_an_answer{2};

std::vector<std::string> one(std::string command) { return std::vector<std::string>(1, std::move(command)); }

/// The last query of a transaction keeps its snapshot as long as its portal stands, until the next one takes its place:
/// here one that needs none.
awaitable<void> let_snapshot_go(Lease& lease, OperationContext context)
{
    std::vector<std::string> commands = one("SET LOCAL statement_timeout = 0");
    co_await lease.run_commands(std::move(commands), false, std::move(context));
}

} // namespace

awaitable<void> run_statements(std::shared_ptr<Operations> self, std::string script, OperationContext context)
{
    const auto router = self->router("migrate_schema");
    std::vector<std::string> commands;
    for (sql::TranslatedQuery& statement : sql::translate_script(script, SqlDialect::postgresql)) {
        if (statement.keyword != "VACUUM")
            sql::check_allowed(statement);
        commands.push_back(std::move(statement.sql));
    }
    const std::function<awaitable<void>(Lease&)> work = [&](Lease& lease) -> awaitable<void> {
        if (lease.connection()->options().named_statements) { // else the session is not ours
            std::vector<std::string> watch = one(notice_our_end_in_session);
            co_await lease.run_commands(std::move(watch), false, context);
        }
        try {
            for (const std::string& command : commands) {
                std::vector<std::string> alone = one(command);
                co_await lease.run_commands(std::move(alone), false, context);
            }
        } catch (...) {
            if (router->wants_positions())
                router->wrote(context, std::string()); // those before it stay, and the caller reads its own writes
            throw;
        }
        if (router->wants_positions()) {
            std::vector<std::string> ask = one(std::string(log_position_sql));
            const std::string position = co_await lease.run_commands(std::move(ask), false, context);
            router->wrote(context, position);
        }
    };
    co_await self->on_writer(router, false, context, work);
}

awaitable<std::shared_ptr<void>> lock_migrations(std::shared_ptr<Operations> self,
                                                 std::function<void(const std::string& holder)> waits,
                                                 OperationContext context)
{
    context.check_deadline(self->backend(), "migrate_schema");
    try {
        Lease connection = co_await Operations::extra_connection(self, context);
        auto lease = std::make_shared<Lease>(std::move(connection));
        MigrationWait wait(std::move(waits), context);
        // It is the wait whose end is told, for it knows for whom.
        if (context.deadline)
            *context.deadline += time_for_an_answer;
        while (true) {
            static_cast<void>(self->router("migrate_schema")); // closed while we wait
            std::vector<std::string> ask = one(begin_lock);
            ask.emplace_back(no_idle_limit);
            ask.emplace_back(try_lock);
            const std::string got = co_await lease->run_commands(std::move(ask), false, context);
            if (got == "t") {
                co_await let_snapshot_go(*lease, context);
                co_return lease;
            }
            // A CREATE INDEX CONCURRENTLY that meets the snapshot of a question waits for the end of its transaction: it
            // must not be that of the whole wait.
            std::vector<std::string> ask_who = one("ROLLBACK");
            ask_who.emplace_back(who_holds_it);
            std::string holder = co_await lease->run_commands(std::move(ask_who), false, context);
            co_await wait.pause(std::move(holder));
        }
    } catch (...) {
        rethrow_as_storage_error(self->backend(), "migrate_schema");
    }
}

} // namespace whisperstore::postgresql
