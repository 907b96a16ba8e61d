#pragma once
// The history of a layer's metrics, kept by itself.

#include "core/background_task.hpp"
#include "storage/layer_stores.hpp"

#include <whisperstore/core/log.hpp>

#include <memory>

namespace whisperstore {

/// Writes the metrics of a layer into `performance_metrics` again and again; the first entry comes after one interval.
/// What cannot be written is told to the logger, and the next entry has the counts of both.
class MetricsRecorder
{
public:
    MetricsRecorder(const std::shared_ptr<LayerStores>& stores, Logger logger);
    /// Waits until it has ended.
    awaitable<void> stop() { return task_.stop(); }

private:
    BackgroundTask task_;
};

} // namespace whisperstore
