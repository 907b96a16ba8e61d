#pragma once
// Which servers the statements run on. Pure.

#include <string_view>

namespace whisperstore::graph::neo4j {

/// `agent`: how a server calls itself, "Neo4j/5.26.30".
/// Throws StorageError version_mismatch for a Neo4j older than 5.26. Others may know the same Cypher.
void require_server(std::string_view agent);

} // namespace whisperstore::graph::neo4j
