#include "graph/stored_rows.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::graph {

NodeRef node_at(const Row& row, std::size_t column)
{
    // The name alone decides the type; the id may hold anything, colons too.
    const std::string type(row[column].as_text());
    std::optional<NodeRef> node = NodeRef::try_parse(type + ":");
    if (!node)
        throw StorageError(StorageErrc::corrupt, "the database holds a node of the unknown type '" + type + "'");
    node->id = row[column + 1].as_text();
    return std::move(*node);
}

std::optional<std::string> text_at(const Row& row, std::size_t column)
{
    const ValueView value = row[column];
    return value.is_null() ? std::optional<std::string>() : std::string(value.as_text());
}

} // namespace whisperstore::graph
