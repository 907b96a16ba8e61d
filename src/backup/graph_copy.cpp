#include "backup/graph_copy.hpp"

#include "backup/graph_archive.hpp"
#include "core/content_hash.hpp"
#include "sqlite/store.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace whisperstore::backup {

namespace {

constexpr std::int64_t part_size = 1000;

awaitable<void> on_thread(std::function<void()> work, OperationContext context)
{
    co_await sqlite::run_on_thread(std::move(work), std::move(context));
}

/// Properties are a set: their order says nothing.
void add(ContentHash& hash, const json::object& properties)
{
    std::vector<std::pair<std::string, std::string>> sorted;
    for (const auto& entry : properties)
        sorted.emplace_back(std::string(entry.key()), json::serialize(entry.value()));
    std::sort(sorted.begin(), sorted.end());
    for (const auto& [key, value] : sorted) {
        hash.add(key);
        hash.add(value);
    }
    hash.end_row();
}

void add(ContentHash& hash, const GraphPart& part)
{
    for (const GraphNode& node : part.nodes) {
        hash.add(node.node.text());
        hash.add(node.node.type == NodeType::user ? std::string() : node.content);
        add(hash, node.properties);
    }
    for (const NetworkEdge& edge : part.edges) {
        hash.add(edge.from.text());
        hash.add(edge.relationship_type);
        hash.add(edge.to.text());
        hash.add(ValueView(edge.interaction_count));
        hash.add(edge.last_interaction);
        add(hash, edge.properties);
    }
}

awaitable<std::string> hash_of(GraphDatabaseManager& graph, OperationContext context)
{
    ContentHash hash;
    std::string place;
    do {
        const GraphPart part = co_await graph.export_part(place, part_size, context);
        add(hash, part);
        place = part.next;
    } while (!place.empty());
    co_return hash.hex();
}

} // namespace

awaitable<void> write_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context)
{
    auto writer = std::make_shared<std::unique_ptr<GraphArchiveWriter>>();
    std::function<void()> open = [writer, archive] { *writer = std::make_unique<GraphArchiveWriter>(archive); };
    co_await on_thread(std::move(open), context);
    std::string place;
    do {
        const auto part = std::make_shared<GraphPart>(co_await graph.export_part(place, part_size, context));
        place = part->next;
        std::function<void()> add_part = [writer, part] { (*writer)->add(*part); };
        co_await on_thread(std::move(add_part), context);
    } while (!place.empty());
    std::function<void()> finish = [writer] { (*writer)->finish(); };
    co_await on_thread(std::move(finish), std::move(context));
}

awaitable<void> replace_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context)
{
    auto reader = std::make_shared<std::unique_ptr<GraphArchiveReader>>();
    std::function<void()> open = [reader, archive] { *reader = std::make_unique<GraphArchiveReader>(archive); };
    co_await on_thread(std::move(open), context);
    co_await graph.clear(context);
    while (true) {
        const auto part = std::make_shared<GraphPart>();
        std::function<void()> read = [reader, part] { *part = (*reader)->read(part_size); };
        co_await on_thread(std::move(read), context);
        if (part->nodes.empty() && part->edges.empty())
            co_return;
        co_await graph.import_part(std::move(*part), context);
    }
}

awaitable<void> copy_graph(GraphDatabaseManager& from, GraphDatabaseManager& to, OperationContext context)
{
    co_await to.clear(context);
    std::string place;
    do {
        GraphPart part = co_await from.export_part(place, part_size, context);
        place = std::move(part.next);
        co_await to.import_part(std::move(part), context);
    } while (!place.empty());
}

awaitable<bool> same_graph(GraphDatabaseManager& graph, std::filesystem::path archive, OperationContext context)
{
    const auto archived = std::make_shared<std::string>();
    std::function<void()> read = [archived, archive] {
        GraphArchiveReader reader(archive);
        ContentHash hash;
        bool more = true;
        while (more) {
            const GraphPart part = reader.read(part_size);
            add(hash, part);
            more = !part.nodes.empty() || !part.edges.empty();
        }
        *archived = hash.hex();
    };
    co_await on_thread(std::move(read), context);
    const std::string now = co_await hash_of(graph, std::move(context));
    co_return now == *archived;
}

} // namespace whisperstore::backup
