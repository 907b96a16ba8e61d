#pragma once
// An embedding provider without a model.

#include <whisperstore/core/error.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <atomic>
#include <cmath>
#include <functional>
#include <string>

namespace whisperstore::test {

/// Vectors of letters' pairs: the same text has the same vector, and texts that share pairs are alike.
class HashedEmbeddings : public EmbeddingProvider
{
public:
    explicit HashedEmbeddings(std::size_t dimension = 384, std::string model = "hashed-pairs")
        : dimension_(dimension), model_(std::move(model))
    {
    }
    static std::vector<float> vector_of(const std::string& text, std::size_t dimension)
    {
        std::vector<float> vector(dimension, 0.01F);
        for (std::size_t i = 0; i + 1 < text.size(); ++i)
            vector[(static_cast<unsigned char>(text[i]) * 31U + static_cast<unsigned char>(text[i + 1])) % dimension] +=
                1;
        double squares = 0;
        for (const float one : vector)
            squares += static_cast<double>(one) * static_cast<double>(one);
        for (float& one : vector)
            one = static_cast<float>(static_cast<double>(one) / std::sqrt(squares));
        return vector;
    }
    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, OperationContext) override
    {
        check_texts(texts);
        ++calls;
        embedded += texts.size();
        std::vector<std::vector<float>> vectors;
        for (const std::string& text : texts)
            vectors.push_back(vector_of(text, dimension_));
        co_return vectors;
    }
    std::size_t dimension() const noexcept override { return dimension_; }
    std::string_view model_name() const noexcept override { return model_; }
    std::string_view provider_type() const noexcept override { return "hashed"; }

    std::atomic<std::size_t> calls{0};
    std::atomic<std::size_t> embedded{0}; ///< texts

private:
    const std::size_t dimension_;
    const std::string model_;
};

} // namespace whisperstore::test
