#include "embedding/local/ir_writer.hpp"

namespace whisperstore::local_embedding {

namespace {

// Constants are read in place, by vector instructions.
constexpr std::size_t alignment = 64;

std::string_view precision(ElementType type)
{
    switch (type) {
    case ElementType::f32:
        return "FP32";
    case ElementType::i64:
        return "I64";
    case ElementType::i8:
        return "I8";
    }
    return {};
}

std::string_view element_type(ElementType type)
{
    switch (type) {
    case ElementType::f32:
        return "f32";
    case ElementType::i64:
        return "i64";
    case ElementType::i8:
        return "i8";
    }
    return {};
}

void append(std::string& out, std::initializer_list<std::string_view> parts)
{
    for (const std::string_view part : parts)
        out += part;
}

void append_attribute(std::string& out, std::string_view name, std::string_view value)
{
    append(out, {" ", name, "=\"", value, "\""});
}

void append_port(std::string& out, std::size_t id, ElementType type, std::string_view names = {})
{
    out += "<port";
    append_attribute(out, "id", std::to_string(id));
    append_attribute(out, "precision", precision(type));
    if (!names.empty())
        append_attribute(out, "names", names);
    out += "/>";
}

void append_edge(std::string& out, const Port& from, std::size_t layer, std::size_t port)
{
    out += "<edge";
    append_attribute(out, "from-layer", std::to_string(from.layer));
    append_attribute(out, "from-port", std::to_string(from.port));
    append_attribute(out, "to-layer", std::to_string(layer));
    append_attribute(out, "to-port", std::to_string(port));
    out += "/>\n";
}

std::string list_of(const std::vector<std::size_t>& shape)
{
    std::string out;
    for (const std::size_t extent : shape) {
        if (!out.empty())
            out += ',';
        out += std::to_string(extent);
    }
    return out;
}

} // namespace

std::size_t IrWriter::open_layer(std::string_view name, std::string_view type, std::string_view version,
                                 std::string_view data)
{
    const std::size_t id = count_++;
    std::string unique(name);
    if (unique.empty())
        append(unique, {type, "_", std::to_string(id)});
    layers_ += "<layer";
    append_attribute(layers_, "id", std::to_string(id));
    append_attribute(layers_, "name", unique);
    append_attribute(layers_, "type", type);
    append_attribute(layers_, "version", version);
    layers_ += '>';
    if (!data.empty())
        append(layers_, {"<data ", data, "/>"});
    return id;
}

Port IrWriter::parameter(std::string_view name, std::string_view shape, ElementType type)
{
    std::string data;
    append_attribute(data, "shape", shape);
    append_attribute(data, "element_type", element_type(type));
    const std::size_t id = open_layer(name, "Parameter", "opset1", data);
    layers_ += "<output>";
    append_port(layers_, 0, type, name);
    layers_ += "</output></layer>\n";
    return {id, 0, type};
}

Port IrWriter::constant_bytes(std::span<const std::byte> bytes, const std::string& shape, ElementType type)
{
    weights_.resize((weights_.size() + alignment - 1) / alignment * alignment);
    std::string data;
    append_attribute(data, "element_type", element_type(type));
    append_attribute(data, "shape", shape);
    append_attribute(data, "offset", std::to_string(weights_.size()));
    append_attribute(data, "size", std::to_string(bytes.size()));
    weights_.insert(weights_.end(), bytes.begin(), bytes.end());
    const std::size_t id = open_layer({}, "Const", "opset1", data);
    layers_ += "<output>";
    append_port(layers_, 0, type);
    layers_ += "</output></layer>\n";
    return {id, 0, type};
}

Port IrWriter::constant(std::span<const float> values, const std::vector<std::size_t>& shape)
{
    return constant_bytes(std::as_bytes(values), list_of(shape), ElementType::f32);
}

Port IrWriter::constant(std::span<const std::int8_t> values, const std::vector<std::size_t>& shape)
{
    return constant_bytes(std::as_bytes(values), list_of(shape), ElementType::i8);
}

Port IrWriter::numbers(std::initializer_list<std::int64_t> values)
{
    const std::span<const std::int64_t> list(values.begin(), values.size());
    return constant_bytes(std::as_bytes(list), std::to_string(values.size()), ElementType::i64);
}

Port IrWriter::scalar(float value) { return constant_bytes(std::as_bytes(std::span(&value, 1)), "", ElementType::f32); }

Port IrWriter::layer(std::string_view type, std::string_view version, std::string_view data,
                     std::initializer_list<Port> inputs, ElementType output)
{
    const std::size_t id = open_layer({}, type, version, data);
    layers_ += "<input>";
    std::size_t place = 0;
    for (const Port& input : inputs) {
        append_port(layers_, place, input.type);
        append_edge(edges_, input, id, place);
        ++place;
    }
    layers_ += "</input><output>";
    append_port(layers_, place, output);
    layers_ += "</output></layer>\n";
    return {id, place, output};
}

void IrWriter::result(Port port)
{
    const std::size_t id = open_layer({}, "Result", "opset1", {});
    layers_ += "<input>";
    append_port(layers_, 0, port.type);
    layers_ += "</input></layer>\n";
    append_edge(edges_, port, id, 0);
}

std::string IrWriter::finish(std::string_view name)
{
    std::string out = "<?xml version=\"1.0\"?>\n<net";
    append_attribute(out, "name", name);
    append_attribute(out, "version", "11");
    append(out, {">\n<layers>\n", layers_, "</layers>\n<edges>\n", edges_, "</edges>\n</net>\n"});
    return out;
}

} // namespace whisperstore::local_embedding
