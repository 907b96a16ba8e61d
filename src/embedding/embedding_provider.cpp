#include "core/text.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>

#include <utility>

namespace whisperstore {

awaitable<std::vector<float>> EmbeddingProvider::embed_one(std::string text, OperationContext context)
{
    std::vector<std::string> texts;
    texts.push_back(std::move(text));
    std::vector<std::vector<float>> vectors = co_await embed(std::move(texts), std::move(context));
    co_return std::move(vectors.front());
}

void check_texts(const std::vector<std::string>& texts)
{
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::string which = texts.size() == 1 ? "the text" : "text " + std::to_string(i + 1);
        if (texts[i].empty())
            throw StorageError(StorageErrc::invalid_argument, which + " is empty: there is nothing to embed");
        text::check(texts[i], which);
    }
}

} // namespace whisperstore
