#include "graph/export_cursor.hpp"

#include <whisperstore/core/error.hpp>

#include <array>
#include <utility>

namespace whisperstore::graph {

namespace {

using Stage = ExportCursor::Stage;
constexpr std::array<std::pair<Stage, std::string_view>, 3> stages{
    {{Stage::nodes, "nodes"}, {Stage::first_edges, "first-edges"}, {Stage::edges, "edges"}}};

} // namespace

// "STAGE/TYPE:AFTER"
ExportCursor ExportCursor::parse(std::string_view text)
{
    ExportCursor cursor;
    if (text.empty())
        return cursor;
    const std::size_t slash = text.find('/');
    for (const auto& [stage, name] : stages) {
        if (text.substr(0, slash) != name || slash == std::string_view::npos)
            continue;
        std::optional<NodeRef> place = NodeRef::try_parse(text.substr(slash + 1));
        if (!place)
            break;
        cursor.stage = stage;
        cursor.type = place->type;
        cursor.after = std::move(place->id);
        return cursor;
    }
    throw StorageError(StorageErrc::invalid_argument,
                       "'from' is no place in an exported graph; pass the 'next' of the part before, or nothing");
}

std::string ExportCursor::text() const
{
    std::string out;
    for (const auto& [known, name] : stages)
        if (known == stage)
            out = name;
    out.append("/").append(to_string(type)).append(":").append(after);
    return out;
}

std::optional<NodeType> next_type(NodeType type) noexcept
{
    switch (type) {
    case NodeType::user:
        return NodeType::memory;
    case NodeType::memory:
        return NodeType::topic;
    case NodeType::topic:
        return NodeType::emotion;
    case NodeType::emotion:
        return NodeType::fact;
    case NodeType::fact:
        break;
    }
    return std::nullopt;
}

} // namespace whisperstore::graph
