#include "vector/qdrant/layout.hpp"

#include "protocol/http/float_text.hpp"

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace whisperstore::qdrant {

namespace {

/// Whether its shortest decimal form has at most 15 digits and a small exponent, which every parser reads exactly.
bool is_plain(double value) noexcept
{
    constexpr int most_digits = 15;
    constexpr int largest_exponent = 22; // of a power of ten that is a double itself
    std::array<char, 32> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
    const char* exponent = std::find(static_cast<const char*>(text.data()), static_cast<const char*>(end), 'e');
    const auto digits =
        std::count_if(static_cast<const char*>(text.data()), exponent, [](char c) { return c >= '0' && c <= '9'; });
    int power = 0;
    std::from_chars(exponent + (exponent[1] == '+' ? 2 : 1), end, power);
    return digits <= most_digits && std::abs(power) <= largest_exponent;
}

void collect_empty_lists(const json::object& object, std::vector<std::string>& path, json::array& found)
{
    for (const auto& [key, value] : object) {
        if (key.find('.') != std::string_view::npos) // no filter can name it
            continue;
        path.emplace_back(key);
        if (value.is_array() && value.get_array().empty())
            found.emplace_back(path_text(path));
        else if (value.is_object())
            collect_empty_lists(value.get_object(), path, found);
        path.pop_back();
    }
}

void append_key(std::string& body, std::string_view key) { body.append(",\"").append(key).append("\":"); }

} // namespace

std::string point_id(std::string_view document_id)
{
    boost::uuids::name_generator_sha1 generator(boost::uuids::ns::url());
    return boost::uuids::to_string(generator(document_id.data(), document_id.size()));
}

std::string path_text(const std::vector<std::string>& path)
{
    std::string text;
    for (const std::string& key : path)
        text.append(&key == &path.front() ? "" : ".").append(key);
    return text;
}

bool survives_as_json(const json::value& value) noexcept
{
    switch (value.kind()) {
    case json::kind::double_:
        return is_plain(value.get_double());
    case json::kind::array:
        return std::ranges::all_of(value.get_array(), survives_as_json);
    case json::kind::object:
        return std::ranges::all_of(value.get_object(),
                                   [](const auto& member) { return survives_as_json(member.value()); });
    default:
        return true;
    }
}

void append_sparse(std::string& body, const SparseVector& sparse)
{
    body += "{\"indices\":[";
    for (std::size_t i = 0; i < sparse.indices.size(); ++i) {
        std::array<char, 16> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), sparse.indices[i]).ptr;
        if (i > 0)
            body += ',';
        body.append(digits.data(), end);
    }
    body += "],\"values\":";
    http::append_float_array(body, sparse.values);
    body += '}';
}

void append_point(std::string& body, const VectorDocument& document, const SparseVector* words)
{
    body.append("{\"id\":\"").append(point_id(document.id)).append("\",\"vector\":");
    if (words && !words->empty()) {
        body += "{\"\":";
        http::append_float_array(body, document.embedding);
        append_key(body, words_vector);
        append_sparse(body, *words);
        body += '}';
    } else {
        http::append_float_array(body, document.embedding);
    }
    body.append(",\"payload\":{\"").append(id_key).append("\":");
    http::append_json_string(body, document.id);
    append_key(body, content_key);
    http::append_json_string(body, document.content);
    const std::string metadata = json::serialize(document.metadata);
    append_key(body, metadata_key);
    body += metadata;
    if (!survives_as_json(document.metadata)) {
        append_key(body, exact_key);
        http::append_json_string(body, metadata);
    }
    std::vector<std::string> path;
    json::array empty_lists;
    collect_empty_lists(document.metadata, path, empty_lists);
    if (!empty_lists.empty()) {
        append_key(body, empty_lists_key);
        body += json::serialize(empty_lists);
    }
    body += "}}";
}

} // namespace whisperstore::qdrant
