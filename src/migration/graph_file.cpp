#include "migration/graph_file.hpp"

#include <charconv>
#include <utility>

namespace whisperstore::migration {

namespace {

constexpr std::string_view format_name = "whisperstore-graph";
constexpr std::int64_t format_version = 1;
constexpr const char* wrapped_integer = "int64";

[[noreturn]] void refuse(const std::string& message) { throw StorageError(StorageErrc::invalid_argument, message); }

// Integers beyond 2^53 are text, for most readers of JSON would round them; the object around it tells it from the
// text of a caller, whose values are never objects.
json::value outward(const json::value& value)
{
    if (const json::array* list = value.if_array()) {
        json::array out;
        out.reserve(list->size());
        for (const json::value& item : *list)
            out.push_back(outward(item));
        return out;
    }
    if (!value.is_int64())
        return value;
    json::value integer = json_integer(value.get_int64());
    if (!integer.is_string())
        return integer;
    json::object wrapped;
    wrapped[wrapped_integer] = std::move(integer);
    return wrapped;
}

std::int64_t integer_in(const json::value& value)
{
    std::int64_t number = 0;
    if (value.is_int64())
        return value.get_int64();
    if (const json::string* text = value.if_string()) {
        const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
        if (!text->empty() && error == std::errc() && end == text->data() + text->size())
            return number;
    }
    refuse("an integer is neither a number nor its text, or has more than 64 bits");
}

json::value inward(json::value value)
{
    if (json::array* list = value.if_array()) {
        for (json::value& item : *list)
            item = inward(std::move(item));
    } else if (const json::object* object = value.if_object()) {
        const json::value* integer = object->if_contains(wrapped_integer);
        if (object->size() != 1 || !integer || !integer->is_string())
            refuse("a property is nested; the only object among values is {\"int64\": \"…\"}");
        return integer_in(*integer);
    }
    return value;
}

json::object outward(const json::object& properties)
{
    json::object out;
    for (const auto& [key, value] : properties)
        out[key] = outward(value);
    return out;
}

const json::value& field(const json::object& line, std::string_view name)
{
    const json::value* value = line.if_contains(name);
    if (!value)
        refuse("'" + std::string(name) + "' is missing");
    return *value;
}

std::string text_field(const json::object& line, std::string_view name)
{
    const json::value& value = field(line, name);
    if (!value.is_string())
        refuse("'" + std::string(name) + "' is no text");
    return std::string(value.get_string());
}

NodeRef reference_field(const json::object& line, std::string_view name)
{
    const std::string text = text_field(line, name);
    std::optional<NodeRef> node = NodeRef::try_parse(text);
    if (!node)
        refuse("'" + std::string(name) + "' is no reference to a node, such as user:1");
    return std::move(*node);
}

json::object properties_field(json::object& line)
{
    const json::value* value = line.if_contains("properties");
    if (!value)
        return json::object();
    if (!value->is_object())
        refuse("'properties' is no object");
    json::object properties = std::move(line["properties"].get_object());
    for (auto& entry : properties)
        entry.value() = inward(std::move(entry.value()));
    return properties;
}

} // namespace

GraphFileWriter::GraphFileWriter(std::ostream& out) : out_(out)
{
    json::object header;
    header["format"] = format_name;
    header["version"] = format_version;
    write_line(header);
}

void GraphFileWriter::write_line(const json::object& line)
{
    out_ << json::serialize(line) << '\n';
    if (!out_)
        throw StorageError(StorageErrc::resource_exhausted,
                           "the graph cannot be written to the file: is there space left on the disk?");
}

void GraphFileWriter::write(const GraphPart& part)
{
    for (const GraphNode& node : part.nodes) {
        json::object line;
        line["node"] = node.node.text();
        if (node.node.type != NodeType::user)
            line["content"] = node.content;
        line["properties"] = outward(node.properties);
        write_line(line);
        ++written_.nodes;
    }
    for (const NetworkEdge& edge : part.edges) {
        json::object line;
        line["from"] = edge.from.text();
        line["type"] = edge.relationship_type;
        line["to"] = edge.to.text();
        line["properties"] = outward(edge.properties);
        line["interaction_count"] = json_integer(edge.interaction_count);
        line["last_interaction"] = edge.last_interaction;
        write_line(line);
        ++written_.relationships;
    }
}

void GraphFileWriter::finish()
{
    json::object last;
    last["nodes"] = written_.nodes;
    last["relationships"] = written_.relationships;
    write_line(last);
    out_.flush();
    if (!out_)
        throw StorageError(StorageErrc::resource_exhausted, "the end of the graph cannot be written to the file");
}

GraphFileReader::GraphFileReader(std::istream& in) : in_(in)
{
    json::object header;
    if (!next_line(header))
        throw StorageError(StorageErrc::invalid_argument, "the file is empty; it should be an exported graph");
    const json::value* format = header.if_contains("format");
    if (!format || !format->is_string() || format->get_string() != format_name)
        throw StorageError(StorageErrc::invalid_argument, "line 1: this is not an exported graph");
    const json::value* version = header.if_contains("version");
    if (!version || !version->is_int64() || version->get_int64() != format_version)
        throw StorageError(StorageErrc::version_mismatch, "line 1: the file has another version than 1, the one that "
                                                          "this whisperstore knows");
}

void GraphFileReader::fail(const StorageError& error) const
{
    throw error.prefixed(std::string("line ").append(std::to_string(line_)).append(": "));
}

bool GraphFileReader::next_line(json::object& line)
{
    std::string text;
    if (!std::getline(in_, text))
        return false;
    ++line_;
    try {
        line = parse_json_object(text, "the line");
    } catch (const StorageError& error) {
        fail(error);
    }
    return true;
}

bool GraphFileReader::add(GraphPart& part, json::object line)
{
    if (line.contains("node")) {
        GraphNode node;
        node.node = reference_field(line, "node");
        if (node.node.type != NodeType::user)
            node.content = text_field(line, "content");
        node.properties = properties_field(line);
        part.nodes.push_back(std::move(node));
        ++read_.nodes;
        return true;
    }
    if (line.contains("from")) {
        NetworkEdge edge;
        edge.from = reference_field(line, "from");
        edge.relationship_type = text_field(line, "type");
        edge.to = reference_field(line, "to");
        edge.interaction_count = integer_in(field(line, "interaction_count"));
        edge.last_interaction = text_field(line, "last_interaction");
        edge.properties = properties_field(line);
        part.edges.push_back(std::move(edge));
        ++read_.relationships;
        return true;
    }
    const auto nodes = static_cast<std::uint64_t>(integer_in(field(line, "nodes")));
    const auto relationships = static_cast<std::uint64_t>(integer_in(field(line, "relationships")));
    if (nodes != read_.nodes || relationships != read_.relationships)
        throw StorageError(StorageErrc::corrupt, "the file should hold " + std::to_string(nodes) + " nodes and " +
                                                     std::to_string(relationships) + " relationships, but has others");
    return false;
}

GraphPart GraphFileReader::read(std::size_t limit)
{
    GraphPart part;
    while (!ended_ && part.nodes.size() + part.edges.size() < limit) {
        json::object line;
        if (!next_line(line))
            throw StorageError(StorageErrc::corrupt, "the file ends after line " + std::to_string(line_) +
                                                         ", before the graph does: it was cut off");
        try {
            ended_ = !add(part, std::move(line));
        } catch (const StorageError& error) {
            fail(error);
        }
    }
    return part;
}

} // namespace whisperstore::migration
