#pragma once
// Waiting for another runner of migrations, by asking again and again.

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <chrono>
#include <functional>
#include <string>

namespace whisperstore {

/// Who waits in the database itself holds a snapshot there, for which a CREATE INDEX CONCURRENTLY of the one at work
/// waits in turn: so nobody does.
class MigrationWait
{
public:
    using Waits = std::function<void(const std::string& holder)>;
    MigrationWait(Waits waits, OperationContext context) : waits_(std::move(waits)), context_(std::move(context)) {}

    /// Until it is time to ask again. Throws StorageError timeout, naming the holder.
    awaitable<void> pause(std::string holder);

private:
    Waits waits_;
    OperationContext context_;
    std::chrono::milliseconds next_{10};
    bool told_ = false;
};

} // namespace whisperstore
