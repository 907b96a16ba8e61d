#pragma once
// Brings back what was down at the start.

#include "core/background_task.hpp"
#include "storage/layer_stores.hpp"

#include <whisperstore/core/log.hpp>

#include <memory>

namespace whisperstore {

/// Opens the stores whose gates are closed, with longer and longer pauses of up to half a minute, until all are open.
class StoreReopener
{
public:
    StoreReopener(const std::shared_ptr<LayerStores>& stores, Logger logger);
    /// Waits until it has ended.
    awaitable<void> stop() { return task_.stop(); }

private:
    BackgroundTask task_;
};

} // namespace whisperstore
