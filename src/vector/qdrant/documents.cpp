// Documents by id and by filter.

#include "vector/qdrant/condition.hpp"
#include "vector/qdrant/layout.hpp"
#include "vector/qdrant/store.hpp"

#include <algorithm>
#include <unordered_map>

namespace whisperstore::qdrant {

namespace {

constexpr std::size_t ids_at_once = 1000;
constexpr std::size_t points_at_once = 512; // of a scroll: some 5 MB with their vectors

std::string_view payload_of(Parts parts) noexcept
{
    switch (parts) {
    case Parts::ids:
        return R"(["doc_id"])";
    case Parts::metadata:
        return R"(["doc_id","metadata","metadata_text"])";
    default:
        return "true";
    }
}

/// `"ids":[…]` or `"points":[…]`
std::string id_list(std::string_view key, std::span<const std::string> ids)
{
    std::string text = "\"";
    text.append(key).append("\":[");
    for (const std::string& id : ids)
        text.append(&id == ids.data() ? "\"" : ",\"").append(point_id(id)).append("\"");
    text += ']';
    return text;
}

} // namespace

awaitable<std::vector<VectorDocument>> retrieve(Store& store, std::string collection, std::vector<std::string> ids,
                                                bool with_vectors, OperationContext context)
{
    std::unordered_map<std::string, VectorDocument> found;
    for (std::size_t first = 0; first < ids.size(); first += ids_at_once) {
        const auto some = std::span(ids).subspan(first, std::min(ids_at_once, ids.size() - first));
        std::string body = "{";
        body.append(id_list("ids", some));
        body.append(",\"with_payload\":").append(payload_of(with_vectors ? Parts::all : Parts::ids));
        body.append(",\"with_vector\":").append(with_vectors ? "true}" : "false}");
        Call call{"POST", store.server.read_target(collection, "/points"), std::move(body)};
        const std::string answer = co_await store.server.send(std::move(call), context);
        for (Point& point : parse_retrieved(answer)) {
            std::string id = point.document.id;
            found.insert_or_assign(std::move(id), std::move(point.document));
        }
    }
    std::vector<VectorDocument> documents;
    for (const std::string& id : ids)
        if (const auto place = found.find(id); place != found.end())
            documents.push_back(place->second);
    co_return documents;
}

awaitable<ScrollPage> scroll(Store& store, std::string collection, std::string place, std::size_t most, Parts parts,
                             Filter filters, OperationContext context)
{
    const Condition condition = translate(filters);
    std::string rest;
    if (!condition.filter.empty())
        rest.append(",\"filter\":").append(json::serialize(condition.filter));
    rest.append(",\"with_payload\":").append(payload_of(parts));
    rest.append(",\"with_vector\":").append(parts == Parts::all ? "true}" : "false}");
    ScrollPage page;
    page.next = std::move(place);
    do {
        const std::size_t wanted = std::min(most - page.points.size(), points_at_once);
        std::string body = "{\"limit\":";
        body.append(std::to_string(wanted));
        if (!page.next.empty())
            body.append(",\"offset\":").append(page.next);
        body += rest;
        Call call{"POST", store.server.read_target(collection, "/points/scroll"), std::move(body)};
        ScrollPage more = parse_scroll(co_await store.server.send(std::move(call), context));
        page.next = std::move(more.next);
        for (Point& point : more.points)
            if (condition.exact || filters.matches(point.document.metadata))
                page.points.push_back(std::move(point));
    } while (page.points.size() < most && !page.next.empty());
    co_return page;
}

awaitable<std::uint64_t> count(Store& store, std::string collection, Filter filters, OperationContext context)
{
    const Condition condition = translate(filters);
    if (condition.exact) {
        std::string body = "{\"exact\":true";
        if (!condition.filter.empty())
            body.append(",\"filter\":").append(json::serialize(condition.filter));
        body += '}';
        Call call{"POST", store.server.read_target(collection, "/points/count"), std::move(body)};
        co_return parse_count(co_await store.server.send(std::move(call), std::move(context)));
    }
    std::uint64_t matching = 0;
    std::string place;
    do {
        ScrollPage page =
            co_await scroll(store, collection, std::move(place), points_at_once, Parts::metadata, filters, context);
        matching += page.points.size();
        place = std::move(page.next);
    } while (!place.empty());
    co_return matching;
}

awaitable<void> remove_ids(Store& store, std::string collection, std::vector<std::string> ids, OperationContext context)
{
    for (std::size_t first = 0; first < ids.size(); first += ids_at_once) {
        const auto some = std::span(ids).subspan(first, std::min(ids_at_once, ids.size() - first));
        std::string body = "{";
        body.append(id_list("points", some)).append("}");
        Call call{"POST", store.server.write_target(collection, "/points/delete"), std::move(body),
                  http::Effect::repeatable_write};
        check_completed(co_await store.server.send(std::move(call), context));
    }
}

awaitable<std::uint64_t> remove_matching(Store& store, std::string collection, Filter filters, OperationContext context)
{
    const Condition condition = translate(filters);
    if (condition.exact) {
        const std::uint64_t matching = co_await count(store, collection, std::move(filters), context);
        if (matching == 0)
            co_return 0;
        std::string body = "{\"filter\":";
        body.append(json::serialize(condition.filter)).append("}");
        Call call{"POST", store.server.write_target(collection, "/points/delete"), std::move(body),
                  http::Effect::write};
        check_completed(co_await store.server.send(std::move(call), std::move(context)));
        co_return matching;
    }
    std::uint64_t removed = 0;
    std::string place;
    do {
        ScrollPage page =
            co_await scroll(store, collection, std::move(place), points_at_once, Parts::metadata, filters, context);
        place = std::move(page.next);
        std::vector<std::string> ids;
        for (Point& point : page.points)
            ids.push_back(std::move(point.document.id));
        const std::size_t some = ids.size();
        co_await remove_ids(store, collection, std::move(ids), context);
        removed += some;
    } while (!place.empty());
    co_return removed;
}

} // namespace whisperstore::qdrant
