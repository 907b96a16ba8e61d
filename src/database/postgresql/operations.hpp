#pragma once
// The operations of the database interface over PostgreSQL, whichever server a router chooses.

#include "database/call_counters.hpp"
#include "database/postgresql/router.hpp"
#include "database/postgresql/statement.hpp"
#include "database/postgresql/stream.hpp"
#include "database/postgresql/transaction.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// Run first by whoever changes the schema, so that two programs that start at once do not get into each other's way.
inline constexpr const char* schema_lock = "SELECT pg_advisory_xact_lock(6304870516)";

/// Run before a script that may take long: the server looks every second whether we are still there (PostgreSQL 14 and
/// newer), so that what a killed program left behind does not go on, with its locks, until it ends by itself.
inline constexpr const char* notice_our_end = "SELECT set_config(name, '1000', true) FROM pg_settings "
                                              "WHERE name = 'client_connection_check_interval'";

/// Thread safe. Shared by an adapter and its running operations.
class Operations
{
public:
    using MakeRouter = std::function<std::shared_ptr<Router>(std::shared_ptr<Background>)>;

    /// \param backend "postgresql" or "postgresql_cluster", for errors
    Operations(std::string_view backend, Options options, MakeRouter make_router);

    const Options& options() const noexcept { return *options_; }
    CallCounters& counters() noexcept { return *counters_; }

    static awaitable<void> connect(std::shared_ptr<Operations> self, OperationContext context);
    static awaitable<void> disconnect(std::shared_ptr<Operations> self);
    /// The adapter goes: open transactions and streams end; running calls do by themselves.
    void abandon() noexcept;
    static awaitable<QueryResult> execute_query(std::shared_ptr<Operations> self, std::string query, Parameters params,
                                                OperationContext context);
    static awaitable<std::vector<QueryResult>>
    execute_transaction(std::shared_ptr<Operations> self, std::vector<Query> queries, OperationContext context);
    static awaitable<Transaction> begin_transaction(std::shared_ptr<Operations> self, OperationContext context);
    static awaitable<RowStream> stream_query(std::shared_ptr<Operations> self, std::string query, Parameters params,
                                             OperationContext context);
    static awaitable<void> create_tables(std::shared_ptr<Operations> self, TableDefinitions schema,
                                         OperationContext context);
    static awaitable<void> run_script(std::shared_ptr<Operations> self, std::string script, Query probe,
                                      std::function<Query(std::int64_t)> record, OperationContext context);
    static awaitable<void> backup_database(std::shared_ptr<Operations> self, std::filesystem::path path,
                                           OperationContext context);
    static awaitable<void> restore_database(std::shared_ptr<Operations> self, std::filesystem::path path,
                                            OperationContext context);
    static awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(std::shared_ptr<Operations> self,
                                                                      OperationContext context);
    static awaitable<void> load_snapshot(std::shared_ptr<Operations> self, std::shared_ptr<DatabaseSnapshot> from,
                                         LoadOptions options, OperationContext context);
    /// A connection for bulk loads, backups and restores. Throws as the others do.
    static awaitable<Lease> lease(std::shared_ptr<Operations> self, bool only_reads, OperationContext context);
    /// One to the server that takes writes, beside those of the pool.
    static awaitable<Lease> extra_connection(std::shared_ptr<Operations> self, OperationContext context);

    /// Runs `work` on a connection to the server that takes writes; with `repeatable` again on another one where that
    /// was certainly not applied.
    awaitable<void> on_writer(const std::shared_ptr<Router>& router, bool repeatable, const OperationContext& context,
                              const std::function<awaitable<void>(Lease&)>& work);

    /// Throws StorageError closed.
    std::shared_ptr<Router> router(std::string_view operation) const;
    std::string_view backend() const noexcept { return backend_; }

private:
    /// What was open. Its transactions and streams have ended.
    std::shared_ptr<Router> take_apart(std::shared_ptr<Background>& background) noexcept;
    awaitable<void> refuse_owner();
    awaitable<std::vector<QueryResult>> run_list(const std::shared_ptr<Router>& router, Pool& pool,
                                                 const std::vector<BoundStatement>& statements, bool only_reads,
                                                 const OperationContext& context);
    void enter(const std::shared_ptr<Router>& router, const std::shared_ptr<OpenTransaction>& transaction);
    void enter(const std::shared_ptr<Router>& router, const std::shared_ptr<OpenStream>& stream);

    const std::string_view backend_;
    const std::shared_ptr<const Options> options_;
    const MakeRouter make_router_;
    const std::shared_ptr<StatementCache> statements_ = std::make_shared<StatementCache>();
    const std::shared_ptr<CallCounters> counters_ = std::make_shared<CallCounters>();
    const std::shared_ptr<std::atomic<std::size_t>> open_streams_ = std::make_shared<std::atomic<std::size_t>>(0);

    mutable std::mutex mutex_;
    std::shared_ptr<Background> background_;
    std::shared_ptr<Router> router_;
    std::vector<std::weak_ptr<OpenTransaction>> transactions_;
    std::vector<std::weak_ptr<OpenStream>> streams_;
    std::atomic<bool> has_transactions_{false}; // whether there is any need to look at them
};

} // namespace whisperstore::postgresql
