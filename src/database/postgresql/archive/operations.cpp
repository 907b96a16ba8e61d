// Backups, restores and what migrations are made of, as operations of an adapter.
#include "database/postgresql/operations.hpp"

#include "core/failure.hpp"
#include "database/archive/file_snapshot.hpp"
#include "database/postgresql/archive/archive.hpp"
#include "database/postgresql/archive/snapshot.hpp"

namespace whisperstore::postgresql {

awaitable<void> Operations::backup_database(std::shared_ptr<Operations> self, std::filesystem::path path,
                                            OperationContext context)
{
    const auto router = self->router("backup_database");
    context.check_deadline(self->backend_, "backup_database");
    try {
        Lease lease = co_await Operations::lease(self, true, context);
        co_await write_archive(std::move(lease), std::move(path), std::string(self->backend_), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "backup_database");
    }
}

awaitable<void> Operations::restore_database(std::shared_ptr<Operations> self, std::filesystem::path path,
                                             OperationContext context)
{
    const auto router = self->router("restore_database");
    context.check_deadline(self->backend_, "restore_database");
    try {
        if (self->options().read_only)
            throw StorageError(StorageErrc::permission, "the database was opened read-only");
        Lease lease = co_await Operations::lease(self, false, context);
        const std::shared_ptr<DatabaseSnapshot> archive =
            co_await archive::open_archive(std::move(path), std::string(self->backend_), context);
        const std::string position = co_await replace_content(lease, archive, false, context);
        router->wrote(context, position);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "restore_database");
    }
}

awaitable<std::shared_ptr<DatabaseSnapshot>> Operations::open_snapshot(std::shared_ptr<Operations> self,
                                                                       OperationContext context)
{
    const auto router = self->router("open_snapshot");
    context.check_deadline(self->backend_, "open_snapshot");
    try {
        // Of the server that takes writes: a standby may lag behind, and ends a long reading for what it has to replay.
        Lease lease = co_await Operations::lease(self, self->options().read_only, context);
        std::shared_ptr<DatabaseSnapshot> snapshot =
            co_await postgresql::open_snapshot(std::move(lease), std::move(context));
        co_return snapshot;
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "open_snapshot");
    }
}

awaitable<void> Operations::load_snapshot(std::shared_ptr<Operations> self, std::shared_ptr<DatabaseSnapshot> from,
                                          LoadOptions options, OperationContext context)
{
    const auto router = self->router("load_snapshot");
    context.check_deadline(self->backend_, "load_snapshot");
    try {
        if (self->options().read_only)
            throw StorageError(StorageErrc::permission, "the database was opened read-only");
        Lease lease = co_await Operations::lease(self, false, context);
        std::string position;
        if (options.mode == LoadMode::merge)
            position = co_await merge_content(lease, std::move(from), std::move(options), context);
        else
            position = co_await replace_content(lease, std::move(from), options.mode == LoadMode::into_empty, context);
        router->wrote(context, position);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "load_snapshot");
    }
}

} // namespace whisperstore::postgresql
