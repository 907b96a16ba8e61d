#include <whisperstore/database/sqlite_adapter.hpp>

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/version.hpp>

#include "database/sqlite_query.hpp"
#include "database/sqlite_stream.hpp"
#include "database/sqlite_transaction.hpp"
#include "sqlite/store.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <sqlite3.h>

#include <cstdlib>

namespace whisperstore {

namespace {

constexpr std::string_view backend = "sqlite";
// Marks our relational files, so that a restore can tell them from other SQLite files: "WSdb".
constexpr std::int64_t application_id = 0x57536462;
constexpr std::int64_t archive_format = 1;
constexpr std::size_t streams_allowed = 8;
// An inline read never suspends, so the executor gets its turn after so many or after a long one.
constexpr std::uint64_t inline_run = 32;
constexpr auto inline_time = std::chrono::microseconds(200);

using Clock = std::chrono::steady_clock;

void set_number(sqlite::Connection& connection, const std::string& pragma, std::int64_t value)
{
    connection.execute("PRAGMA " + pragma + "=" + std::to_string(value));
}

/// A statement of a script or a table definition: anything but transaction control.
void check_script_statement(std::string_view statement)
{
    sql::check_allowed(sql::translate(statement, SqlDialect::sqlite));
}

void check_archive(const std::filesystem::path& path)
{
    sqlite::check_file(path, backend);
    sqlite::OpenOptions options;
    options.path = path;
    options.read_only = true;
    sqlite::Connection archive(options);
    if (archive.query_int("PRAGMA application_id") != application_id)
        throw StorageError(StorageErrc::corrupt, path.string() + " is a SQLite file, but not a database backup of whisperstore");
    if (archive.query_int("PRAGMA user_version") > archive_format)
        throw StorageError(StorageErrc::version_mismatch, path.string() + " was written by a newer whisperstore: use that one");
    const Schema& schema = WhisperEngineSchema::get_core_schema();
    if (archive.query_int("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'") == 0)
        return;
    sqlite::Statement versions = archive.prepare("SELECT version FROM schema_migrations WHERE version LIKE ?1");
    const std::string prefix = schema.name + ".";
    const std::string pattern = prefix + "%";
    versions.bind_text(1, pattern);
    while (versions.step())
        if (Version::parse(versions.column_text(0).substr(prefix.size())) > Version::parse(std::to_string(schema.version)))
            throw StorageError(StorageErrc::version_mismatch, path.string() + " holds a newer schema (" +
                                                                  std::string(versions.column_text(0)) +
                                                                  "): use a newer whisperstore");
}

} // namespace

class SQLiteAdapter::Impl
{
public:
    explicit Impl(DatabaseConfig config) : config_(std::move(config))
    {
        const SqlitePath parsed = sqlite_path(config_.connection_string);
        memory_ = parsed.memory;
        path_ = parsed.path;
        config_.read_only = config_.read_only || parsed.read_only;
        if (config_.synchronous != "FULL" && config_.synchronous != "NORMAL")
            throw StorageError(StorageErrc::invalid_argument,
                               "synchronous is '" + config_.synchronous + "'; allowed are FULL and NORMAL");
        if (config_.pool_size == 0 || config_.pool_size > 64)
            throw StorageError(StorageErrc::invalid_argument,
                               "pool_size is " + std::to_string(config_.pool_size) + "; allowed are 1 to 64");
    }

    ~Impl()
    {
        if (transaction_)
            transaction_->close();
        store_.reset();
        remove_memory_directory();
    }

    const DatabaseConfig& config() const noexcept { return config_; }
    std::string place() const { return memory_ ? ":memory:" : path_.string(); }
    const std::shared_ptr<SqliteQueryCache>& cache() const noexcept { return cache_; }

    std::shared_ptr<sqlite::Store> store(std::string_view operation) const
    {
        const std::lock_guard lock(mutex_);
        if (!store_)
            throw StorageError(StorageErrc::closed, "not connected: call connect() first").within(backend, operation);
        return store_;
    }
    std::shared_ptr<sqlite::Store> store_if_open() const
    {
        const std::lock_guard lock(mutex_);
        return store_;
    }

    /// Blocks: opens the file.
    void open()
    {
        const std::lock_guard opening(opening_mutex_);
        if (store_if_open())
            return;
        sqlite::StoreOptions options;
        options.open.path = memory_ ? make_memory_directory() / "database.db" : path_;
        options.open.read_only = config_.read_only;
        options.open.synchronous = memory_ ? "OFF" : config_.synchronous;
        options.open.busy_timeout_ms = static_cast<int>(config_.busy_timeout.count());
        options.readers = config_.pool_size;
        auto opened = std::make_shared<sqlite::Store>(options, [this](sqlite::Connection& connection) {
            if (!config_.read_only && connection.query_int("SELECT count(*) FROM sqlite_schema") == 0)
                set_number(connection, "application_id", application_id);
        });
        const std::lock_guard lock(mutex_);
        store_ = std::move(opened);
    }

    /// Blocks until running work has ended.
    void close()
    {
        const std::lock_guard opening(opening_mutex_);
        std::shared_ptr<sqlite::Store> store;
        std::shared_ptr<SqliteTransaction> transaction;
        {
            const std::lock_guard lock(mutex_);
            store = std::move(store_);
            transaction = std::move(transaction_);
        }
        if (transaction)
            transaction->close();
        if (store)
            store->close();
        remove_memory_directory();
    }

    std::shared_ptr<SqliteTransaction> transaction() const
    {
        const std::lock_guard lock(mutex_);
        return transaction_;
    }
    void set_transaction(std::shared_ptr<SqliteTransaction> transaction)
    {
        const std::lock_guard lock(mutex_);
        transaction_ = std::move(transaction);
        has_transaction_ = true;
    }

    /// A coroutine that calls the adapter while it owns the open transaction would wait for itself.
    awaitable<void> refuse_owner(OperationContext context)
    {
        if (!has_transaction_)
            co_return;
        const auto transaction = this->transaction();
        if (!transaction || !transaction->open())
            co_return;
        const void* coroutine = co_await current_coroutine();
        if (transaction->open() && transaction->owned_by(coroutine, context.session.get()))
            throw StorageError(StorageErrc::invalid_argument,
                               "the caller has an open transaction: use the Transaction object until it is committed "
                               "or rolled back");
    }

    std::shared_ptr<void> stream_permit()
    {
        auto& open = open_streams_;
        if (open->fetch_add(1) >= streams_allowed) {
            open->fetch_sub(1);
            throw StorageError(StorageErrc::resource_exhausted,
                               std::to_string(streams_allowed) + " streams are open already: read them to the end or drop them");
        }
        return std::shared_ptr<void>(nullptr, [count = open](void*) { count->fetch_sub(1); });
    }
    std::size_t open_streams() const noexcept { return open_streams_->load(); }

    bool inline_turn_over() noexcept { return inline_reads_.fetch_add(1, std::memory_order_relaxed) % inline_run == inline_run - 1; }

    void record(Clock::duration taken, bool failed) noexcept
    {
        queries_.fetch_add(1, std::memory_order_relaxed);
        nanoseconds_.fetch_add(static_cast<std::uint64_t>(std::chrono::nanoseconds(taken).count()),
                               std::memory_order_relaxed);
        if (failed)
            errors_.fetch_add(1, std::memory_order_relaxed);
    }
    std::uint64_t queries() const noexcept { return queries_.load(std::memory_order_relaxed); }
    double error_rate() const noexcept
    {
        const std::uint64_t count = queries();
        return count == 0 ? 0.0 : static_cast<double>(errors_.load(std::memory_order_relaxed)) / static_cast<double>(count);
    }
    double average_ms() const noexcept
    {
        const std::uint64_t count = queries();
        return count == 0 ? 0.0
                          : static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e6 / static_cast<double>(count);
    }

private:
    std::filesystem::path make_memory_directory()
    {
        std::string name = (std::filesystem::temp_directory_path() / "whisperstore-XXXXXX").string();
        if (!::mkdtemp(name.data()))
            throw StorageError(StorageErrc::permission, "cannot create a temporary folder for an in-memory database");
        memory_directory_ = name;
        return memory_directory_;
    }
    void remove_memory_directory() noexcept
    {
        if (memory_directory_.empty())
            return;
        std::error_code ignored; // a left-over temporary folder harms nobody
        std::filesystem::remove_all(memory_directory_, ignored);
        memory_directory_.clear();
    }

    DatabaseConfig config_;
    std::filesystem::path path_;
    bool memory_ = false;
    std::filesystem::path memory_directory_;
    std::shared_ptr<SqliteQueryCache> cache_ = std::make_shared<SqliteQueryCache>();

    std::mutex opening_mutex_;
    mutable std::mutex mutex_;
    std::shared_ptr<sqlite::Store> store_;
    std::shared_ptr<SqliteTransaction> transaction_; // the last one begun
    std::atomic<bool> has_transaction_{false};
    std::shared_ptr<std::atomic<std::size_t>> open_streams_ = std::make_shared<std::atomic<std::size_t>>(0);
    std::atomic<std::uint64_t> inline_reads_{0};
    std::atomic<std::uint64_t> queries_{0};
    std::atomic<std::uint64_t> errors_{0};
    std::atomic<std::uint64_t> nanoseconds_{0};
};

namespace {

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

/// Several statements in one transaction.
class ListJob final : public sqlite::WriteJob
{
public:
    explicit ListJob(std::vector<BoundQuery> queries) : WriteJob(Mode::group), queries_(std::move(queries)) {}
    void run(sqlite::Connection& connection) override
    {
        results.clear();
        for (std::size_t i = 0; i < queries_.size(); ++i) {
            const auto start = Clock::now();
            try {
                results.push_back(run_query(connection, queries_[i]));
            } catch (const StorageError& error) {
                if (sqlite::is_interrupt(error))
                    throw;
                throw error.prefixed("query " + std::to_string(i + 1) + " of " + std::to_string(queries_.size()) + ": ");
            }
            results.back().execution_time_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
        }
    }
    std::vector<QueryResult> results;

private:
    std::vector<BoundQuery> queries_;
};

/// Counts a call and its time when it goes; `succeeded` is set at the end.
template <typename Impl>
class Measure
{
public:
    explicit Measure(Impl& impl) : impl_(impl) {}
    ~Measure() { impl_.record(Clock::now() - start_, !succeeded); }
    Measure(const Measure&) = delete;
    Measure& operator=(const Measure&) = delete;
    double milliseconds() const { return std::chrono::duration<double, std::milli>(Clock::now() - start_).count(); }
    Clock::duration elapsed() const { return Clock::now() - start_; }
    bool succeeded = false;

private:
    Impl& impl_;
    const Clock::time_point start_ = Clock::now();
};

} // namespace

SQLiteAdapter::SQLiteAdapter(DatabaseConfig config) : impl_(std::make_shared<Impl>(std::move(config))) {}
SQLiteAdapter::~SQLiteAdapter() = default;

awaitable<void> SQLiteAdapter::connect(OperationContext context)
{
    context.check_deadline(backend, "connect");
    const auto impl = impl_;
    std::function<void()> work = [impl] { impl->open(); };
    co_await sqlite::run_on_thread(std::move(work), std::move(context));
}

awaitable<void> SQLiteAdapter::disconnect()
{
    const auto impl = impl_;
    std::function<void()> work = [impl] { impl->close(); };
    co_await sqlite::run_on_thread(std::move(work), OperationContext());
}

awaitable<QueryResult> SQLiteAdapter::execute_query(std::string query, Parameters params, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("execute_query");
    context.check_deadline(backend, "execute_query");
    Measure measure(*impl);
    bool turn_over = false;
    QueryResult result;
    try {
        co_await impl->refuse_owner(context);
        BoundQuery bound = bind_query(*impl->cache(), query, std::move(params));
        bool done = false;
        if (bound.query->may_be_read && !bound.query->writes) {
            if (bound.query->inline_class != SqliteQuery::Inline::no) {
                if (const auto lease = store->readers().try_lease())
                    done = run_inline(lease->connection(), bound, result);
                turn_over = impl->inline_turn_over() || measure.elapsed() > inline_time;
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
                turn_over = false;
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
    } catch (const StorageError& error) {
        throw error.within(backend, "execute_query");
    }
    measure.succeeded = true;
    result.execution_time_ms = measure.milliseconds();
    if (turn_over)
        co_await asio::post(asio::use_awaitable);
    co_return result;
}

awaitable<std::vector<QueryResult>> SQLiteAdapter::execute_transaction(std::vector<Query> queries, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("execute_transaction");
    context.check_deadline(backend, "execute_transaction");
    Measure measure(*impl);
    std::vector<QueryResult> results;
    try {
        co_await impl->refuse_owner(context);
        std::vector<BoundQuery> bound;
        bound.reserve(queries.size());
        for (std::size_t i = 0; i < queries.size(); ++i) {
            try {
                bound.push_back(bind_query(*impl->cache(), queries[i].sql, std::move(queries[i].params)));
            } catch (const StorageError& error) {
                throw error.prefixed("query " + std::to_string(i + 1) + " of " + std::to_string(queries.size()) + ": ");
            }
        }
        auto job = std::make_shared<ListJob>(std::move(bound));
        co_await store->submit(job, std::move(context));
        results = std::move(job->results);
    } catch (const StorageError& error) {
        throw error.within(backend, "execute_transaction");
    }
    measure.succeeded = true;
    co_return results;
}

awaitable<Transaction> SQLiteAdapter::begin_transaction(OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("begin_transaction");
    context.check_deadline(backend, "begin_transaction");
    std::shared_ptr<SqliteTransaction> transaction;
    try {
        co_await impl->refuse_owner(context);
        transaction = std::make_shared<SqliteTransaction>(store, impl->cache(), impl->config().transaction_idle_limit);
        co_await transaction->begin(std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, "begin_transaction");
    }
    impl->set_transaction(transaction);
    co_return Transaction(transaction);
}

awaitable<RowStream> SQLiteAdapter::stream_query(std::string query, Parameters params, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("stream_query");
    context.check_deadline(backend, "stream_query");
    Measure measure(*impl);
    std::shared_ptr<SqliteStream> stream;
    try {
        co_await impl->refuse_owner(context);
        BoundQuery bound = bind_query(*impl->cache(), query, std::move(params));
        stream = std::make_shared<SqliteStream>(store, std::move(bound), impl->stream_permit(), std::move(context));
        co_await stream->open();
    } catch (const StorageError& error) {
        throw error.within(backend, "stream_query");
    }
    measure.succeeded = true;
    co_return RowStream(stream);
}

awaitable<void> SQLiteAdapter::create_tables(TableDefinitions schema, OperationContext context)
{
    const auto store = impl_->store("create_tables");
    context.check_deadline(backend, "create_tables");
    auto definitions = std::make_shared<const TableDefinitions>(std::move(schema));
    std::function<void(sqlite::Connection&)> work = [definitions](sqlite::Connection& connection) {
        for (const auto& [name, script] : *definitions) {
            try {
                sqlite::run_script(connection, script, check_script_statement);
            } catch (const StorageError& error) {
                throw error.prefixed("creating " + name + ": ");
            }
        }
    };
    try {
        co_await store->write(std::move(work), std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, "create_tables");
    }
}

awaitable<void> SQLiteAdapter::run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                                          OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("migrate_schema");
    std::function<void(sqlite::Connection&)> work = [impl, script, probe, record](sqlite::Connection& connection) {
        if (run_query(connection, bind_query(*impl->cache(), probe.sql, probe.params)).row_count > 0)
            return;
        const auto start = Clock::now();
        sqlite::run_script(connection, script, check_script_statement);
        const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start);
        const Query insert = record(taken.count());
        run_query(connection, bind_query(*impl->cache(), insert.sql, insert.params));
    };
    co_await store->write(std::move(work), std::move(context));
}

awaitable<void> SQLiteAdapter::backup_database(std::filesystem::path backup_path, OperationContext context)
{
    const auto store = impl_->store("backup_database");
    context.check_deadline(backend, "backup_database");
    // Shared with the interrupt, which may come while the work is between two connections.
    struct Running
    {
        std::mutex mutex;
        sqlite::Connection* connection = nullptr;
    };
    auto running = std::make_shared<Running>();
    std::function<void()> work = [store, backup_path, running] {
        if (std::filesystem::exists(backup_path))
            throw StorageError(StorageErrc::already_exists, backup_path.string() + " exists already; choose another path");
        sqlite::make_private_directory(std::filesystem::absolute(backup_path).parent_path(), backend);
        const std::filesystem::path partial = backup_path.string() + ".partial";
        std::filesystem::remove(partial);
        try {
            {
                // Created first, so that it is never readable by others; VACUUM INTO accepts an empty file.
                sqlite::OpenOptions options = store->options().open;
                options.path = partial;
                options.read_only = false;
                options.archive = true;
                const sqlite::Connection creator(options);
            }
            {
                // One statement, so one snapshot, however many writes come meanwhile.
                sqlite::OpenOptions options = store->options().open;
                options.read_only = true;
                sqlite::Connection source(options);
                source.execute("PRAGMA query_only=OFF");
                {
                    const std::lock_guard lock(running->mutex);
                    running->connection = &source;
                }
                sqlite::Statement copy = source.prepare("VACUUM INTO ?1");
                const std::string target = partial.string();
                copy.bind_text(1, target);
                try {
                    copy.run();
                } catch (...) {
                    const std::lock_guard lock(running->mutex);
                    running->connection = nullptr;
                    throw;
                }
                const std::lock_guard lock(running->mutex);
                running->connection = nullptr;
            }
            {
                sqlite::OpenOptions options = store->options().open;
                options.path = partial;
                options.read_only = false;
                options.archive = true;
                sqlite::Connection archive(options);
                set_number(archive, "application_id", application_id);
                set_number(archive, "user_version", archive_format);
                if (const std::string check = archive.query_text("PRAGMA quick_check(1)"); check != "ok")
                    throw StorageError(StorageErrc::corrupt, "the copy does not pass its check: " + check);
            }
            sqlite::publish_file(partial, backup_path, backend);
        } catch (...) {
            std::error_code ignored; // the error that led here is the one to tell
            std::filesystem::remove(partial, ignored);
            throw;
        }
    };
    std::function<void()> interrupt = [running] {
        const std::lock_guard lock(running->mutex);
        if (running->connection)
            running->connection->interrupt();
    };
    try {
        co_await sqlite::run_on_thread(std::move(work), std::move(context), std::move(interrupt));
    } catch (const StorageError& error) {
        throw error.within(backend, "backup_database");
    }
}

awaitable<void> SQLiteAdapter::restore_database(std::filesystem::path backup_path, OperationContext context)
{
    const auto impl = impl_;
    const auto store = impl->store("restore_database");
    context.check_deadline(backend, "restore_database");
    try {
        co_await impl->refuse_owner(context);
        std::function<void()> check = [backup_path] { check_archive(backup_path); };
        co_await sqlite::run_on_thread(std::move(check), context);
        std::function<void(sqlite::Connection&)> copy = [backup_path](sqlite::Connection& live) {
            sqlite::OpenOptions options;
            options.path = backup_path;
            options.read_only = true;
            sqlite::Connection archive(options);
            const std::int64_t pages = archive.query_int("PRAGMA page_size");
            if (pages != live.query_int("PRAGMA page_size"))
                throw StorageError(StorageErrc::unsupported,
                                   backup_path.string() + " has pages of " + std::to_string(pages) +
                                       " bytes, the database has others; copy it with sqlite3's VACUUM INTO first");
            sqlite::copy_database(archive, live);
        };
        co_await store->exclusive(std::move(copy), std::move(context));
    } catch (const StorageError& error) {
        throw error.within(backend, "restore_database");
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

awaitable<double> SQLiteAdapter::get_avg_response_time() { co_return impl_->average_ms(); }
awaitable<std::uint64_t> SQLiteAdapter::get_query_count() { co_return impl_->queries(); }
awaitable<double> SQLiteAdapter::get_error_rate() { co_return impl_->error_rate(); }

} // namespace whisperstore
