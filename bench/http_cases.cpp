// Vectors on their way to and from HTTP servers: our writer and reader beside trees of Boost.JSON.

#include "embedding/openai/embeddings_answer.hpp"
#include "harness.hpp"
#include "protocol/http/float_text.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>

namespace whisperstore::bench {

namespace {

constexpr std::size_t texts = 64;
constexpr std::size_t dimension = 1536;

using Vectors = std::vector<std::vector<float>>;

Vectors random_vectors()
{
    std::mt19937 random(1); // NOLINT: the same on every run
    std::normal_distribution<float> component;
    Vectors vectors(texts, std::vector<float>(dimension));
    for (std::vector<float>& vector : vectors)
        for (float& value : vector)
            value = component(random) / std::sqrt(static_cast<float>(dimension));
    return vectors;
}

std::string answer(const Vectors& vectors, bool base64)
{
    std::string out = R"({"object":"list","data":[)";
    for (std::size_t i = 0; i < vectors.size(); ++i) {
        out.append(i == 0 ? R"({"object":"embedding","index":)" : R"(,{"object":"embedding","index":)");
        out.append(std::to_string(i)).append(R"(,"embedding":)");
        if (base64)
            out.append("\"").append(http::encode_float_base64(vectors[i])).append("\"");
        else
            http::append_float_array(out, vectors[i]);
        out += "}";
    }
    return out + R"(],"model":"m","usage":{"prompt_tokens":1,"total_tokens":1}})";
}

Vectors by_tree(const std::string& text)
{
    const boost::json::value document = boost::json::parse(text);
    Vectors vectors;
    for (const boost::json::value& item : document.at("data").as_array()) {
        const boost::json::array& numbers = item.at("embedding").as_array();
        std::vector<float>& vector = vectors.emplace_back();
        vector.reserve(numbers.size());
        for (const boost::json::value& number : numbers)
            vector.push_back(number.to_number<float>());
    }
    return vectors;
}

void require(bool holds)
{
    if (!holds)
        throw std::runtime_error("the vectors are not what was written");
}

/// Microseconds of CPU per vector.
template <typename Work>
double per_vector(std::size_t rounds, const Work& work)
{
    const double before = thread_cpu_seconds();
    for (std::size_t i = 0; i < rounds; ++i)
        work();
    return (thread_cpu_seconds() - before) * 1e6 / static_cast<double>(rounds * texts);
}

std::vector<Result> parse(const Settings& settings)
{
    const auto rounds = std::max<std::size_t>(1, static_cast<std::size_t>(30 * settings.scale));
    const Vectors vectors = random_vectors();
    const std::string numbers = answer(vectors, false);
    const std::string base64 = answer(vectors, true);
    require(openai::parse_embeddings_answer(numbers, texts) == vectors);
    require(openai::parse_embeddings_answer(base64, texts) == vectors);
    const auto reference = [&] { return per_vector(rounds, [&] { require(by_tree(numbers).size() == texts); }); };
    const auto ours = [&](const std::string& text) {
        return per_vector(rounds, [&] { require(openai::parse_embeddings_answer(text, texts).size() == texts); });
    };
    return {compare(
                "http_embeddings_parse", "us CPU", "a Boost.JSON tree of the same text", settings.rounds,
                [&] { return ours(numbers); }, reference),
            compare(
                "http_embeddings_parse_base64", "us CPU", "a Boost.JSON tree of the numbers as text", settings.rounds,
                [&] { return ours(base64); }, reference)};
}

std::vector<Result> write(const Settings& settings)
{
    const auto rounds = std::max<std::size_t>(1, static_cast<std::size_t>(30 * settings.scale));
    const Vectors vectors = random_vectors();
    const auto ours = [&] {
        return per_vector(rounds, [&] {
            std::string out;
            for (const std::vector<float>& vector : vectors)
                http::append_float_array(out, vector);
            require(!out.empty());
        });
    };
    const auto reference = [&] {
        return per_vector(rounds, [&] {
            std::string out;
            for (const std::vector<float>& vector : vectors)
                out += boost::json::serialize(boost::json::array(vector.begin(), vector.end()));
            require(!out.empty());
        });
    };
    return {compare("http_vectors_write", "us CPU", "Boost.JSON arrays, serialized", settings.rounds, ours, reference)};
}

} // namespace

std::vector<Case> http_cases()
{
    return {{"http_embeddings_parse", "an answer of 64 vectors of 1,536 floats, as numbers and as base64", parse},
            {"http_vectors_write", "64 vectors of 1,536 floats as JSON", write}};
}

} // namespace whisperstore::bench
