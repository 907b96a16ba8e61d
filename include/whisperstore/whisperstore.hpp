#pragma once
/// \file
/// Everything an application needs.

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/metrics/otlp_trace_exporter.hpp>
#include <whisperstore/metrics/storage_metrics_collector.hpp>
#include <whisperstore/migration/graph_migration.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>
#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/serve/monitoring_server.hpp>
#include <whisperstore/storage/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>
#include <whisperstore/storage/message_importer.hpp>
#include <whisperstore/storage/remember_message.hpp>
#include <whisperstore/storage/storage_layer.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>
