#include "embedding/local/bert_graph.hpp"

#include "embedding/local/ir_writer.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace whisperstore::local_embedding {

namespace {

constexpr std::string_view numpy_broadcast = R"(auto_broadcast="numpy")";
constexpr float int8_maximum = 127;

/// Rows of whole numbers and what each has to be multiplied with.
struct Int8Matrix
{
    std::vector<std::int8_t> values;
    std::vector<float> scales;
};

Int8Matrix quantize(const std::vector<float>& matrix, std::size_t rows, std::size_t columns)
{
    Int8Matrix out;
    out.values.reserve(matrix.size());
    out.scales.reserve(rows);
    for (std::size_t row = 0; row < rows; ++row) {
        const auto first = matrix.begin() + static_cast<std::ptrdiff_t>(row * columns);
        float largest = 0;
        std::for_each_n(first, columns, [&](float value) { largest = std::max(largest, std::abs(value)); });
        const float scale = largest > 0 ? largest / int8_maximum : 1;
        out.scales.push_back(scale);
        std::for_each_n(first, columns, [&](float value) {
            out.values.push_back(static_cast<std::int8_t>(std::lround(value / scale)));
        });
    }
    return out;
}

class GraphBuilder
{
public:
    GraphBuilder(const SafeTensors& tensors, const BertShape& shape, Precision precision)
        : tensors_(tensors), shape_(shape), precision_(precision), prefix_(tensor_prefix(tensors))
    {
    }

    BertGraph build()
    {
        const std::string hidden = std::to_string(shape_.hidden);
        Port states = ir_.parameter("embeddings", "?,?," + hidden, ElementType::f32);
        const Port mask = ir_.parameter("mask", "?,1,1,?", ElementType::f32);
        states = normalize(states, "embeddings.LayerNorm");
        for (std::size_t i = 0; i < shape_.layers; ++i)
            states = layer(states, mask, "encoder.layer." + std::to_string(i) + ".");
        ir_.result(states);
        BertGraph graph;
        graph.xml = ir_.finish("bert");
        graph.weights = ir_.take_weights();
        return graph;
    }

private:
    Port layer(Port states, Port mask, const std::string& name)
    {
        const Port attended = linear(attention(states, mask, name + "attention.self."), name + "attention.output.dense",
                                     shape_.hidden, shape_.hidden);
        const Port middle = normalize(add(attended, states), name + "attention.output.LayerNorm");
        const Port wide = gelu(linear(middle, name + "intermediate.dense", shape_.intermediate, shape_.hidden));
        const Port narrow = linear(wide, name + "output.dense", shape_.hidden, shape_.intermediate);
        return normalize(add(narrow, middle), name + "output.LayerNorm");
    }

    Port attention(Port states, Port mask, const std::string& name)
    {
        const Port query = heads(linear(states, name + "query", shape_.hidden, shape_.hidden));
        const Port key = heads(linear(states, name + "key", shape_.hidden, shape_.hidden));
        const Port value = heads(linear(states, name + "value", shape_.hidden, shape_.hidden));
        const auto head = static_cast<double>(shape_.hidden / shape_.heads);
        const Port scaled = multiply(query, ir_.scalar(static_cast<float>(1 / std::sqrt(head))));
        const Port scores = add(matrix_product(scaled, key, true), mask);
        const Port weights = ir_.layer("SoftMax", "opset8", R"(axis="-1")", {scores});
        const Port mixed = transpose(matrix_product(weights, value, false));
        return reshape(mixed, {0, 0, static_cast<std::int64_t>(shape_.hidden)});
    }

    Port heads(Port states)
    {
        const auto count = static_cast<std::int64_t>(shape_.heads);
        const auto size = static_cast<std::int64_t>(shape_.hidden / shape_.heads);
        return transpose(reshape(states, {0, 0, count, size}));
    }

    Port linear(Port input, const std::string& name, std::size_t rows, std::size_t columns)
    {
        const std::vector<float> values = tensor(name + ".weight", {rows, columns});
        const Port matrix = precision_ == Precision::int8 ? int8_matrix(quantize(values, rows, columns), rows, columns)
                                                          : ir_.constant(values, {rows, columns});
        return add(matrix_product(input, matrix, true), ir_.constant(tensor(name + ".bias", {rows}), {rows}));
    }

    Port int8_matrix(const Int8Matrix& matrix, std::size_t rows, std::size_t columns)
    {
        const Port values = ir_.constant(matrix.values, {rows, columns});
        const Port converted = ir_.layer("Convert", "opset1", R"(destination_type="f32")", {values});
        return multiply(converted, ir_.constant(matrix.scales, {rows, 1}));
    }

    Port normalize(Port input, const std::string& name)
    {
        std::array<char, 96> data;
        std::snprintf(data.data(), data.size(), R"(eps="%.9g" normalize_variance="true" eps_mode="INSIDE_SQRT")",
                      shape_.epsilon);
        const Port normal = ir_.layer("MVN", "opset6", data.data(), {input, ir_.numbers({-1})});
        const Port scaled = multiply(normal, ir_.constant(tensor(name + ".weight", {shape_.hidden}), {shape_.hidden}));
        return add(scaled, ir_.constant(tensor(name + ".bias", {shape_.hidden}), {shape_.hidden}));
    }

    Port gelu(Port input)
    {
        return ir_.layer("Gelu", "opset7",
                         shape_.tanh_gelu ? R"(approximation_mode="TANH")" : R"(approximation_mode="ERF")", {input});
    }

    Port add(Port left, Port right) { return ir_.layer("Add", "opset1", numpy_broadcast, {left, right}); }
    Port multiply(Port left, Port right) { return ir_.layer("Multiply", "opset1", numpy_broadcast, {left, right}); }
    Port matrix_product(Port left, Port right, bool transposed)
    {
        return ir_.layer("MatMul", "opset1",
                         transposed ? R"(transpose_a="false" transpose_b="true")"
                                    : R"(transpose_a="false" transpose_b="false")",
                         {left, right});
    }
    Port reshape(Port input, std::initializer_list<std::int64_t> shape)
    {
        return ir_.layer("Reshape", "opset1", R"(special_zero="true")", {input, ir_.numbers(shape)});
    }
    Port transpose(Port input) { return ir_.layer("Transpose", "opset1", {}, {input, ir_.numbers({0, 2, 1, 3})}); }

    std::vector<float> tensor(const std::string& name, const std::vector<std::size_t>& shape) const
    {
        return tensors_.floats(prefix_ + name, shape);
    }

    const SafeTensors& tensors_;
    const BertShape& shape_;
    const Precision precision_;
    const std::string prefix_;
    IrWriter ir_;
};

} // namespace

std::string tensor_prefix(const SafeTensors& tensors)
{
    for (const std::string prefix : {"", "bert."})
        if (tensors.contains(prefix + "embeddings.word_embeddings.weight"))
            return prefix;
    throw StorageError(StorageErrc::corrupt, "it holds no BERT encoder: there is no embeddings.word_embeddings.weight");
}

BertGraph make_bert_graph(const SafeTensors& tensors, const BertShape& shape, Precision precision)
{
    return GraphBuilder(tensors, shape, precision).build();
}

InputEmbeddings::InputEmbeddings(const SafeTensors& tensors, const BertShape& shape) : hidden_(shape.hidden)
{
    const std::string name = tensor_prefix(tensors) + "embeddings.";
    words_ = tensors.floats(name + "word_embeddings.weight", {shape.vocabulary, hidden_});
    places_ = tensors.floats(name + "position_embeddings.weight", {shape.positions, hidden_});
    const std::vector<float> types = tensors.floats(name + "token_type_embeddings.weight", {shape.types, hidden_});
    for (std::size_t i = 0; i < places_.size(); ++i)
        places_[i] += types[i % hidden_];
}

void InputEmbeddings::write(std::size_t token, std::size_t position, float* out) const noexcept
{
    const float* word = words_.data() + token * hidden_;
    const float* place = places_.data() + position * hidden_;
    for (std::size_t i = 0; i < hidden_; ++i)
        out[i] = word[i] + place[i];
}

} // namespace whisperstore::local_embedding
