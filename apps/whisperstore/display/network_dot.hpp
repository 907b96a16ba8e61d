#pragma once

#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>

namespace whisperstore::cli {

/// A network as a graph in Graphviz' language (graphviz.org/doc/info/lang.html), laid out around its user.
std::string network_dot(const RelationshipNetwork& network);

} // namespace whisperstore::cli
