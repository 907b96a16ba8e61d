// Backups and restores as operations of an adapter.
#include "database/postgresql/operations.hpp"

#include "core/failure.hpp"
#include "database/postgresql/archive/archive.hpp"

namespace whisperstore::postgresql {

awaitable<void> Operations::backup_database(std::shared_ptr<Operations> self, std::filesystem::path path,
                                            OperationContext context)
{
    const auto router = self->router("backup_database");
    context.check_deadline(self->backend_, "backup_database");
    try {
        Lease lease = co_await Operations::lease(self, true, context);
        co_await write_archive(lease, std::move(path), std::string(self->backend_), std::move(context));
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
        const std::string position =
            co_await restore_archive(lease, std::move(path), std::string(self->backend_), context);
        router->wrote(context, position);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "restore_database");
    }
}

} // namespace whisperstore::postgresql
