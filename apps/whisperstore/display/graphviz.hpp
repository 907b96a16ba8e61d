#pragma once

#include <string>

namespace whisperstore::cli {

/// Has Graphviz' program `dot` draw a graph. Throws StorageError unsupported where it is not installed.
std::string render_svg(const std::string& dot);

} // namespace whisperstore::cli
