#include "embedding/local/embedding_model.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace whisperstore::local_embedding {

namespace {

constexpr const char* embeddings_input = "embeddings";
constexpr const char* mask_input = "mask";

/// The mean of the first `tokens` rows, at unit length.
std::vector<float> mean_of_rows(const float* rows, std::size_t tokens, std::size_t dimension)
{
    std::vector<float> mean(dimension);
    for (std::size_t token = 0; token < tokens; ++token)
        for (std::size_t i = 0; i < dimension; ++i)
            mean[i] += rows[token * dimension + i];
    double square = 0;
    for (const float value : mean)
        square += static_cast<double>(value) * static_cast<double>(value);
    if (!(square > 0) || !std::isfinite(square))
        throw StorageError(StorageErrc::corrupt,
                           "the embedding model answers with numbers that are no vector: its weights "
                           "are damaged");
    const auto scale = static_cast<float>(1 / std::sqrt(square));
    for (float& value : mean)
        value *= scale;
    return mean;
}

} // namespace

EmbeddingModel::EmbeddingModel(const ModelKey& key)
    : tokenizer_(ModelFolder::find(key.folder, key.precision).tokenizer())
{
    const ModelFolder folder = ModelFolder::find(key.folder, key.precision);
    folder.check_pooling();
    const BertShape shape = folder.shape();
    if (tokenizer_.vocabulary().size() > shape.vocabulary)
        throw StorageError(StorageErrc::corrupt, folder.path.string() + ": the vocabulary has " +
                                                     std::to_string(tokenizer_.vocabulary().size()) +
                                                     " tokens, config.json says " + std::to_string(shape.vocabulary));
    maximum_tokens_ = std::min(folder.maximum_tokens(), shape.positions);
    dimension_ = shape.hidden;
    const CompileOptions options{key.precision, key.threads};
    if (folder.onnx)
        load_onnx(folder, options);
    else
        load_bert(folder, options);
}

void EmbeddingModel::load_bert(const ModelFolder& folder, const CompileOptions& options)
{
    BertGraph graph;
    const std::string file = read_whole_file(folder.weights);
    try {
        const SafeTensors tensors(std::as_bytes(std::span(file)));
        const BertShape shape = folder.shape();
        embeddings_.emplace(tensors, shape);
        graph = make_bert_graph(tensors, shape, options.precision);
    } catch (const StorageError& error) {
        throw error.prefixed(folder.weights.string() + ": ");
    }
    network_.emplace(CompiledNetwork::from_ir(graph.xml, std::move(graph.weights), options));
}

void EmbeddingModel::load_onnx(const ModelFolder& folder, const CompileOptions& options)
{
    network_.emplace(CompiledNetwork::from_file(folder.weights, options));
    const std::vector<std::string> inputs = network_->input_names();
    const auto has = [&](std::string_view name) {
        return std::find(inputs.begin(), inputs.end(), name) != inputs.end();
    };
    wants_types_ = has("token_type_ids");
    if (!has("input_ids") || !has("attention_mask") || inputs.size() != (wants_types_ ? 3U : 2U))
        throw StorageError(StorageErrc::unsupported,
                           folder.weights.string() +
                               ": its inputs are not input_ids, attention_mask and perhaps token_type_ids");
}

std::vector<std::vector<float>> EmbeddingModel::embed(std::span<const std::vector<TokenId>* const> texts)
{
    std::size_t longest = 0;
    for (const auto* tokens : texts)
        longest = std::max(longest, tokens->size());
    const CompiledNetwork::Output output = embeddings_ ? run_bert(texts, longest) : run_onnx(texts, longest);
    if (output.shape != std::vector<std::size_t>{texts.size(), longest, dimension_})
        throw StorageError(StorageErrc::unsupported,
                           "the embedding model does not answer with a vector for each token of each text");
    std::vector<std::vector<float>> vectors;
    vectors.reserve(texts.size());
    for (std::size_t i = 0; i < texts.size(); ++i)
        vectors.push_back(mean_of_rows(output.values.data() + i * longest * dimension_, texts[i]->size(), dimension_));
    return vectors;
}

CompiledNetwork::Output EmbeddingModel::run_bert(std::span<const std::vector<TokenId>* const> texts,
                                                 std::size_t longest)
{
    floats_.assign(texts.size() * longest * dimension_, 0);
    mask_.assign(texts.size() * longest, padding_mask);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::vector<TokenId>& tokens = *texts[i];
        for (std::size_t place = 0; place < tokens.size(); ++place) {
            const std::size_t at = i * longest + place;
            embeddings_->write(static_cast<std::size_t>(tokens[place]), place, floats_.data() + at * dimension_);
            mask_[at] = 0;
        }
    }
    const InputTensor inputs[] = {{embeddings_input, {texts.size(), longest, dimension_}, floats_, {}},
                                  {mask_input, {texts.size(), 1, 1, longest}, mask_, {}}};
    return network_->run(inputs);
}

CompiledNetwork::Output EmbeddingModel::run_onnx(std::span<const std::vector<TokenId>* const> texts,
                                                 std::size_t longest)
{
    ids_.assign(texts.size() * longest, tokenizer_.vocabulary().padding());
    whole_mask_.assign(ids_.size(), 0);
    types_.assign(ids_.size(), 0);
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::vector<TokenId>& tokens = *texts[i];
        const auto begin = static_cast<std::ptrdiff_t>(i * longest);
        std::copy(tokens.begin(), tokens.end(), ids_.begin() + begin);
        std::fill_n(whole_mask_.begin() + begin, tokens.size(), 1);
    }
    const std::vector<std::size_t> shape{texts.size(), longest};
    std::vector<InputTensor> inputs{{"input_ids", shape, {}, ids_}, {"attention_mask", shape, {}, whole_mask_}};
    if (wants_types_)
        inputs.push_back({"token_type_ids", shape, {}, types_});
    return network_->run(inputs);
}

} // namespace whisperstore::local_embedding
