#include "vector/chroma/request.hpp"

#include "protocol/http/float_text.hpp"
#include "vector/chroma/layout.hpp"

namespace whisperstore::chroma {

namespace {

template <typename Range, typename Append>
void append_list(std::string& out, std::string_view key, const Range& range, const Append& append)
{
    http::append_json_string(out, key);
    out.append(":[");
    bool first = true;
    for (const auto& item : range) {
        if (!first)
            out.push_back(',');
        first = false;
        append(item);
    }
    out.push_back(']');
}

void append_ids(std::string& out, std::span<const std::string> ids)
{
    append_list(out, "ids", ids, [&](const std::string& id) { http::append_json_string(out, id); });
}

void append_include(std::string& out, Include include, bool distances)
{
    std::vector<std::string_view> parts;
    if (distances)
        parts.emplace_back("distances");
    if (include.documents)
        parts.emplace_back("documents");
    if (include.metadatas)
        parts.emplace_back("metadatas");
    if (include.embeddings)
        parts.emplace_back("embeddings");
    append_list(out, "include", parts, [&](std::string_view part) { http::append_json_string(out, part); });
}

void append_where(std::string& out, const Where& where)
{
    if (where.kind == Where::Kind::some)
        out.append(R"(,"where":)").append(json::serialize(where.condition));
}

const std::set<std::string, std::less<>> no_keys;

} // namespace

std::string get_by_ids(std::span<const std::string> ids, Include include)
{
    std::string body = "{";
    append_ids(body, ids);
    body.push_back(',');
    append_include(body, include, false);
    return body.append("}");
}

std::string get_where(const Where& where, Include include, std::optional<std::uint64_t> limit, std::uint64_t offset)
{
    std::string body = "{";
    append_include(body, include, false);
    append_where(body, where);
    if (limit)
        body.append(R"(,"limit":)").append(std::to_string(*limit));
    if (offset > 0)
        body.append(R"(,"offset":)").append(std::to_string(offset));
    return body.append("}");
}

std::string query(std::span<const float> embedding, std::size_t count, const Where& where, Include include)
{
    std::string body = R"({"query_embeddings":[)";
    http::append_float_array(body, embedding);
    body.append(R"(],"n_results":)").append(std::to_string(count)).push_back(',');
    append_include(body, include, true);
    append_where(body, where);
    return body.append("}");
}

std::string delete_ids(std::span<const std::string> ids)
{
    std::string body = "{";
    append_ids(body, ids);
    return body.append("}");
}

std::string upsert(std::span<const VectorDocument* const> documents,
                   const std::map<std::string, std::set<std::string, std::less<>>, std::less<>>& old_keys)
{
    std::size_t size = 128;
    for (const VectorDocument* document : documents)
        size += upsert_size(*document);
    std::string body;
    body.reserve(size);
    body.push_back('{');
    append_list(body, "ids", documents, [&](const VectorDocument* one) { http::append_json_string(body, one->id); });
    body.push_back(',');
    std::vector<float> unit;
    // Base64 takes the server half the time of numbers.
    append_list(body, "embeddings", documents, [&](const VectorDocument* one) {
        unit.assign(one->embedding.begin(), one->embedding.end());
        normalize(unit);
        body.append("\"").append(http::encode_float_base64(unit)).append("\"");
    });
    body.push_back(',');
    append_list(body, "documents", documents,
                [&](const VectorDocument* one) { http::append_json_string(body, one->content); });
    body.push_back(',');
    append_list(body, "metadatas", documents, [&](const VectorDocument* one) {
        const auto old = old_keys.find(one->id);
        append_record_metadata(body, one->id, one->metadata, old == old_keys.end() ? no_keys : old->second);
    });
    return body.append("}");
}

namespace {

std::size_t size_of(const json::value& value)
{
    constexpr std::size_t number = 24;
    std::size_t size = number;
    if (const json::string* text = value.if_string())
        size += text->size();
    else if (const json::array* list = value.if_array())
        for (const json::value& item : *list)
            size += size_of(item);
    else if (const json::object* object = value.if_object())
        for (const auto& [key, item] : *object)
            size += key.size() + size_of(item);
    return size;
}

} // namespace

std::size_t upsert_size(const VectorDocument& document)
{
    constexpr std::size_t fixed = 256;
    // Metadata goes twice, as JSON text and for comparing; quotes and control characters grow.
    std::size_t metadata = 0;
    for (const auto& [key, value] : document.metadata)
        metadata += key.size() + size_of(value);
    return fixed + document.id.size() * 2 + document.content.size() + document.content.size() / 8 +
           document.embedding.size() * 16 / 3 + metadata * 3;
}

} // namespace whisperstore::chroma
