#pragma once
/// \file
/// SQLite as the relational database.

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/database/database_config.hpp>

#include <atomic>
#include <memory>

namespace whisperstore {

/// The database of a laptop: one file, no server.
///
/// Durability: an acknowledged write has been committed and, with `synchronous` FULL (the default),
/// synced: it survives `kill -9` and power loss. Concurrent autocommit writes share a commit, each
/// with an outcome of its own. Isolation: serialisable; one writer, readers see the last commit.
/// Short reads run on the calling thread; the others on `pool_size` reader threads.
///
/// One process writes a file: a second writer gets `unavailable` naming the holder. With
/// `read_only` it opens beside the writer and sees its commits on the next call.
///
/// Column types: values come back as stored, except that columns declared BOOLEAN give bool.
/// `CREATE TABLE` with other type names works as SQLite defines it.
///
/// SQL: dollar-quoted and E'' strings are translated, comments are removed, `??` is `unsupported`. As
/// on PostgreSQL, LIKE tells upper from lower case, double quotes are for names only, and a NaN cannot
/// be bound.
///
/// `sqlite:///:memory:` is a private database that ends with disconnect(). It is kept in a folder of
/// mode 0700 below the temporary one, without syncing.
///
/// The first store that a process opens configures SQLite for the process (no memory statistics, page caches allocated
/// in one piece), unless the application has initialised SQLite before: then that stands.
///
/// Its threads end with disconnect() or the destructor, which wait for running work.
class SQLiteAdapter final : public AbstractDatabaseAdapter
{
public:
    /// \throws StorageError invalid_argument for a connection string that is not `sqlite:///…` and for
    /// settings out of their range.
    explicit SQLiteAdapter(DatabaseConfig config);
    ~SQLiteAdapter() override;

    awaitable<void> connect(OperationContext context = OperationContext()) override;
    awaitable<void> disconnect() override;
    awaitable<QueryResult> execute_query(std::string query, Parameters params = Parameters(),
                                         OperationContext context = OperationContext()) override;
    awaitable<std::vector<QueryResult>> execute_transaction(std::vector<Query> queries,
                                                            OperationContext context = OperationContext()) override;
    awaitable<Transaction> begin_transaction(OperationContext context = OperationContext()) override;
    awaitable<RowStream> stream_query(std::string query, Parameters params = Parameters(),
                                      OperationContext context = OperationContext()) override;
    awaitable<void> create_tables(TableDefinitions schema, OperationContext context = OperationContext()) override;
    awaitable<void> backup_database(std::filesystem::path backup_path,
                                    OperationContext context = OperationContext()) override;
    awaitable<void> restore_database(std::filesystem::path backup_path,
                                     OperationContext context = OperationContext()) override;
    awaitable<std::shared_ptr<DatabaseSnapshot>> open_snapshot(OperationContext context = OperationContext()) override;
    awaitable<void> load_snapshot(std::shared_ptr<DatabaseSnapshot> from, LoadOptions options,
                                  OperationContext context = OperationContext()) override;

    std::string_view database_type() const noexcept override { return "sqlite"; }
    SqlDialect dialect() const noexcept override { return SqlDialect::sqlite; }
    std::vector<std::string> endpoints() const override;
    /// `file`: bytes, wal_bytes, checkpoints, pending_writes. Empty while it is closed.
    json::object get_details() const override;

    awaitable<std::size_t> get_pool_size() override;
    awaitable<std::size_t> get_active_connections() override;
    awaitable<double> get_avg_response_time() override;
    awaitable<std::uint64_t> get_query_count() override;
    awaitable<double> get_error_rate() override;

private:
    awaitable<void> run_script(std::string script, Query probe, std::function<Query(std::int64_t)> record,
                               OperationContext context) override;
    awaitable<void> run_statements(std::string script, OperationContext context) override;
    awaitable<std::shared_ptr<void>> lock_migrations(std::function<void(const std::string& holder)> waits,
                                                     OperationContext context) override;

    class Impl;
    // Shared with running operations, so that an adapter dropped early does not pull the file from under them.
    std::shared_ptr<Impl> impl_;
};

} // namespace whisperstore
