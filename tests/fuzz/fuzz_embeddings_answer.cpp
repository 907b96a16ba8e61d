// Answers of embedding servers, and what is written into requests.

#include "core/text.hpp"
#include "embedding/openai/embeddings_answer.hpp"
#include "fuzz/fuzz_target.hpp"
#include "protocol/http/float_text.hpp"

#include <whisperstore/core/json.hpp>

#include <cmath>
#include <cstring>

namespace whisperstore::fuzz {

namespace {

bool is_equal(const std::vector<float>& a, const std::vector<float>& b)
{
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0);
}

bool is_finite(const std::vector<float>& vector)
{
    for (const float value : vector)
        if (!std::isfinite(value))
            return false;
    return true;
}

void check_vector(std::vector<float> vector)
{
    require(is_equal(http::decode_float_base64(http::encode_float_base64(vector)), vector), "base64 is exact");
    if (is_finite(vector)) {
        std::string answer = R"({"data":[{"embedding":)";
        http::append_float_array(answer, vector);
        answer += "}]}";
        require(is_equal(openai::parse_embeddings_answer(answer, 1).front(), vector), "numbers are exact");
        static_cast<void>(parse_json(answer, "answer"));
    }
    const std::size_t dimension = vector.size();
    accepts([&] {
        openai::check_and_normalise(vector, dimension, "model");
        double square = 0;
        for (const float value : vector)
            square += double(value) * double(value);
        require(std::abs(square - 1) < 1e-4, "a vector is of unit length");
    });
}

void check_request(std::string_view text)
{
    const std::vector<std::string> texts = {std::string(text), "second"};
    const json::object request = parse_json_object(openai::embeddings_request(text, texts, "float"), "request");
    require(request.at("model").as_string() == text, "a request names its model");
    require(request.at("input").as_array().front().as_string() == text, "a request holds its texts");
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view text = fuzz::as_text(data, size);
    for (const std::size_t count : {std::size_t(1), std::size_t(2)})
        fuzz::accepts([&] {
            const auto vectors = openai::parse_embeddings_answer(text, count);
            static_cast<void>(parse_json(text, "answer")); // what we take is JSON
            for (const std::vector<float>& vector : vectors)
                fuzz::check_vector(vector);
        });
    fuzz::accepts([&] { fuzz::check_vector(http::decode_float_base64(text)); });
    if (size > 0 && text::is_valid_utf8(text))
        fuzz::check_request(text);
    return 0;
}
