#include "core/failure.hpp"
#include "database/archive/file_snapshot.hpp"
#include "database/migration_wait.hpp"
#include "database/sqlite_archive.hpp"
#include "database/sqlite_load.hpp"
#include "database/sqlite_state.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace whisperstore {

class SQLiteAdapter::Impl final : public SqliteState
{
public:
    using SqliteState::SqliteState;
};

namespace {

constexpr std::string_view backend = "sqlite";
// After an inline read that took so long the executor gets its turn.
constexpr auto inline_time = std::chrono::microseconds(200);

using Clock = std::chrono::steady_clock;

/// One autocommit write: its statement undoes itself when it fails.
class StatementJob final : public sqlite::WriteJob
{
public:
    explicit StatementJob(BoundQuery query) : WriteJob(Mode::statement), query_(std::move(query)) {}
    void run(sqlite::Connection& connection) override { result = run_query(connection, query_); }
    QueryResult result;

private:
    BoundQuery query_;
};

std::string position(std::size_t index, std::size_t count)
{
    return "query " + std::to_string(index + 1) + " of " + std::to_string(count) + ": ";
}

std::vector<QueryResult> run_list(sqlite::Connection& connection, const std::vector<BoundQuery>& queries)
{
    std::vector<QueryResult> results;
    results.reserve(queries.size());
    auto start = Clock::now();
    for (std::size_t i = 0; i < queries.size(); ++i) {
        try {
            if (connection.options().read_only && !prepare(connection, queries[i]).read_only())
                throw StorageError(StorageErrc::permission, "the database was opened read-only");
            results.push_back(run_query(connection, queries[i]));
        } catch (const StorageError& error) {
            if (sqlite::is_interrupt(error))
                throw;
            throw error.prefixed(position(i, queries.size()));
        }
        const auto end = Clock::now();
        results.back().execution_time_ms = std::chrono::duration<double, std::milli>(end - start).count();
        start = end;
    }
    return results;
}

/// Several statements in one transaction.
class ListJob final : public sqlite::WriteJob
{
public:
    explicit ListJob(std::vector<BoundQuery> queries) : WriteJob(Mode::group), queries_(std::move(queries)) {}
    void run(sqlite::Connection& connection) override { results = run_list(connection, queries_); }
    std::vector<QueryResult> results;

private:
    std::vector<BoundQuery> queries_;
};

/// Runs a script of many statements; none may control transactions.
void run_all(sqlite::Connection& connection, const std::vector<sql::TranslatedQuery>& statements)
{
    for (const sql::TranslatedQuery& statement : statements)
        connection.prepare_once(statement.sql).run();
}

std::vector<sql::TranslatedQuery> read_script(std::string_view script)
{
    std::vector<sql::TranslatedQuery> statements = sql::translate_script(script, SqlDialect::sqlite);
    for (const sql::TranslatedQuery& statement : statements)
        sql::check_allowed(statement);
    return statements;
}

} // namespace

SQLiteAdapter::SQLiteAdapter(DatabaseConfig config)
{
    try {
        impl_ = std::make_shared<Impl>(std::move(config));
    } catch (const StorageError& error) {
        throw error.within(backend, "configure");
    }
}

SQLiteAdapter::~SQLiteAdapter() = default;

awaitable<void> SQLiteAdapter::connect(OperationContext context)
{
    context.check_deadline(backend, "connect");
    const auto impl = impl_;
    std::function<void()> work = [impl] { impl->open(); };
    try {
        co_await sqlite::run_on_thread(std::move(work), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "connect");
    }
}

awaitable<void> SQLiteAdapter::disconnect()
{
    const auto impl = impl_;
    std::function<void()> work = [impl] { impl->close(); };
    try {
        co_await sqlite::run_on_thread(std::move(work), OperationContext());
    } catch (...) {
        rethrow_as_storage_error(backend, "disconnect");
    }
}

awaitable<QueryResult> SQLiteAdapter::execute_query(std::string query, Parameters params, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("execute_query");
    context.check_deadline(backend, "execute_query");
    CallMeasure measure(impl->counters());
    bool ran_here = false;
    QueryResult result;
    try {
        if (impl->may_have_owner())
            co_await impl->refuse_owner();
        BoundQuery bound = bind_query(*impl->queries(), query, std::move(params));
        bool done = false;
        if (bound.query->may_be_read && !bound.query->writes) {
            if (bound.query->inline_class != SqliteQuery::Inline::no) {
                if (const auto lease = store->readers().try_lease_snapshot())
                    ran_here = run_inline(lease->connection(), bound, result);
                done = ran_here;
            }
            if (!done) {
                auto outcome = std::make_shared<std::pair<QueryResult, bool>>();
                std::function<void(sqlite::Connection&)> work = [bound, outcome](sqlite::Connection& connection) {
                    if (!prepare(connection, bound).read_only()) {
                        outcome->second = true; // WITH … INSERT, for the writer
                        return;
                    }
                    outcome->first = run_query(connection, bound);
                };
                co_await store->read(std::move(work), context);
                done = !outcome->second;
                bound.query->writes = outcome->second;
                result = std::move(outcome->first);
            }
        }
        if (!done) {
            auto job = std::make_shared<StatementJob>(std::move(bound));
            co_await store->submit(job, std::move(context));
            result = std::move(job->result);
        }
    } catch (...) {
        rethrow_as_storage_error(backend, "execute_query");
    }
    const auto taken = measure.succeed();
    result.execution_time_ms = std::chrono::duration<double, std::milli>(taken).count();
    if (ran_here && (impl->inline_turn_over() || taken > inline_time)) {
        try {
            co_await asio::post(asio::use_awaitable);
        } catch (const boost::system::system_error&) {
            // Cancelled after the answer was there: the caller has it, and hears at its next co_await.
        }
    }
    co_return result;
}

awaitable<std::vector<QueryResult>> SQLiteAdapter::execute_transaction(std::vector<Query> queries,
                                                                       OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("execute_transaction");
    context.check_deadline(backend, "execute_transaction");
    CallMeasure measure(impl->counters());
    std::vector<QueryResult> results;
    try {
        co_await impl->refuse_owner();
        std::vector<BoundQuery> bound;
        bound.reserve(queries.size());
        for (std::size_t i = 0; i < queries.size(); ++i) {
            try {
                bound.push_back(bind_query(*impl->queries(), queries[i].sql, std::move(queries[i].params)));
            } catch (const StorageError& error) {
                throw error.prefixed(position(i, queries.size()));
            }
        }
        if (store->read_only()) {
            auto answers = std::make_shared<std::vector<QueryResult>>();
            std::function<void(sqlite::Connection&)> work = [bound, answers](sqlite::Connection& connection) {
                connection.execute("BEGIN"); // one snapshot for all; the reader's pool ends it
                *answers = run_list(connection, bound);
            };
            co_await store->read(std::move(work), std::move(context));
            results = std::move(*answers);
        } else {
            auto job = std::make_shared<ListJob>(std::move(bound));
            co_await store->submit(job, std::move(context));
            results = std::move(job->results);
        }
    } catch (...) {
        rethrow_as_storage_error(backend, "execute_transaction");
    }
    measure.succeed();
    co_return results;
}

awaitable<Transaction> SQLiteAdapter::begin_transaction(OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("begin_transaction");
    context.check_deadline(backend, "begin_transaction");
    std::shared_ptr<SqliteTransaction> transaction;
    try {
        co_await impl->refuse_owner();
        transaction = impl->new_transaction(store);
        co_await transaction->begin(std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "begin_transaction");
    }
    co_return Transaction(transaction);
}

awaitable<RowStream> SQLiteAdapter::stream_query(std::string query, Parameters params, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("stream_query");
    context.check_deadline(backend, "stream_query");
    CallMeasure measure(impl->counters());
    std::shared_ptr<SqliteStream> stream;
    try {
        co_await impl->refuse_owner();
        BoundQuery bound = bind_query(*impl->queries(), query, std::move(params));
        stream = impl->new_stream(store, std::move(bound), std::move(context));
        co_await stream->open();
    } catch (...) {
        if (stream)
            stream->close();
        rethrow_as_storage_error(backend, "stream_query");
    }
    measure.succeed();
    co_return RowStream(stream);
}

awaitable<void> SQLiteAdapter::create_tables(TableDefinitions schema, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("create_tables");
    context.check_deadline(backend, "create_tables");
    try {
        co_await impl->refuse_owner();
        using Definition = std::pair<std::string, std::vector<sql::TranslatedQuery>>;
        auto definitions = std::make_shared<std::vector<Definition>>();
        for (const auto& [name, script] : schema) {
            try {
                definitions->emplace_back(name, read_script(script));
            } catch (const StorageError& error) {
                throw error.prefixed("creating " + name + ": ");
            }
        }
        std::function<void(sqlite::Connection&)> work = [definitions](sqlite::Connection& connection) {
            for (const auto& [name, statements] : *definitions) {
                try {
                    run_all(connection, statements);
                } catch (const StorageError& error) {
                    throw error.prefixed("creating " + name + ": ");
                }
            }
        };
        co_await store->write(std::move(work), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "create_tables");
    }
}

awaitable<void> SQLiteAdapter::run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                                          OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("migrate_schema");
    co_await impl->refuse_owner();
    auto statements = std::make_shared<const std::vector<sql::TranslatedQuery>>(read_script(script));
    const auto queries = impl->queries();
    std::function<void(sqlite::Connection&)> work = [queries, statements, probe,
                                                     record](sqlite::Connection& connection) {
        if (run_query(connection, bind_query(*queries, probe.sql, probe.params)).row_count > 0)
            return;
        const auto start = Clock::now();
        run_all(connection, *statements);
        const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
        const Query insert = record(taken.count());
        run_query(connection, bind_query(*queries, insert.sql, insert.params));
    };
    co_await store->write(std::move(work), std::move(context));
}

awaitable<void> SQLiteAdapter::run_statements(std::string script, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("migrate_schema");
    co_await impl->refuse_owner();
    for (const sql::TranslatedQuery& statement : sql::translate_script(script, SqlDialect::sqlite)) {
        const bool is_vacuum = statement.keyword == "VACUUM"; // which cannot be in a transaction, not even its own
        if (!is_vacuum)
            sql::check_allowed(statement);
        std::function<void(sqlite::Connection&)> work = [text = statement.sql](sqlite::Connection& connection) {
            connection.prepare_once(text).run();
        };
        if (is_vacuum)
            co_await store->exclusive(std::move(work), context);
        else
            co_await store->write(std::move(work), context);
    }
}

awaitable<std::shared_ptr<void>> SQLiteAdapter::lock_migrations(std::function<void(const std::string& holder)> waits,
                                                                OperationContext context)
{
    const auto impl = impl_;
    MigrationWait wait(std::move(waits), std::move(context));
    while (true) {
        static_cast<void>(impl->store("migrate_schema")); // closed while we wait
        if (std::shared_ptr<void> lock = impl->try_lock_migrations())
            co_return lock;
        co_await wait.pause("another caller in this process");
    }
}

awaitable<void> SQLiteAdapter::backup_database(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = impl_->store("backup_database");
    context.check_deadline(backend, "backup_database");
    auto stopper = std::make_shared<sqlite::Stopper>();
    std::function<void()> work = [store, backup_path, stopper] {
        write_archive(store->options().open, backup_path, *stopper);
    };
    std::function<void()> interrupt = [stopper] { stopper->stop(); };
    try {
        co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
    } catch (...) {
        rethrow_as_storage_error(backend, "backup_database");
    }
}

awaitable<void> SQLiteAdapter::restore_database(std::filesystem::path backup_path, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("restore_database");
    context.check_deadline(backend, "restore_database");
    try {
        co_await impl->refuse_owner();
        if (store->read_only())
            throw StorageError(StorageErrc::permission, "the database was opened read-only");
        auto stopper = std::make_shared<sqlite::Stopper>();
        auto archive = std::make_shared<CheckedArchive>();
        std::function<void()> check = [store, backup_path, stopper, archive] {
            *archive = check_archive(backup_path, store->options().open, *stopper);
        };
        std::function<void()> interrupt = [stopper] { stopper->stop(); };
        co_await sqlite::run_on_thread(std::move(check), context, std::move(interrupt));
        std::function<void(sqlite::Connection&)> copy = [archive](sqlite::Connection& live) {
            take_over(*archive->connection, live);
        };
        co_await store->exclusive(std::move(copy), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "restore_database");
    }
}

awaitable<std::shared_ptr<DatabaseSnapshot>> SQLiteAdapter::open_snapshot(OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("open_snapshot");
    context.check_deadline(backend, "open_snapshot");
    try {
        co_await impl->refuse_owner();
        std::shared_ptr<DatabaseSnapshot> snapshot =
            co_await archive::open_live_file(store->options().open, std::move(context));
        store->commits().seen();
        co_return snapshot;
    } catch (...) {
        rethrow_as_storage_error(backend, "open_snapshot");
    }
}

awaitable<void> SQLiteAdapter::load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                             OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("load_snapshot");
    context.check_deadline(backend, "load_snapshot");
    try {
        co_await impl->refuse_owner();
        if (store->read_only())
            throw StorageError(StorageErrc::permission, "the database was opened read-only");
        co_await load_into(store, std::move(from), std::move(options), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "load_snapshot");
    }
}

std::vector<std::string> SQLiteAdapter::endpoints() const { return std::vector<std::string>(1, impl_->place()); }

awaitable<std::size_t> SQLiteAdapter::get_pool_size()
{
    const auto store = impl_->store("get_pool_size");
    co_return store->readers().size() + (store->read_only() ? 0 : 1);
}

awaitable<std::size_t> SQLiteAdapter::get_active_connections()
{
    co_return impl_->store("get_active_connections")->active() + impl_->open_streams();
}

json::object SQLiteAdapter::get_details() const
{
    json::object out;
    std::shared_ptr<sqlite::Store> store;
    try {
        store = impl_->store("get_details");
    } catch (const StorageError&) {
        return out; // closed
    }
    const auto size = [](const std::string& path) {
        std::error_code error; // there may be no log
        const std::uintmax_t bytes = std::filesystem::file_size(path, error);
        return json_integer(error ? 0 : static_cast<std::int64_t>(bytes));
    };
    const std::string path = store->options().open.path.string();
    json::object file;
    file["bytes"] = size(path);
    file["wal_bytes"] = size(path + "-wal");
    file["checkpoints"] = json_integer(static_cast<std::int64_t>(store->checkpoints()));
    file["pending_writes"] = store->pending_writes();
    out["file"] = std::move(file);
    return out;
}

awaitable<double> SQLiteAdapter::get_avg_response_time() { co_return impl_->counters().average_ms(); }
awaitable<std::uint64_t> SQLiteAdapter::get_query_count() { co_return impl_->counters().queries(); }
awaitable<double> SQLiteAdapter::get_error_rate() { co_return impl_->counters().error_rate(); }

} // namespace whisperstore
