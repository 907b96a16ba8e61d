#pragma once
/// \file
/// Moving the data of a layer from one backend to another.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/migration/migration_report.hpp>

namespace whisperstore {

class AbstractDatabaseAdapter;
class VectorDatabaseManager;
class ConversationCacheManager;
class GraphDatabaseManager;

/// Moves data between the backends of a layer, any to any, streaming in bounded memory.
///
/// Source and target are connected (initialized) and outlive the call; the source is only read. What is moved is what
/// one consistent snapshot of the source holds (of a vector or graph server: page by page, as
/// VectorDatabaseManager::scroll() and GraphDatabaseManager::export_part() say). A migration that was cut off at any
/// moment, by a crash as well, leaves a target that is as it was, or complete, or that the same call again completes.
/// A second run finds everything there and changes nothing. The deadline of the context holds for the whole; cancelling
/// the coroutine ends it like any failure.
///
/// \throws StorageError already_exists: the target holds something else (see ExistingData); corrupt: verification found
/// a difference, named by table and hashes; invalid_argument: source and target are the same object; and what the
/// backends throw.
class StorageMigrationManager
{
public:
    /// Tables with rows, keys, indexes and sequences, those that the application added as well.
    awaitable<MigrationReport> migrate_database(AbstractDatabaseAdapter& source_adapter,
                                                AbstractDatabaseAdapter& target_adapter,
                                                MigrationOptions options = MigrationOptions(),
                                                OperationContext context = OperationContext());

    /// All collections.
    awaitable<MigrationReport> migrate_vector_database(VectorDatabaseManager& source_manager,
                                                       VectorDatabaseManager& target_manager,
                                                       MigrationOptions options = MigrationOptions(),
                                                       OperationContext context = OperationContext());

    /// All channels that have not expired.
    awaitable<MigrationReport> migrate_cache(ConversationCacheManager& source_cache,
                                             ConversationCacheManager& target_cache,
                                             MigrationOptions options = MigrationOptions(),
                                             OperationContext context = OperationContext());

    /// All nodes and relationships.
    awaitable<MigrationReport> migrate_graph(GraphDatabaseManager& source_manager, GraphDatabaseManager& target_manager,
                                             MigrationOptions options = MigrationOptions(),
                                             OperationContext context = OperationContext());
};

} // namespace whisperstore
