#include "display/network_view.hpp"

#include "display/message_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <algorithm>
#include <map>

namespace whisperstore::cli {

std::string label_of(const NetworkNode& node)
{
    if (!node.content.empty())
        return node.content;
    const std::string name = metadata_text(node.properties, "username");
    return name.empty() ? node.node.id : name;
}

void print_connected(Output& out, const Terminal& terminal, const std::vector<ConnectedMemory>& memories,
                     const std::string& indent)
{
    Table table(terminal, indent);
    table.column("STEPS", Align::right, Cut::never).column("BY WAY OF");
    table.column("IMPORTANCE", Align::right, Cut::never).column("MEMORY");
    for (const ConnectedMemory& memory : memories) {
        std::string path;
        for (const std::string& type : memory.relationship_types)
            path.append(path.empty() ? "" : " › ").append(type);
        table.row({Cell(std::to_string(memory.depth)), Cell(path, Tone::cyan), Cell(fixed(memory.importance, 2)),
                   Cell(memory.content)});
    }
    table.print(out);
}

void print_relationship_counts(Output& out, const Terminal& terminal, const RelationshipNetwork& network,
                               const std::string& indent)
{
    std::int64_t largest = 1;
    for (const auto& [type, count] : network.counts)
        largest = std::max(largest, count);
    Table table(terminal, indent);
    table.column("").column("", Align::right).column("");
    for (const auto& [type, count] : network.counts)
        table.row({Cell(type), Cell(grouped(static_cast<std::uint64_t>(count))),
                   Cell(bar(static_cast<double>(count) / static_cast<double>(largest), 24), Tone::cyan)});
    table.print(out);
}

void print_network(Output& out, const Terminal& terminal, const RelationshipNetwork& network)
{
    std::map<NodeRef, const NetworkNode*> by_reference;
    for (const NetworkNode& node : network.nodes)
        by_reference.emplace(node.node, &node);
    out.line(terminal.paint(Tone::strong, one_line(network.user_id)) + ": " + counted(network.nodes.size(), "node") +
             ", " + counted(network.edges.size(), "relationship") +
             (network.truncated ? "; more lies beyond --limit" : ""));
    out.line();
    print_relationship_counts(out, terminal, network, "  ");

    const auto label = [&](const NodeRef& reference) {
        const auto found = by_reference.find(reference);
        return std::string(to_string(reference.type)) + " " +
               (found == by_reference.end() ? reference.id : label_of(*found->second));
    };
    out.line();
    Table table(terminal);
    table.column("FROM").column("RELATIONSHIP", Align::left, Cut::never);
    table.column("STRENGTH", Align::right, Cut::never).column("TIMES", Align::right, Cut::never);
    table.column("LAST", Align::left, Cut::never).column("TO");
    for (const NetworkEdge& edge : network.edges)
        table.row({Cell(label(edge.from)), Cell(edge.relationship_type, Tone::cyan), Cell(fixed(edge.strength, 2)),
                   Cell(std::to_string(edge.interaction_count)), Cell(short_time(edge.last_interaction), Tone::quiet),
                   Cell(label(edge.to))});
    table.print(out);
}

} // namespace whisperstore::cli
