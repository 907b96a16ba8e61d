#pragma once
// Metrics for people.

#include "display/output.hpp"
#include "display/terminal.hpp"

#include <whisperstore/core/json.hpp>

namespace whisperstore::cli {

/// The reference's values of a document of get_unified_metrics(), one a line.
void print_reference_metrics(const Terminal& terminal, Output& out, const json::object& metrics);

} // namespace whisperstore::cli
