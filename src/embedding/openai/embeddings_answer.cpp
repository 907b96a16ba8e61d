#include "embedding/openai/embeddings_answer.hpp"

#include "protocol/http/float_text.hpp"
#include "protocol/http/json_cursor.hpp"
#include "protocol/http/status.hpp"

#include <whisperstore/core/error.hpp>

#include <cmath>
#include <optional>
#include <utility>

namespace whisperstore::openai {

namespace {

using http::JsonCursor;
using Vectors = std::vector<std::vector<float>>;

StorageError not_understood(const std::string& reason)
{
    return StorageError(StorageErrc::unavailable,
                        "the server's answer is not understood: " + reason +
                            " (is the URL that of an interface like OpenAI's, with /v1?)",
                        ErrorDetails()); // not retryable: asking again would give the same
}

class AnswerReader
{
public:
    AnswerReader(std::string_view text, std::size_t count)
        : text_(text), cursor_(text, "its JSON"), vectors_(count), seen_(count)
    {
    }

    Vectors read()
    {
        if (cursor_.kind() != JsonCursor::Kind::object)
            cursor_.fail("an object is missing");
        cursor_.read_object([this](std::string_view key) {
            if (key == "data" && cursor_.kind() == JsonCursor::Kind::array && !found_data_) {
                found_data_ = true;
                cursor_.read_array([this] { read_item(); });
            } else {
                cursor_.skip();
            }
        });
        cursor_.end();
        if (!found_data_)
            throw not_understood("it has no list \"data\": " + http::error_excerpt(text_));
        if (items_ != vectors_.size())
            throw not_understood("it holds " + std::to_string(items_) + " vectors for " +
                                 std::to_string(vectors_.size()) + " texts");
        return std::move(vectors_);
    }

private:
    void read_item()
    {
        std::optional<std::uint64_t> index;
        std::optional<std::vector<float>> vector;
        cursor_.read_object([&](std::string_view key) {
            if (key == "index" && cursor_.kind() == JsonCursor::Kind::number)
                index = cursor_.read_index();
            else if (key == "embedding")
                vector = read_vector();
            else
                cursor_.skip();
        });
        const std::uint64_t place = index.value_or(items_);
        ++items_;
        if (!vector)
            throw not_understood("item " + std::to_string(items_) + " of \"data\" has no \"embedding\"");
        if (place >= vectors_.size())
            throw not_understood("it numbers a vector " + std::to_string(place) + ", of " +
                                 std::to_string(vectors_.size()) + " texts");
        if (seen_[place])
            throw not_understood("it numbers two vectors " + std::to_string(place));
        seen_[place] = true;
        vectors_[place] = std::move(*vector);
    }

    std::vector<float> read_vector()
    {
        std::vector<float> vector;
        if (cursor_.kind() == JsonCursor::Kind::string)
            return http::decode_float_base64(cursor_.read_plain_string(room_));
        vector.reserve(longest_);
        cursor_.read_floats(vector);
        longest_ = std::max(longest_, vector.size());
        return vector;
    }

    std::string_view text_;
    JsonCursor cursor_;
    Vectors vectors_;
    std::vector<bool> seen_;
    std::size_t items_ = 0;
    std::size_t longest_ = 0;
    bool found_data_ = false;
    std::string room_;
};

} // namespace

std::string embeddings_request(std::string_view model, std::span<const std::string> texts,
                               std::string_view encoding_format)
{
    std::size_t size = 64 + model.size();
    for (const std::string& text : texts)
        size += text.size() + text.size() / 16 + 3;
    std::string body;
    body.reserve(size);
    body.append(R"({"model":)");
    http::append_json_string(body, model);
    body.append(R"(,"input":[)");
    for (std::size_t i = 0; i < texts.size(); ++i) {
        if (i > 0)
            body.push_back(',');
        http::append_json_string(body, texts[i]);
    }
    body.push_back(']');
    if (!encoding_format.empty()) {
        body.append(R"(,"encoding_format":)");
        http::append_json_string(body, encoding_format);
    }
    return body.append("}");
}

std::vector<std::vector<float>> parse_embeddings_answer(std::string_view text, std::size_t count)
{
    try {
        return AnswerReader(text, count).read();
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::syntax)
            throw not_understood(error.message());
        throw;
    }
}

void check_and_normalise(std::vector<float>& vector, std::size_t dimension, std::string_view model)
{
    if (vector.size() != dimension)
        throw StorageError(StorageErrc::version_mismatch,
                           "the model " + std::string(model) + " answers with vectors of " +
                               std::to_string(vector.size()) + " dimensions, " + std::to_string(dimension) +
                               " are configured: correct the dimension or the model");
    double square = 0;
    for (const float value : vector)
        square += static_cast<double>(value) * static_cast<double>(value);
    if (!(square > 0) || !std::isfinite(square))
        throw not_understood("a vector is zero or not finite");
    const double scale = 1 / std::sqrt(square);
    for (float& value : vector)
        value = static_cast<float>(static_cast<double>(value) * scale);
}

} // namespace whisperstore::openai
