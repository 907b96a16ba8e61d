#include "core/failure.hpp"
#include "embedding/local/model_service.hpp"
#include "embedding/local/processors.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/embedding/local_embedding_provider.hpp>

#include <utility>

namespace whisperstore {

namespace {

constexpr const char* backend = "local_embedding";
constexpr std::size_t maximum_batch = 2'048;
constexpr std::size_t maximum_threads = 1'024;
constexpr std::size_t maximum_dimension = 65'536;

void check_range(std::string_view what, std::size_t value, std::size_t first, std::size_t last)
{
    if (value < first || value > last)
        throw StorageError(StorageErrc::invalid_argument,
                           "the " + std::string(what) + " of embeddings is " + std::to_string(value) + "; " +
                               std::to_string(first) + " to " + std::to_string(last) + " are allowed",
                           ErrorDetails{.backend = backend});
}

/// Two ways to write one folder share one model.
std::filesystem::path resolved(const std::filesystem::path& folder)
{
    std::error_code unknown; // told when the model is loaded
    std::filesystem::path canonical = std::filesystem::weakly_canonical(folder, unknown);
    return unknown ? folder : canonical;
}

local_embedding::ModelKey key_of(const EmbeddingConfig& config)
{
    check_range("dimension", config.dimension, 1, maximum_dimension);
    check_range("batch size", config.batch_size, 1, maximum_batch);
    check_range("number of threads", config.threads, 0, maximum_threads);
    local_embedding::ModelKey key;
    key.folder = resolved(config.model_dir);
    key.precision = local_embedding::parse_precision(config.precision);
    key.threads = config.threads != 0 ? config.threads : local_embedding::usable_processors();
    return key;
}

EmbeddingConfig with_folder(EmbeddingConfig config)
{
    if (config.model_dir.empty())
        config.model_dir = local_embedding::default_model_folder();
    return config;
}

} // namespace

LocalEmbeddingProvider::LocalEmbeddingProvider(EmbeddingConfig config)
    : config_(with_folder(std::move(config))), service_(local_embedding::ModelService::shared(key_of(config_)))
{
}

LocalEmbeddingProvider::~LocalEmbeddingProvider() = default;

awaitable<std::vector<std::vector<float>>> LocalEmbeddingProvider::embed(std::vector<std::string> texts,
                                                                         OperationContext context)
{
    try {
        check_texts(texts);
        context.check_deadline(backend, "embed");
        if (texts.empty())
            co_return std::vector<std::vector<float>>();
        // The model stays until this call ends, whatever happens to the provider.
        const std::shared_ptr<local_embedding::ModelService> service = service_;
        local_embedding::ModelService::Request request;
        request.texts = std::move(texts);
        request.dimension = config_.dimension;
        request.batch_size = config_.batch_size;
        co_return co_await service->embed(std::move(request), std::move(context));
    } catch (...) {
        rethrow_as_storage_error(backend, "embed");
    }
}

} // namespace whisperstore
