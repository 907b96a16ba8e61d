#include "embedding/local/model_folder.hpp"

#include "core/failure.hpp"

#include <whisperstore/core/json.hpp>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <system_error>

namespace whisperstore::local_embedding {

namespace {

constexpr std::size_t default_maximum_tokens = 256;
// What keeps sizes that are multiplied far from overflowing; no encoder comes near.
constexpr std::size_t maximum_extent = 10'000'000;

bool is_file(const std::filesystem::path& file)
{
    std::error_code error;
    return std::filesystem::is_regular_file(file, error);
}

[[noreturn]] void corrupt(const std::string& message) { throw StorageError(StorageErrc::corrupt, message); }

/// Runs `read` on a file; what it throws names the file.
template <typename Result>
Result read_named(const std::filesystem::path& file, const std::function<Result(const std::string&)>& read)
{
    const std::string content = read_whole_file(file);
    try {
        return read(content);
    } catch (const StorageError& error) {
        throw error.prefixed(file.string() + ": ");
    }
}

json::object read_object(const std::filesystem::path& file)
{
    return read_named<json::object>(file, [](const std::string& content) {
        boost::system::error_code error;
        const json::value document = json::parse(content, error);
        if (error)
            corrupt("not JSON: " + error.message());
        if (!document.is_object())
            corrupt("no JSON object");
        return document.get_object();
    });
}

std::size_t extent(const json::object& fields, std::string_view key, const std::filesystem::path& file)
{
    const json::value* value = fields.if_contains(key);
    if (!value || !value->is_int64() || value->get_int64() < 1 ||
        value->get_int64() > static_cast<std::int64_t>(maximum_extent))
        corrupt(file.string() + ": " + std::string(key) + " is no whole number from 1 to " +
                std::to_string(maximum_extent));
    return static_cast<std::size_t>(value->get_int64());
}

std::string text_of(const json::object& fields, std::string_view key)
{
    const json::value* value = fields.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::optional<std::filesystem::path> find_onnx(const std::filesystem::path& folder, Precision precision)
{
    std::vector<std::string> names;
    if (precision == Precision::int8)
        names = {"model_qint8_avx512_vnni.onnx", "model_qint8_avx512.onnx", "model_quint8_avx2.onnx",
                 "model_quantized.onnx", "model_int8.onnx"};
    names.emplace_back("model.onnx");
    for (const std::string& name : names)
        for (const auto& file : {folder / "onnx" / name, folder / name})
            if (is_file(file))
                return file;
    return std::nullopt;
}

} // namespace

std::string read_whole_file(const std::filesystem::path& file)
{
    errno = 0;
    std::ifstream stream(file, std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    if (!stream.is_open() || stream.bad()) {
        const std::error_code error(errno, std::generic_category());
        throw StorageError(errc_of(error), file.string() + " cannot be read: " + error.message());
    }
    return content;
}

std::filesystem::path default_model_folder()
{
    const char* cache = std::getenv("XDG_CACHE_HOME");
    const char* home = std::getenv("HOME");
    const std::filesystem::path base = cache && *cache ? std::filesystem::path(cache)
                                       : home && *home ? std::filesystem::path(home) / ".cache"
                                                       : std::filesystem::path(".cache");
    return base / "whisperstore" / "models" / "all-MiniLM-L6-v2";
}

Precision parse_precision(std::string_view name)
{
    if (name == "float32")
        return Precision::float32;
    if (name == "bfloat16")
        return Precision::bfloat16;
    if (name == "int8")
        return Precision::int8;
    throw StorageError(StorageErrc::invalid_argument, "the precision of embeddings is '" + std::string(name) +
                                                          "'; float32, bfloat16 and int8 are allowed");
}

ModelFolder ModelFolder::find(const std::filesystem::path& folder, Precision precision)
{
    ModelFolder found;
    found.path = folder;
    if (const auto weights = folder / "model.safetensors"; is_file(weights)) {
        found.weights = weights;
        return found;
    }
    if (auto file = find_onnx(folder, precision)) {
        found.weights = *std::move(file);
        found.onnx = true;
        return found;
    }
    throw StorageError(StorageErrc::not_found,
                       "no embedding model in " + folder.string() +
                           ": neither model.safetensors nor onnx/model.onnx is there. tools/quickstart fetches the "
                           "model; WHISPERENGINE_EMBEDDING_MODEL_DIR names the folder of one that you have");
}

BertShape ModelFolder::shape() const
{
    const std::filesystem::path file = path / "config.json";
    const json::object fields = read_object(file);
    if (text_of(fields, "model_type") != "bert")
        throw StorageError(StorageErrc::unsupported, file.string() + ": the model is of type '" +
                                                         text_of(fields, "model_type") + "'; only bert can be run");
    const std::string positions = text_of(fields, "position_embedding_type");
    if (!positions.empty() && positions != "absolute")
        throw StorageError(StorageErrc::unsupported,
                           file.string() + ": its positions are '" + positions + "'; only absolute can be run");
    const std::string activation = text_of(fields, "hidden_act");
    if (activation != "gelu" && activation != "gelu_new" && activation != "gelu_pytorch_tanh")
        throw StorageError(StorageErrc::unsupported,
                           file.string() + ": its activation is '" + activation + "'; only gelu can be run");
    BertShape shape;
    shape.vocabulary = extent(fields, "vocab_size", file);
    shape.hidden = extent(fields, "hidden_size", file);
    shape.layers = extent(fields, "num_hidden_layers", file);
    shape.heads = extent(fields, "num_attention_heads", file);
    shape.intermediate = extent(fields, "intermediate_size", file);
    shape.positions = extent(fields, "max_position_embeddings", file);
    shape.types = extent(fields, "type_vocab_size", file);
    shape.tanh_gelu = activation != "gelu";
    if (const json::value* epsilon = fields.if_contains("layer_norm_eps"); epsilon && epsilon->is_number())
        shape.epsilon = epsilon->to_number<double>();
    if (shape.hidden % shape.heads != 0)
        corrupt(file.string() + ": hidden_size is no multiple of num_attention_heads");
    if (!(shape.epsilon > 0 && shape.epsilon < 1))
        corrupt(file.string() + ": layer_norm_eps is not between 0 and 1");
    return shape;
}

WordPiece ModelFolder::tokenizer() const
{
    if (const auto file = path / "tokenizer_config.json"; is_file(file)) {
        const json::object fields = read_object(file);
        const json::value* lower = fields.if_contains("do_lower_case");
        if (lower && lower->is_bool() && !lower->get_bool())
            throw StorageError(StorageErrc::unsupported,
                               file.string() + ": the model tells upper from lower case; only uncased ones can be run");
    }
    if (const auto file = path / "vocab.txt"; is_file(file))
        return WordPiece(read_named<Vocabulary>(file, Vocabulary::from_lines));
    const auto file = path / "tokenizer.json";
    if (!is_file(file))
        throw StorageError(StorageErrc::not_found,
                           "the embedding model in " + path.string() + " has neither vocab.txt nor tokenizer.json");
    return WordPiece(read_named<Vocabulary>(file, Vocabulary::from_tokenizer_json));
}

std::size_t ModelFolder::maximum_tokens() const
{
    const auto file = path / "sentence_bert_config.json";
    if (!is_file(file))
        return default_maximum_tokens;
    const json::object fields = read_object(file);
    const json::value* length = fields.if_contains("max_seq_length");
    if (!length || length->is_null())
        return default_maximum_tokens;
    return std::max<std::size_t>(extent(fields, "max_seq_length", file), 2);
}

void ModelFolder::check_pooling() const
{
    const auto file = path / "1_Pooling" / "config.json";
    if (!is_file(file))
        return;
    const json::object fields = read_object(file);
    const json::value* mean = fields.if_contains("pooling_mode_mean_tokens");
    if (mean && mean->is_bool() && !mean->get_bool())
        throw StorageError(StorageErrc::unsupported,
                           file.string() + ": the model does not average its tokens, the only pooling there is here");
}

} // namespace whisperstore::local_embedding
