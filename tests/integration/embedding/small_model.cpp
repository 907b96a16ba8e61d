#include "embedding/small_model.hpp"

#include "support/test_directory.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <sstream>

namespace whisperstore::test {

namespace {

constexpr std::size_t hidden = small_model_dimension;
constexpr std::size_t wide = 16;
constexpr std::size_t layers = 2;
constexpr std::size_t heads = 2;
constexpr std::size_t positions = 256;
const std::vector<std::string> words = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "a", "un"};

struct Tensor
{
    std::vector<std::size_t> shape;
    std::vector<float> values;
};
using Tensors = std::map<std::string, Tensor>;
using Rows = std::vector<std::vector<double>>;

const Tensors& weights()
{
    static const Tensors tensors = [] {
        Tensors out;
        std::mt19937 random(7);
        const auto add = [&](const std::string& name, std::vector<std::size_t> shape, float mean, float spread) {
            std::normal_distribution<float> distribution(mean, spread);
            Tensor& tensor = out[name];
            std::size_t size = 1;
            for (const std::size_t extent : shape)
                size *= extent;
            tensor.shape = std::move(shape);
            for (std::size_t i = 0; i < size; ++i)
                tensor.values.push_back(distribution(random));
        };
        const auto linear = [&](const std::string& name, std::size_t to, std::size_t from) {
            add(name + ".weight", {to, from}, 0, 0.5F);
            add(name + ".bias", {to}, 0, 0.1F);
        };
        const auto norm = [&](const std::string& name) {
            add(name + ".weight", {hidden}, 1, 0.2F);
            add(name + ".bias", {hidden}, 0, 0.2F);
        };
        add("embeddings.word_embeddings.weight", {words.size(), hidden}, 0, 1);
        add("embeddings.position_embeddings.weight", {positions, hidden}, 0, 0.3F);
        add("embeddings.token_type_embeddings.weight", {2, hidden}, 0, 0.3F);
        norm("embeddings.LayerNorm");
        for (std::size_t i = 0; i < layers; ++i) {
            const std::string layer = "encoder.layer." + std::to_string(i) + ".";
            for (const char* part : {"query", "key", "value"})
                linear(layer + "attention.self." + part, hidden, hidden);
            linear(layer + "attention.output.dense", hidden, hidden);
            norm(layer + "attention.output.LayerNorm");
            linear(layer + "intermediate.dense", wide, hidden);
            linear(layer + "output.dense", hidden, wide);
            norm(layer + "output.LayerNorm");
        }
        return out;
    }();
    return tensors;
}

double at(const std::string& name, std::size_t place) { return static_cast<double>(weights().at(name).values[place]); }

Rows linear(const Rows& input, const std::string& name)
{
    const Tensor& matrix = weights().at(name + ".weight");
    Rows out;
    for (const auto& row : input) {
        out.emplace_back();
        for (std::size_t to = 0; to < matrix.shape[0]; ++to) {
            double sum = at(name + ".bias", to);
            for (std::size_t from = 0; from < row.size(); ++from)
                sum += row[from] * static_cast<double>(matrix.values[to * row.size() + from]);
            out.back().push_back(sum);
        }
    }
    return out;
}

Rows normalized_sum(const Rows& left, const Rows& right, const std::string& name)
{
    Rows out = left;
    for (std::size_t row = 0; row < out.size(); ++row) {
        double mean = 0;
        double variance = 0;
        for (std::size_t i = 0; i < hidden; ++i)
            mean += (out[row][i] += right.empty() ? 0 : right[row][i]) / hidden;
        for (const double value : out[row])
            variance += (value - mean) * (value - mean) / hidden;
        for (std::size_t i = 0; i < hidden; ++i)
            out[row][i] =
                (out[row][i] - mean) / std::sqrt(variance + 1e-12) * at(name + ".weight", i) + at(name + ".bias", i);
    }
    return out;
}

Rows attention(const Rows& input, const std::string& name)
{
    const Rows query = linear(input, name + "query");
    const Rows key = linear(input, name + "key");
    const Rows value = linear(input, name + "value");
    constexpr std::size_t size = hidden / heads;
    Rows out(input.size(), std::vector<double>(hidden));
    for (std::size_t head = 0; head < heads; ++head) {
        for (std::size_t i = 0; i < input.size(); ++i) {
            std::vector<double> shares;
            double sum = 0;
            for (std::size_t j = 0; j < input.size(); ++j) {
                double score = 0;
                for (std::size_t k = head * size; k < (head + 1) * size; ++k)
                    score += query[i][k] * key[j][k];
                shares.push_back(std::exp(score / std::sqrt(static_cast<double>(size))));
                sum += shares.back();
            }
            for (std::size_t j = 0; j < input.size(); ++j)
                for (std::size_t k = head * size; k < (head + 1) * size; ++k)
                    out[i][k] += shares[j] / sum * value[j][k];
        }
    }
    return out;
}

} // namespace

void write_small_model(const std::filesystem::path& folder)
{
    std::string header;
    std::string data;
    for (const auto& [name, tensor] : weights()) {
        std::string shape;
        for (const std::size_t extent : tensor.shape) {
            shape += shape.empty() ? "" : ",";
            shape += std::to_string(extent);
        }
        const std::size_t begin = data.size();
        data.append(reinterpret_cast<const char*>(tensor.values.data()), tensor.values.size() * sizeof(float));
        std::ostringstream entry;
        entry << (header.empty() ? "{" : ",") << '"' << name << R"(":{"dtype":"F32","shape":[)" << shape
              << R"(],"data_offsets":[)" << begin << ',' << data.size() << "]}";
        header += entry.str();
    }
    header += '}';
    const std::uint64_t length = header.size();
    std::string file(sizeof(length), '\0');
    std::memcpy(file.data(), &length, sizeof(length));
    file += header;
    file += data;
    write_file(folder / "model.safetensors", file);
    std::string vocabulary;
    for (const std::string& word : words) {
        vocabulary += word;
        vocabulary += '\n';
    }
    write_file(folder / "vocab.txt", vocabulary);
    write_file(
        folder / "config.json",
        R"({"model_type": "bert", "hidden_act": "gelu", "vocab_size": 8, "hidden_size": 8, "num_hidden_layers": 2,
                   "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 256,
                   "type_vocab_size": 2, "layer_norm_eps": 1e-12})");
}

std::vector<float> small_model_vector(const std::string& text)
{
    std::vector<std::string> tokens = {"[CLS]"};
    std::istringstream stream(text);
    for (std::string word; stream >> word;)
        tokens.push_back(word);
    tokens.emplace_back("[SEP]");
    Rows states;
    for (std::size_t place = 0; place < tokens.size(); ++place) {
        const auto id = static_cast<std::size_t>(std::find(words.begin(), words.end(), tokens[place]) - words.begin());
        states.emplace_back();
        for (std::size_t i = 0; i < hidden; ++i)
            states.back().push_back(at("embeddings.word_embeddings.weight", id * hidden + i) +
                                    at("embeddings.position_embeddings.weight", place * hidden + i) +
                                    at("embeddings.token_type_embeddings.weight", i));
    }
    states = normalized_sum(states, {}, "embeddings.LayerNorm");
    for (std::size_t i = 0; i < layers; ++i) {
        const std::string layer = "encoder.layer." + std::to_string(i) + ".";
        const Rows attended = linear(attention(states, layer + "attention.self."), layer + "attention.output.dense");
        const Rows middle = normalized_sum(attended, states, layer + "attention.output.LayerNorm");
        Rows activated = linear(middle, layer + "intermediate.dense");
        for (auto& row : activated)
            for (double& value : row)
                value *= 0.5 * (1 + std::erf(value / std::sqrt(2.0)));
        states = normalized_sum(linear(activated, layer + "output.dense"), middle, layer + "output.LayerNorm");
    }
    std::vector<double> mean(hidden);
    double square = 0;
    for (std::size_t i = 0; i < hidden; ++i) {
        for (const auto& row : states)
            mean[i] += row[i];
        square += mean[i] * mean[i];
    }
    std::vector<float> out;
    for (const double value : mean)
        out.push_back(static_cast<float>(value / std::sqrt(square)));
    return out;
}

} // namespace whisperstore::test
