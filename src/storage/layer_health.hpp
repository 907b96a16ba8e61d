#pragma once
// Looking at the stores of a layer.

#include "storage/layer_stores.hpp"

#include <whisperstore/backup/backup_schedule.hpp>

#include <memory>
#include <vector>

namespace whisperstore {

/// Asks every store at once; opens those that were down at the start. Each has its own time.
awaitable<std::vector<ComponentHealth>> look_at(std::shared_ptr<LayerStores> stores, OperationContext context);

ComponentHealth backup_health(const LayerStores& stores, const BackupSchedule& schedule);

HealthStatus overall(const std::vector<ComponentHealth>& components) noexcept;

} // namespace whisperstore
