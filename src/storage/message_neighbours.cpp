#include "storage/message_neighbours.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>

#include <array>
#include <charconv>
#include <unordered_map>

namespace whisperstore {

namespace {

constexpr auto longest_gap = std::chrono::hours(1);
// Ids in one query; the last one is repeated up to there, so that there is one statement to prepare.
constexpr std::size_t ids_together = 64;

// From two before to two after.
using Window = std::array<std::optional<std::int64_t>, 5>;

std::optional<std::int64_t> message_id_of(const VectorDocument& document)
{
    const json::value* channel = document.metadata.if_contains("channel_id");
    const json::value* time = document.metadata.if_contains("timestamp");
    if (!channel || !channel->is_string() || !time || !time->is_string())
        return std::nullopt;
    std::int64_t id = 0;
    const char* end = document.id.data() + document.id.size();
    const auto read = std::from_chars(document.id.data(), end, id);
    return read.ec == std::errc() && read.ptr == end ? std::optional(id) : std::nullopt;
}

std::string neighbour_query()
{
    const auto neighbour = [](const std::string& name, bool before, int skip) {
        const std::string order = before ? " DESC" : "";
        return "(SELECT n.message_id FROM messages n WHERE n.channel_id = m.channel_id AND (n.timestamp, "
               "n.message_id) " +
               std::string(before ? "<" : ">") + " (m.timestamp, m.message_id) ORDER BY n.timestamp" + order +
               ", n.message_id" + order + " LIMIT 1 OFFSET " + std::to_string(skip) + ") AS " + name;
    };
    std::string sql = "SELECT m.message_id AS id, " + neighbour("before_2", true, 1) + ", " +
                      neighbour("before_1", true, 0) + ", " + neighbour("after_1", false, 0) + ", " +
                      neighbour("after_2", false, 1) + " FROM messages m WHERE m.message_id IN (?";
    for (std::size_t i = 1; i < ids_together; ++i)
        sql += ", ?";
    return sql + ")";
}

awaitable<std::vector<Window>> read_windows(AbstractDatabaseAdapter& database, std::vector<std::int64_t> ids,
                                            OperationContext context)
{
    const std::string sql = neighbour_query();
    std::vector<Window> windows;
    for (std::size_t begin = 0; begin < ids.size(); begin += ids_together) {
        Parameters values;
        for (std::size_t i = begin; i < begin + ids_together; ++i)
            values.add({}, Value(ids[std::min(i, ids.size() - 1)]));
        const QueryResult result = co_await database.execute_query(sql, std::move(values), context);
        for (const Row& row : result)
            windows.push_back(Window{row["before_2"].as_optional_int(), row["before_1"].as_optional_int(),
                                     row["id"].as_int(), row["after_1"].as_optional_int(),
                                     row["after_2"].as_optional_int()});
    }
    co_return windows;
}

/// Whether two messages that follow each other belong together.
bool belong_together(const VectorDocument& a, const VectorDocument& b)
{
    const json::value* session_a = a.metadata.if_contains("session");
    const json::value* session_b = b.metadata.if_contains("session");
    if (session_a && session_b)
        return *session_a == *session_b;
    const auto time = [](const VectorDocument& document) {
        const json::value* text = document.metadata.if_contains("timestamp");
        return text && text->is_string() ? try_parse_timestamp(text->get_string()) : std::nullopt;
    };
    const auto first = time(a);
    const auto second = time(b);
    return first && second && std::chrono::abs(*second - *first) <= longest_gap;
}

/// Where each id stands in a list.
std::unordered_map<std::string, std::size_t> places_of(const std::vector<RankingDocument>& documents)
{
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < documents.size(); ++i)
        places.emplace(documents[i].document.id, i);
    return places;
}

void link(std::vector<RankingDocument>& documents, const std::vector<Window>& windows)
{
    const std::unordered_map<std::string, std::size_t> places = places_of(documents);
    const auto place_of = [&](const std::optional<std::int64_t>& id) {
        const auto found = id ? places.find(std::to_string(*id)) : places.end();
        return found == places.end() ? no_neighbour : found->second;
    };
    for (const Window& window : windows)
        for (std::size_t i = 0; i + 1 < window.size(); ++i) {
            const std::size_t first = place_of(window[i]);
            const std::size_t second = place_of(window[i + 1]);
            if (first == no_neighbour || second == no_neighbour ||
                !belong_together(documents[first].document, documents[second].document))
                continue;
            documents[first].next = second;
            documents[second].previous = first;
        }
}

} // namespace

awaitable<void> add_neighbours(std::vector<RankingDocument>& documents, AbstractDatabaseAdapter& database,
                               VectorDatabaseManager& vector_db, std::string collection, Filter filters,
                               OperationContext context)
{
    std::vector<std::int64_t> ids;
    for (const RankingDocument& one : documents)
        if (const auto id = message_id_of(one.document))
            ids.push_back(*id);
    if (ids.empty())
        co_return;
    const std::vector<Window> windows = co_await read_windows(database, std::move(ids), context);

    std::unordered_map<std::string, std::size_t> places = places_of(documents);
    std::vector<std::string> missing;
    for (const Window& window : windows)
        for (const std::optional<std::int64_t>& id : window)
            if (id && places.emplace(std::to_string(*id), no_neighbour).second)
                missing.push_back(std::to_string(*id));
    std::vector<VectorDocument> found =
        co_await vector_db.get_documents(std::move(collection), std::move(missing), std::move(context));
    for (VectorDocument& document : found) {
        RankingDocument one;
        one.admitted = filters.matches(document.metadata);
        one.document = std::move(document);
        documents.push_back(std::move(one));
    }
    link(documents, windows);
}

} // namespace whisperstore
