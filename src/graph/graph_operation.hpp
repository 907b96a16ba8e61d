#pragma once
// What the operations of every graph backend have in common around their work.

#include "core/named.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::graph {

/// As named(), but names that a layer below has given already are replaced: those of a driver say nothing here.
template <typename T>
awaitable<T> renamed(std::string_view backend, std::string_view operation, awaitable<T> work)
{
    try {
        co_return co_await std::move(work);
    } catch (const StorageError& error) {
        ErrorDetails details;
        details.backend = backend;
        details.operation = operation;
        details.native_code = error.native_code();
        details.outcome = error.outcome();
        details.retryable = error.retryable();
        throw StorageError(error.errc(), error.message(), std::move(details));
    } catch (...) {
        rethrow_as_storage_error(backend, operation);
    }
}

inline std::vector<GraphNode> one_node(NodeRef ref, std::string content, json::object properties)
{
    std::vector<GraphNode> nodes(1);
    nodes.front().node = std::move(ref);
    nodes.front().content = std::move(content);
    nodes.front().properties = std::move(properties);
    return nodes;
}

inline std::vector<Relationship> one_relationship(std::string from_node, std::string to_node,
                                                  std::string relationship_type, json::object properties)
{
    std::vector<Relationship> relationships(1);
    relationships.front().from_node = std::move(from_node);
    relationships.front().to_node = std::move(to_node);
    relationships.front().relationship_type = std::move(relationship_type);
    relationships.front().properties = std::move(properties);
    return relationships;
}

} // namespace whisperstore::graph
