// Texts: what words and neighbours cost beside vectors alone.

#include "harness.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/schema.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>
#include <whisperstore/embedding/embedding_provider.hpp>
#include <whisperstore/storage/text_memory.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cmath>
#include <limits>
#include <random>

namespace whisperstore::bench {

namespace {

constexpr std::size_t dimension = 384;
constexpr std::size_t channels = 7;
constexpr std::size_t in_flight = 64;
constexpr std::size_t queries = 200;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

std::vector<float> vector_of(std::size_t seed)
{
    std::mt19937 random(static_cast<std::mt19937::result_type>(seed));
    std::normal_distribution<float> normal;
    std::vector<float> vector(dimension);
    double squares = 0;
    for (float& one : vector) {
        one = normal(random);
        squares += static_cast<double>(one) * static_cast<double>(one);
    }
    for (float& one : vector)
        one = static_cast<float>(static_cast<double>(one) / std::sqrt(squares));
    return vector;
}

/// Costs next to nothing, so that what is measured is the storage.
class RandomEmbeddings final : public EmbeddingProvider
{
public:
    awaitable<std::vector<std::vector<float>>> embed(std::vector<std::string> texts, OperationContext) override
    {
        std::vector<std::vector<float>> vectors;
        for (const std::string& text : texts)
            vectors.push_back(ready_[std::hash<std::string>()(text) % ready_.size()]);
        co_return vectors;
    }
    std::size_t dimension() const noexcept override { return bench::dimension; }
    std::string_view model_name() const noexcept override { return "random"; }
    std::string_view provider_type() const noexcept override { return "random"; }

private:
    const std::vector<std::vector<float>> ready_ = [] {
        std::vector<std::vector<float>> vectors;
        for (std::size_t i = 0; i < 512; ++i)
            vectors.push_back(vector_of(i));
        return vectors;
    }();
};

std::string numbered(std::string text, std::size_t number) { return text.append(std::to_string(number)); }

/// About twenty words of a vocabulary in which few are common and many are rare, as in speech.
std::string text_of(std::size_t number, std::size_t words = 20)
{
    std::mt19937 random(static_cast<std::mt19937::result_type>(number));
    std::uniform_real_distribution<double> chance;
    std::string text;
    for (std::size_t i = 0; i < words; ++i)
        text.append("w")
            .append(std::to_string(static_cast<int>(std::exp(chance(random) * std::log(20'000.0)))))
            .append("ing ");
    return text;
}

class TextBench
{
public:
    TextBench(const Settings& settings, std::string_view name)
    {
        const std::filesystem::path folder = fresh_folder(settings, name);
        DatabaseConfig database;
        database.connection_string = "sqlite:///" + (folder / "database.db").string();
        database_ = std::make_shared<SQLiteAdapter>(database);
        VectorDatabaseConfig vectors;
        vectors.persist_directory = folder / "vectors";
        vectors_ = std::make_shared<LocalQdrantManager>(vectors);
        blocking::run(database_->initialize());
        blocking::run(database_->setup_schema(WhisperEngineSchema::get_core_schema()));
        blocking::run(vectors_->initialize());
        blocking::run(vectors_->create_collection("texts", CollectionConfig()));
        blocking::run(vectors_->create_collection("vectors", CollectionConfig()));
        memory_.emplace(vectors_, provider_, database_);
    }
    ~TextBench()
    {
        blocking::run(vectors_->cleanup());
        blocking::run(database_->disconnect());
    }

    static json::object metadata_of(std::size_t number)
    {
        json::object metadata;
        metadata["channel_id"] = numbered("channel-", number % channels);
        metadata["user_id"] = numbered("user-", number % 2);
        metadata["username"] = number % 2 == 0 ? "Ada" : "Mira";
        metadata["timestamp"] = format_timestamp(time_of(number));
        return metadata;
    }
    static Timestamp time_of(std::size_t number)
    {
        return parse_timestamp("2026-01-01T00:00:00Z") + std::chrono::seconds(number);
    }

    void fill(std::size_t count)
    {
        blocking::run(database_->execute_query("INSERT INTO users (user_id, username) VALUES ('user-0', 'Ada'), "
                                               "('user-1', 'Mira')"));
        for (std::size_t begin = 0; begin < count; begin += 500) {
            std::vector<TextDocument> documents;
            std::vector<Query> rows;
            for (std::size_t i = begin; i < std::min(begin + 500, count); ++i) {
                documents.push_back(TextDocument{std::to_string(i + 1), text_of(i), metadata_of(i)});
                rows.push_back(
                    query("INSERT INTO messages (message_id, channel_id, user_id, content, timestamp) "
                          "VALUES (?, ?, ?, ?, ?)",
                          params(arg(static_cast<std::int64_t>(i + 1)), arg(numbered("channel-", i % channels)),
                                 arg(numbered("user-", i % 2)), arg(documents.back().text), arg(time_of(i)))));
            }
            blocking::run(memory_->store_texts("texts", std::move(documents)));
            blocking::run(database_->execute_transaction(std::move(rows)));
        }
    }

    double search_milliseconds(const TextSearchOptions& options, bool in_channel)
    {
        asio::io_context io(1);
        const auto ask = [&]() -> awaitable<void> {
            for (std::size_t q = 0; q < queries; ++q) {
                Filter filter;
                if (in_channel)
                    filter = filter::eq("channel_id", numbered("channel-", q % channels));
                static_cast<void>(
                    co_await memory_->search_text("texts", text_of(1'000'000 + q, 6), 10, filter, options));
            }
        };
        asio::co_spawn(io, ask(), [](std::exception_ptr error) {
            if (error)
                std::rethrow_exception(error);
        });
        // Of all threads: words are looked up on others.
        const double before = cpu_seconds();
        io.run();
        return (cpu_seconds() - before) * 1000 / static_cast<double>(queries);
    }

    /// Durable writes of single documents, `in_flight` at once.
    double store_rate(std::size_t count, bool as_texts)
    {
        asio::io_context io(1);
        std::size_t next = 0;
        const std::size_t first = written_;
        written_ += count;
        const auto write = [&]() -> awaitable<void> {
            while (next < count) {
                const std::size_t number = first + next++;
                const std::string text = text_of(number);
                const std::string id = numbered("n", number);
                if (as_texts) {
                    co_await memory_->store_text("texts", id, text, metadata_of(number));
                } else {
                    std::vector<std::string> one(1, text);
                    const auto vectors = co_await provider_->embed(std::move(one), OperationContext());
                    co_await vectors_->store_document("vectors", id, text, vectors[0], metadata_of(number));
                }
            }
        };
        for (std::size_t i = 0; i < in_flight; ++i)
            asio::co_spawn(io, write(), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
        return rate(count, [&] { io.run(); });
    }
    double batch_rate(std::size_t count, bool as_texts)
    {
        const std::size_t first = written_;
        written_ += count;
        return rate(count, [&] {
            for (std::size_t begin = 0; begin < count; begin += 128) {
                std::vector<TextDocument> texts;
                std::vector<VectorDocument> documents;
                for (std::size_t i = first + begin; i < first + std::min(begin + 128, count); ++i) {
                    texts.push_back(TextDocument{numbered("b", i), text_of(i), metadata_of(i)});
                    if (!as_texts)
                        documents.push_back(
                            VectorDocument{texts.back().id, texts.back().text, some_vector_, metadata_of(i)});
                }
                if (as_texts)
                    blocking::run(memory_->store_texts("texts", std::move(texts)));
                else
                    blocking::run(vectors_->store_documents("vectors", std::move(documents)));
            }
        });
    }
    /// Of the collection that has no words yet.
    double index_milliseconds() const
    {
        return milliseconds([&] { blocking::run(vectors_->prepare_for_texts("vectors", "random")); });
    }

private:
    std::shared_ptr<SQLiteAdapter> database_;
    std::shared_ptr<LocalQdrantManager> vectors_;
    const std::shared_ptr<RandomEmbeddings> provider_ = std::make_shared<RandomEmbeddings>();
    std::optional<TextMemory> memory_;
    const std::vector<float> some_vector_ = vector_of(1);
    std::size_t written_ = 10'000'000;
};

std::vector<Result> search(const Settings& settings)
{
    std::vector<Result> results;
    for (const std::size_t size : {4'124UL, 100'000UL}) {
        const auto count = static_cast<std::size_t>(static_cast<double>(size) * settings.scale);
        TextBench bench(settings, "text_search");
        bench.fill(count);
        TextSearchOptions dense;
        dense.mode = TextSearchOptions::Mode::dense;
        TextSearchOptions alone;
        alone.neighbours = false;
        const std::string name = numbered("text_search_", size);
        results.push_back(compare(
            name, "ms CPU",
            "hybrid with neighbours, in one of seven channels; the reference is the vector search alone",
            settings.rounds, [&] { return bench.search_milliseconds(TextSearchOptions(), true); },
            [&] { return bench.search_milliseconds(dense, true); }));
        results.push_back(compare(
            name + "_everywhere", "ms CPU",
            "hybrid with neighbours, without a filter; the reference is without neighbours", settings.rounds,
            [&] { return bench.search_milliseconds(TextSearchOptions(), false); },
            [&] { return bench.search_milliseconds(alone, false); }));
    }
    return results;
}

std::vector<Result> store(const Settings& settings)
{
    const auto count = static_cast<std::size_t>(5'000 * settings.scale);
    TextBench bench(settings, "text_store");
    std::vector<Result> results;
    results.push_back(compare(
        "text_store_64", "documents/s",
        "store_text, single documents, 64 in flight; the reference is store_document, without words", settings.rounds,
        [&] { return bench.store_rate(count, true); }, [&] { return bench.store_rate(count, false); }));
    results.push_back(compare(
        "text_store_batch", "documents/s", "store_texts of 128; the reference is store_documents, without words",
        settings.rounds, [&] { return bench.batch_rate(count, true); },
        [&] { return bench.batch_rate(count, false); }));
    results.push_back(
        Result{"text_index", bench.index_milliseconds(), nothing, "ms",
               "making the index of words of " + std::to_string((settings.rounds + 1) * 2 * count) + " documents"});
    return results;
}

} // namespace

std::vector<Case> text_cases()
{
    return {Case{"text_search", "questions in words, beside vectors alone", search},
            Case{"text_store", "storing texts, beside documents without words", store}};
}

} // namespace whisperstore::bench
