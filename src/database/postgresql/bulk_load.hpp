#pragma once
// Rows by COPY.

#include "database/postgresql/operations.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace whisperstore::postgresql {

/// As PostgreSQLAdapter::bulk_load().
awaitable<std::uint64_t> bulk_load(std::shared_ptr<Operations> operations, std::string table,
                                   std::vector<std::string> columns,
                                   std::function<std::optional<std::vector<Value>>()> next, OperationContext context);

} // namespace whisperstore::postgresql
