#pragma once
// Where a part of an exported graph begins. Pure.

#include <whisperstore/graph/graph_database_manager.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::graph {

struct ExportCursor
{
    enum class Stage
    {
        nodes,
        first_edges, ///< those whose order counts, where a store has to read them by themselves
        edges,
    };
    Stage stage = Stage::nodes;
    NodeType type = NodeType::user;
    std::string after = {}; ///< which key of the stage; empty at its beginning

    /// The beginning for an empty text. Throws StorageError invalid_argument for what text() did not make.
    static ExportCursor parse(std::string_view text);
    std::string text() const;
};

/// The type whose turn is after `type`; nothing after the last one.
std::optional<NodeType> next_type(NodeType type) noexcept;

} // namespace whisperstore::graph
