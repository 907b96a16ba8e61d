#include "qdrant_points.hpp"

#include "in_flight.hpp"

#include <whisperstore/core/blocking.hpp>

#include <cmath>
#include <random>
#include <stdexcept>

namespace whisperstore::bench {

namespace {

constexpr std::size_t content_words = 36; // about 200 bytes
constexpr std::size_t channels = 7;

std::vector<float> random_vector(std::mt19937& random)
{
    std::normal_distribution<float> component;
    std::vector<float> vector(qdrant_dimension);
    double squares = 0;
    for (float& value : vector) {
        value = component(random);
        squares += static_cast<double>(value) * static_cast<double>(value);
    }
    for (float& value : vector)
        value = static_cast<float>(static_cast<double>(value) / std::sqrt(squares));
    return vector;
}

std::string random_content(std::mt19937& random)
{
    constexpr std::string_view words[] = {"we",    "talked",  "about", "the",    "garden", "and",   "her",
                                          "new",   "bicycle", "from",  "Berlin", "which",  "costs", "a",
                                          "great", "deal",    "more",  "than",   "last",   "year",  "\"really\""};
    std::string content;
    for (std::size_t i = 0; i < content_words; ++i) {
        content += words[random() % std::size(words)];
        content += ' ';
    }
    return content;
}

std::string user_name(std::size_t number) { return std::string("user-").append(std::to_string(number)); }

VectorDocument make_memory(std::size_t number, std::mt19937& random)
{
    VectorDocument document;
    document.id = std::string("memory-").append(std::to_string(number));
    document.content = random_content(random);
    document.embedding = random_vector(random);
    document.metadata["user_id"] = user_name(number % qdrant_users);
    document.metadata["channel_id"] = std::string("channel-").append(std::to_string(random() % channels));
    document.metadata["timestamp"] = "2026-05-04T12:30:00.250Z";
    document.metadata["importance"] = static_cast<double>(random() % 100) / 100;
    document.metadata["memory_type"] = "conversation";
    document.metadata["source"] = "chat";
    return document;
}

awaitable<void> store_batches(HTTPQdrantManager& manager, const std::string& collection,
                              std::vector<std::vector<VectorDocument>>& batches, std::shared_ptr<std::size_t> left)
{
    while (*left > 0) {
        --*left;
        co_await manager.store_documents(collection, std::move(batches[*left]));
    }
}

awaitable<void> ask(HTTPQdrantManager& manager, const std::string& collection,
                    const std::vector<MemoryQuestion>& questions, std::shared_ptr<std::size_t> left)
{
    while (*left > 0) {
        --*left;
        const MemoryQuestion& question = questions[*left % questions.size()];
        json::object condition;
        condition["user_id"] = question.user_id;
        Filter filter = Filter::parse(condition);
        const std::vector<SearchResult> found =
            co_await manager.search_similar(collection, question.embedding, qdrant_limit, std::move(filter));
        if (found.size() != qdrant_limit)
            throw std::runtime_error("a user's memories are missing");
    }
}

} // namespace

std::vector<std::vector<VectorDocument>> make_memories(std::size_t batches)
{
    std::mt19937 random(1); // NOLINT: the same on every run
    std::vector<std::vector<VectorDocument>> all(batches);
    std::size_t number = 0;
    for (std::vector<VectorDocument>& batch : all)
        while (batch.size() < qdrant_batch)
            batch.push_back(make_memory(number++, random));
    return all;
}

std::vector<MemoryQuestion> make_questions(std::size_t count)
{
    std::mt19937 random(2); // NOLINT: the same on every run
    std::vector<MemoryQuestion> questions;
    for (std::size_t i = 0; i < count; ++i) {
        MemoryQuestion& question = questions.emplace_back();
        question.embedding = random_vector(random);
        question.user_id = user_name(i % qdrant_users);
    }
    return questions;
}

VectorDatabaseConfig qdrant_config(const std::string& url)
{
    VectorDatabaseConfig config;
    config.type = "http_qdrant";
    config.url = url;
    return config;
}

void reset_collection(HTTPQdrantManager& manager, const std::string& collection)
{
    blocking::run(manager.delete_collection(collection));
    CollectionConfig config;
    config.embedding_dimension = qdrant_dimension;
    blocking::run(manager.create_collection(collection, std::move(config)));
}

void store_in_flight(HTTPQdrantManager& manager, const std::string& collection, std::size_t in_flight,
                     std::vector<std::vector<VectorDocument>> batches)
{
    run_in_flight(in_flight, batches.size(), [&](std::shared_ptr<std::size_t> left) {
        return store_batches(manager, collection, batches, std::move(left));
    });
}

void search_in_flight(HTTPQdrantManager& manager, const std::string& collection, std::size_t in_flight,
                      const std::vector<MemoryQuestion>& questions, std::size_t count)
{
    run_in_flight(in_flight, count, [&](std::shared_ptr<std::size_t> left) {
        return ask(manager, collection, questions, std::move(left));
    });
}

} // namespace whisperstore::bench
