#pragma once
// The graph as people read it.

#include "display/output.hpp"
#include "display/terminal.hpp"

#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>
#include <vector>

namespace whisperstore::cli {

/// A node by what people know it by.
std::string label_of(const NetworkNode& node);

/// A table of memories with the way to each.
void print_connected(Output& out, const Terminal& terminal, const std::vector<ConnectedMemory>& memories,
                     const std::string& indent = {});

/// Counts, and the nodes and edges around the user.
void print_network(Output& out, const Terminal& terminal, const RelationshipNetwork& network);

/// Relationships by type as bars.
void print_relationship_counts(Output& out, const Terminal& terminal, const RelationshipNetwork& network,
                               const std::string& indent = {});

} // namespace whisperstore::cli
