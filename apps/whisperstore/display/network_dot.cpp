#include "display/network_dot.hpp"

#include "display/network_view.hpp"
#include "display/text_layout.hpp"

#include <map>
#include <string_view>

namespace whisperstore::cli {

namespace {

constexpr std::size_t longest_label = 40; // columns

struct Look
{
    std::string_view shape;
    std::string_view color;
};

Look look_of(NodeType type)
{
    switch (type) {
    case NodeType::user:
        return {"ellipse", "#ffd8a8"};
    case NodeType::memory:
        return {"box", "#d0ebff"};
    case NodeType::topic:
        return {"hexagon", "#d3f9d8"};
    case NodeType::emotion:
        return {"octagon", "#fcc2d7"};
    case NodeType::fact:
        return {"note", "#e9ecef"};
    }
    return {"box", "#ffffff"};
}

/// The text of a label, whose escapes begin with a backslash or an ampersand.
std::string label(const std::string& text)
{
    std::string out(1, '"');
    for (const char c : fit(one_line(text), longest_label)) {
        if (c == '&') {
            out.append("&amp;");
            continue;
        }
        if (c == '"' || c == '\\')
            out.push_back('\\');
        out.push_back(c);
    }
    out.push_back('"');
    return out;
}

} // namespace

std::string network_dot(const RelationshipNetwork& network)
{
    // Named by numbers, for ids may hold anything.
    std::map<NodeRef, std::string> names;
    for (const NetworkNode& node : network.nodes)
        names.emplace(node.node, std::string("n").append(std::to_string(names.size())));
    std::string out = "digraph network {\n";
    out.append("  graph [layout=twopi, root=").append(names.at(NodeRef::user(network.user_id)));
    out.append(", overlap=false, splines=true, ranksep=2, fontname=\"Helvetica\"];\n");
    out.append("  node [style=filled, fontname=\"Helvetica\", fontsize=11];\n");
    out.append("  edge [color=\"#868e96\", fontname=\"Helvetica\", fontsize=9];\n");
    for (const NetworkNode& node : network.nodes) {
        const Look look = look_of(node.node.type);
        out.append("  ").append(names.at(node.node)).append(" [label=").append(label(label_of(node)));
        out.append(", shape=").append(look.shape).append(", fillcolor=\"").append(look.color);
        out.append(node.depth == 0 ? "\", penwidth=2];\n" : "\"];\n");
    }
    for (const NetworkEdge& edge : network.edges) {
        std::string name = edge.relationship_type;
        if (edge.interaction_count > 1)
            name.append(" ×").append(std::to_string(edge.interaction_count));
        out.append("  ").append(names.at(edge.from)).append(" -> ").append(names.at(edge.to));
        out.append(" [label=").append(label(name));
        out.append(", penwidth=").append(fixed(0.5 + 2 * edge.strength, 2)).append("];\n");
    }
    return out.append("}\n");
}

} // namespace whisperstore::cli
