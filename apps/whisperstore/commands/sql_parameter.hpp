#pragma once
// Values for queries, as they stand on a command line.

#include <whisperstore/core/value.hpp>

#include <string_view>

namespace whisperstore::cli {

/// Reads `name=value` or `name:type=value`. Without a type whole numbers and decimals that are
/// written the plain way are numbers (`007` and `1e3` are text), everything else is text.
/// Throws StorageError invalid_argument naming the parameter and what is allowed.
Parameter parse_parameter(std::string_view text);

} // namespace whisperstore::cli
