#include "vector/qdrant/answers.hpp"

#include "protocol/http/json_cursor.hpp"
#include "vector/qdrant/layout.hpp"

#include <whisperstore/core/error.hpp>

namespace whisperstore::qdrant {

namespace {

using http::JsonCursor;

constexpr std::string_view what = "the answer of Qdrant";

[[noreturn]] void unexpected(std::string_view missing)
{
    throw StorageError(StorageErrc::syntax,
                       std::string(what).append(" is not as expected: ").append(missing).append(" is missing"));
}

/// Calls `read(cursor)` at the member `result`, which there must be.
template <typename Read>
void read_result(std::string_view body, const Read& read)
{
    JsonCursor cursor(body, what);
    bool found = false;
    cursor.read_object([&](std::string_view key) {
        if (key != "result") {
            cursor.skip();
            return;
        }
        found = true;
        read(cursor);
    });
    cursor.end();
    if (!found)
        unexpected("result");
}

json::value parse_result(std::string_view body)
{
    json::value result;
    read_result(body, [&](JsonCursor& cursor) { result = parse_json(cursor.read_raw(), what); });
    return result;
}

const json::value& member(const json::value& value, std::string_view key)
{
    const json::value* found = value.is_object() ? value.get_object().if_contains(key) : nullptr;
    if (!found)
        unexpected(key);
    return *found;
}

std::string text_member(const json::value& value, std::string_view key)
{
    const json::value& found = member(value, key);
    if (!found.is_string())
        unexpected(key);
    return std::string(found.get_string());
}

std::uint64_t count_member(const json::value& value, std::string_view key)
{
    boost::system::error_code error;
    const auto count = member(value, key).to_number<std::uint64_t>(error);
    if (error)
        unexpected(key);
    return count;
}

void read_words(JsonCursor& cursor, SparseVector& words)
{
    cursor.read_object([&](std::string_view key) {
        if (key == "indices")
            cursor.read_array([&] { words.indices.push_back(static_cast<std::uint32_t>(cursor.read_index())); });
        else if (key == "values")
            cursor.read_floats(words.values);
        else
            cursor.skip();
    });
    if (words.indices.size() != words.values.size())
        cursor.fail("a sparse vector has not as many values as indices");
}

/// The one dense vector, by itself or, beside others, under the empty name.
void read_vectors(JsonCursor& cursor, Point& point)
{
    if (cursor.kind() == JsonCursor::Kind::array) {
        cursor.read_floats(point.document.embedding);
        return;
    }
    if (cursor.kind() != JsonCursor::Kind::object) {
        cursor.skip();
        return;
    }
    cursor.read_object([&](std::string_view name) {
        if (name.empty())
            cursor.read_floats(point.document.embedding);
        else if (name == words_vector)
            read_words(cursor, point.words);
        else
            cursor.skip();
    });
}

/// Returns whether it is that of a document.
bool read_payload(JsonCursor& cursor, VectorDocument& document)
{
    if (cursor.kind() != JsonCursor::Kind::object) {
        cursor.skip();
        return false;
    }
    std::string_view metadata;
    std::string exact;
    bool has_id = false;
    cursor.read_object([&](std::string_view key) {
        if (key == id_key) {
            document.id = cursor.read_string();
            has_id = true;
        } else if (key == content_key) {
            document.content = cursor.read_string();
        } else if (key == metadata_key) {
            metadata = cursor.read_raw();
        } else if (key == exact_key) {
            exact = cursor.read_string();
        } else {
            cursor.skip();
        }
    });
    if (!exact.empty())
        metadata = exact;
    if (!metadata.empty())
        document.metadata = parse_json_object(metadata, "the metadata of a document");
    return has_id;
}

Point read_point(JsonCursor& cursor)
{
    Point point;
    std::string id;
    bool is_document = false;
    cursor.read_object([&](std::string_view key) {
        if (key == "id")
            id = cursor.read_raw();
        else if (key == "score")
            point.score = cursor.read_double();
        else if (key == "payload")
            is_document = read_payload(cursor, point.document);
        else if (key == "vector")
            read_vectors(cursor, point);
        else
            cursor.skip();
    });
    if (!is_document)
        throw StorageError(StorageErrc::unsupported,
                           "the point " + id + " of the collection has no \"" + std::string(id_key) +
                               "\" in its payload: it was not stored by whisperstore; use a collection of its own");
    return point;
}

std::vector<Point> read_points(JsonCursor& cursor)
{
    std::vector<Point> points;
    cursor.read_array([&] { points.push_back(read_point(cursor)); });
    return points;
}

/// `{"points": […]}`
std::vector<Point> read_found(JsonCursor& cursor)
{
    std::vector<Point> points;
    cursor.read_object([&](std::string_view key) {
        if (key == "points")
            points = read_points(cursor);
        else
            cursor.skip();
    });
    return points;
}

} // namespace

std::vector<Point> parse_query(std::string_view body)
{
    std::vector<Point> points;
    read_result(body, [&](JsonCursor& cursor) { points = read_found(cursor); });
    return points;
}

std::vector<std::vector<Point>> parse_query_batch(std::string_view body)
{
    std::vector<std::vector<Point>> all;
    read_result(body, [&](JsonCursor& cursor) { cursor.read_array([&] { all.push_back(read_found(cursor)); }); });
    return all;
}

std::vector<Point> parse_retrieved(std::string_view body)
{
    std::vector<Point> points;
    read_result(body, [&](JsonCursor& cursor) { points = read_points(cursor); });
    return points;
}

ScrollPage parse_scroll(std::string_view body)
{
    ScrollPage page;
    read_result(body, [&](JsonCursor& cursor) {
        cursor.read_object([&](std::string_view key) {
            if (key == "points")
                page.points = read_points(cursor);
            else if (key == "next_page_offset")
                page.next = cursor.read_raw();
            else
                cursor.skip();
        });
    });
    if (page.next == "null")
        page.next.clear();
    return page;
}

std::uint64_t parse_count(std::string_view body) { return count_member(parse_result(body), "count"); }

void check_completed(std::string_view body)
{
    const std::string status = text_member(parse_result(body), "status");
    if (status == "completed")
        return;
    ErrorDetails details;
    details.outcome = Outcome::unknown;
    throw StorageError(StorageErrc::timeout,
                       "the server took the write, but it did not say in time that it is done (" + status + ")",
                       std::move(details));
}

bool parse_flag(std::string_view body)
{
    const json::value result = parse_result(body);
    if (!result.is_bool())
        unexpected("a true or false result");
    return result.get_bool();
}

CollectionInfo parse_collection(std::string_view body)
{
    const json::value result = parse_result(body);
    const json::value& parameters = member(member(result, "config"), "params");
    const json::value& vectors = member(parameters, "vectors");
    CollectionInfo info;
    if (!vectors.is_object() || !vectors.get_object().contains("size"))
        throw StorageError(StorageErrc::unsupported,
                           "the collection has not one vector without a name: it was not made by whisperstore");
    info.dimension = count_member(vectors, "size");
    info.distance = text_member(vectors, "distance");
    if (const json::value* sparse = parameters.get_object().if_contains("sparse_vectors"))
        info.has_words = sparse->is_object() && sparse->get_object().contains(words_vector);
    if (const json::value* optimizer = result.get_object().if_contains("optimizer_status");
        optimizer && optimizer->is_object())
        info.index_failure = text_member(*optimizer, "error");
    if (const json::value* status = result.get_object().if_contains("status"); status && status->is_string())
        info.index_state = status->get_string() == "green" ? "ready"
                           : status->get_string() == "red" ? "failed"
                                                           : "building";
    return info;
}

std::vector<std::string> parse_names(std::string_view body)
{
    std::vector<std::string> names;
    const json::value result = parse_result(body);
    const json::value& collections = member(result, "collections");
    if (!collections.is_array())
        unexpected("a list of collections");
    for (const json::value& collection : collections.get_array())
        names.push_back(text_member(collection, "name"));
    return names;
}

std::vector<Alias> parse_aliases(std::string_view body)
{
    std::vector<Alias> aliases;
    const json::value result = parse_result(body);
    const json::value& list = member(result, "aliases");
    if (!list.is_array())
        unexpected("a list of aliases");
    for (const json::value& alias : list.get_array())
        aliases.push_back(Alias{text_member(alias, "alias_name"), text_member(alias, "collection_name")});
    return aliases;
}

std::string parse_version(std::string_view body) { return text_member(parse_json(body, what), "version"); }

Snapshot parse_snapshot(std::string_view body)
{
    const json::value result = parse_result(body);
    Snapshot snapshot;
    snapshot.name = text_member(result, "name");
    snapshot.size = count_member(result, "size");
    if (const json::value* checksum = result.get_object().if_contains("checksum"); checksum && checksum->is_string())
        snapshot.checksum = checksum->get_string();
    return snapshot;
}

std::vector<json::object> parse_payloads(std::string_view body)
{
    std::vector<json::object> payloads;
    const json::value result = parse_result(body);
    if (!result.is_array())
        unexpected("a list of points");
    for (const json::value& point : result.get_array()) {
        const json::value& payload = member(point, "payload");
        if (!payload.is_object())
            unexpected("a payload");
        payloads.push_back(payload.get_object());
    }
    return payloads;
}

} // namespace whisperstore::qdrant
