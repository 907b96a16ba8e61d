// The provider with the real model, against vectors of sentence-transformers, and with small models made here.

#include "embedding/local/model_service.hpp"
#include "embedding/small_model.hpp"
#include "support/cancellable.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/core/json.hpp>
#include <whisperstore/embedding/local_embedding_provider.hpp>

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <sstream>

namespace whisperstore::test {
namespace {

using Vectors = std::vector<std::vector<float>>;

double cosine(const std::vector<float>& left, const float* right)
{
    double sum = 0;
    for (std::size_t i = 0; i < left.size(); ++i)
        sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
    return sum;
}

struct Recorded
{
    std::vector<std::string> texts;
    std::vector<std::vector<float>> vectors;
};

/// `count` of the recorded texts, spread evenly, with the vectors of sentence-transformers. All of them with
/// WHISPERSTORE_EMBEDDING_ALL in the environment.
void read_recorded(const std::string& name, const char* field, std::size_t count, Recorded& out)
{
    const std::filesystem::path folder = shared_data() / "data" / "locomo";
    std::istringstream lines(read_file(folder / (name + ".jsonl")));
    const std::string bytes = read_file(folder / (name + ".f32"));
    std::vector<std::string> texts;
    for (std::string line; std::getline(lines, line);)
        texts.emplace_back(json::parse(line).at(field).as_string());
    if (std::getenv("WHISPERSTORE_EMBEDDING_ALL"))
        count = texts.size();
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t place = i * texts.size() / count;
        out.texts.push_back(texts.at(place));
        out.vectors.emplace_back(384);
        std::memcpy(out.vectors.back().data(), bytes.data() + place * 384 * sizeof(float), 384 * sizeof(float));
    }
}

void expect_reference_vectors(const std::string& precision, double minimum)
{
    Recorded recorded;
    read_recorded("messages", "content", 300, recorded);
    read_recorded("questions", "question", 100, recorded);
    EmbeddingConfig config;
    config.precision = precision;
    LocalEmbeddingProvider provider(config);
    const Vectors vectors = run(provider.embed(recorded.texts, OperationContext()));
    ASSERT_EQ(vectors.size(), recorded.texts.size());
    double least = 1;
    double sum = 0;
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        ASSERT_EQ(vectors[i].size(), 384U);
        EXPECT_NEAR(cosine(vectors[i], vectors[i].data()), 1, 1e-5);
        const double found = cosine(vectors[i], recorded.vectors[i].data());
        least = std::min(least, found);
        sum += found;
    }
    std::cout << precision << ": cosine to sentence-transformers over " << vectors.size() << " texts: minimum " << least
              << ", mean " << sum / static_cast<double>(vectors.size()) << '\n';
    EXPECT_GE(least, minimum);
}

TEST(LocalEmbedding, Float32GivesTheVectorsOfSentenceTransformers) { expect_reference_vectors("float32", 0.9999); }
TEST(LocalEmbedding, Bfloat16ComesClose) { expect_reference_vectors("bfloat16", 0.999); }
TEST(LocalEmbedding, Int8ComesClose) { expect_reference_vectors("int8", 0.995); }

EmbeddingConfig small_config(const TestDirectory& folder)
{
    EmbeddingConfig config;
    config.model_dir = folder.path();
    config.dimension = small_model_dimension;
    config.threads = 1;
    return config;
}

std::vector<std::string> texts_of(std::size_t count, const std::string& text)
{
    return std::vector<std::string>(count, text);
}

TEST(LocalEmbedding, ASmallModelsVectorsAreThoseOfItsDefinition)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    LocalEmbeddingProvider provider(small_config(folder));
    const std::vector<std::string> texts = {"hello", "hello world world hello", "a", "un a un a un a world"};
    const Vectors vectors = run(provider.embed(texts, OperationContext()));
    for (std::size_t i = 0; i < texts.size(); ++i) {
        const std::vector<float> expected = small_model_vector(texts[i]);
        EXPECT_GT(cosine(vectors[i], expected.data()), 0.99999) << texts[i];
    }
    EXPECT_EQ(provider.dimension(), small_model_dimension);
    EXPECT_EQ(provider.provider_type(), "local");
    EXPECT_EQ(provider.model_directory(), folder.path());
}

TEST(LocalEmbedding, WrongTextsAreRefusedByTheirPlace)
{
    LocalEmbeddingProvider provider{EmbeddingConfig{}};
    EXPECT_TRUE(run(provider.embed({}, OperationContext())).empty());
    for (const std::string& wrong : {std::string(), std::string("a\0b", 3), std::string("\xC3")}) {
        const StorageError error = error_of([&] {
            std::vector<std::string> texts = {"good", wrong};
            run(provider.embed(std::move(texts), OperationContext()));
        });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument);
        EXPECT_NE(error.message().find("text 2"), std::string::npos);
        EXPECT_EQ(error.backend(), "local_embedding");
    }
}

TEST(LocalEmbedding, SettingsOutsideTheirRangesAreRefused)
{
    const auto made = [](auto&& change) {
        EmbeddingConfig config;
        change(config);
        LocalEmbeddingProvider provider(config);
    };
    EXPECT_STORAGE_ERROR(made([](EmbeddingConfig& config) { config.batch_size = 0; }), invalid_argument);
    EXPECT_STORAGE_ERROR(made([](EmbeddingConfig& config) { config.batch_size = 2'049; }), invalid_argument);
    EXPECT_STORAGE_ERROR(made([](EmbeddingConfig& config) { config.dimension = 0; }), invalid_argument);
    EXPECT_STORAGE_ERROR(made([](EmbeddingConfig& config) { config.precision = "float64"; }), invalid_argument);
    EXPECT_STORAGE_ERROR(made([](EmbeddingConfig& config) { config.threads = 100'000; }), invalid_argument);
}

TEST(LocalEmbedding, AMissingModelIsFoundWhenItIsThere)
{
    const TestDirectory folder;
    LocalEmbeddingProvider provider(small_config(folder));
    const StorageError error = error_of([&] { run(provider.embed_one("hello", OperationContext())); });
    EXPECT_EQ(error.errc(), StorageErrc::not_found);
    EXPECT_NE(error.message().find(folder.path().string()), std::string::npos);
    write_small_model(folder.path());
    EXPECT_EQ(run(provider.embed_one("hello", OperationContext())).size(), small_model_dimension);
}

TEST(LocalEmbedding, DamagedFilesAreNamed)
{
    struct Damage
    {
        const char* file;
        std::string content;
        StorageErrc code;
    };
    const std::vector<Damage> damages = {
        {"model.safetensors", "", StorageErrc::corrupt},
        {"model.safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10), StorageErrc::corrupt},
        {"config.json", "{", StorageErrc::corrupt},
        {"config.json", R"({"model_type": "bert", "hidden_act": "gelu"})", StorageErrc::corrupt},
        {"config.json", R"({"model_type": "gpt2"})", StorageErrc::unsupported},
        {"vocab.txt", "hello\n", StorageErrc::corrupt},
        {"tokenizer_config.json", R"({"do_lower_case": false})", StorageErrc::unsupported},
        {"sentence_bert_config.json", R"({"max_seq_length": "long"})", StorageErrc::corrupt},
    };
    for (const Damage& damage : damages) {
        const TestDirectory folder;
        write_small_model(folder.path());
        write_file(folder / damage.file, damage.content);
        LocalEmbeddingProvider provider(small_config(folder));
        const StorageError error = error_of([&] { run(provider.embed_one("hello", OperationContext())); });
        EXPECT_EQ(error.errc(), damage.code) << error.what();
        EXPECT_NE(error.message().find(damage.file), std::string::npos) << error.what();
    }
}

TEST(LocalEmbedding, AnotherDimensionThanConfiguredIsRefused)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    EmbeddingConfig config = small_config(folder);
    config.dimension = 384;
    LocalEmbeddingProvider provider(config);
    EXPECT_STORAGE_ERROR(run(provider.embed_one("hello", OperationContext())), version_mismatch);
}

TEST(LocalEmbedding, ProvidersOfOneModelShareIt)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    using local_embedding::ModelKey;
    using local_embedding::ModelService;
    using local_embedding::Precision;
    const auto one = ModelService::shared({folder.path(), Precision::float32, 1});
    EXPECT_EQ(one, ModelService::shared({folder.path(), Precision::float32, 1}));
    EXPECT_NE(one, ModelService::shared({folder.path(), Precision::int8, 1}));
    EXPECT_NE(one, ModelService::shared({folder.path(), Precision::float32, 2}));
    LocalEmbeddingProvider first(small_config(folder));
    EXPECT_EQ(one.use_count(), 2);
    LocalEmbeddingProvider second(small_config(folder));
    EXPECT_EQ(one.use_count(), 3);
    const std::vector<float> vector = run(first.embed_one("hello", OperationContext()));
    std::filesystem::remove(folder / "model.safetensors"); // it is loaded: nobody reads it again
    EXPECT_EQ(run(second.embed_one("hello", OperationContext())), vector);
}

TEST(LocalEmbedding, ManyCoroutinesOnManyThreadsGetTheirOwnVectors)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    LocalEmbeddingProvider provider(small_config(folder));
    const std::vector<std::string> texts = {"hello", "world", "a un", "hello hello a", "un un un world a"};
    const Vectors expected = run(provider.embed(texts, OperationContext()));
    std::vector<std::future<Vectors>> answers;
    for (std::size_t i = 0; i < 200; ++i) {
        std::vector<std::string> some;
        for (std::size_t j = 0; j <= i % 7; ++j)
            some.push_back(texts[(i + j) % texts.size()]);
        answers.push_back(start(provider.embed(std::move(some), OperationContext())));
    }
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Vectors vectors = wait(std::move(answers[i]));
        ASSERT_EQ(vectors.size(), i % 7 + 1);
        for (std::size_t j = 0; j < vectors.size(); ++j)
            EXPECT_GT(cosine(vectors[j], expected[(i + j) % texts.size()].data()), 0.99999);
    }
}

std::string long_text()
{
    std::string text;
    for (int i = 0; i < 200; ++i)
        text += "hello ";
    return text;
}

TEST(LocalEmbedding, ACancelledCallEndsAndOthersGoOn)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    LocalEmbeddingProvider provider(small_config(folder));
    Cancellable<Vectors> call(provider.embed(texts_of(20'000, long_text()), OperationContext()));
    std::future<std::vector<float>> other = start(provider.embed_one("hello", OperationContext()));
    EXPECT_EQ(wait(std::move(other)).size(), small_model_dimension); // it takes turns with the long one
    call.cancel();
    EXPECT_STORAGE_ERROR(call.get(), cancelled);
    EXPECT_EQ(run(provider.embed_one("hello", OperationContext())).size(), small_model_dimension);
}

TEST(LocalEmbedding, ADeadlineEndsACall)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    LocalEmbeddingProvider provider(small_config(folder));
    EXPECT_STORAGE_ERROR(run(provider.embed_one("hello", OperationContext::within(std::chrono::seconds(-1)))), timeout);
    EXPECT_STORAGE_ERROR(
        run(provider.embed(texts_of(20'000, long_text()), OperationContext::within(std::chrono::milliseconds(300)))),
        timeout);
}

TEST(LocalEmbedding, AProviderMayGoWhileItsCallsRun)
{
    const TestDirectory folder;
    write_small_model(folder.path());
    auto provider = std::make_unique<LocalEmbeddingProvider>(small_config(folder));
    std::future<Vectors> answer = start(provider->embed(texts_of(100, "hello"), OperationContext()));
    // The call has begun as soon as another one has ended.
    run(provider->embed_one("world", OperationContext()));
    provider.reset();
    EXPECT_EQ(wait(std::move(answer)).size(), 100U);
}

} // namespace
} // namespace whisperstore::test
