#include "migration/graph_file.hpp"

#include <whisperstore/migration/graph_migration.hpp>

#include <utility>

namespace whisperstore {

namespace {

constexpr std::size_t part_size = 1000;

GraphMigrationReport with(GraphMigrationReport report, const GraphPart& part)
{
    report.nodes += part.nodes.size();
    report.relationships += part.edges.size();
    return report;
}

} // namespace

awaitable<GraphMigrationReport> migrate_graph(GraphDatabaseManager& from, GraphDatabaseManager& to,
                                              GraphMigrationProgress progress, OperationContext context)
{
    GraphMigrationReport report;
    std::string place;
    do {
        GraphPart part = co_await from.export_part(place, part_size, context);
        place = std::move(part.next);
        const GraphMigrationReport next = with(report, part);
        co_await to.import_part(std::move(part), context);
        report = next;
        if (progress)
            progress(report);
    } while (!place.empty());
    co_return report;
}

awaitable<GraphMigrationReport> export_graph(GraphDatabaseManager& graph, std::ostream& out,
                                             GraphMigrationProgress progress, OperationContext context)
{
    migration::GraphFileWriter file(out);
    GraphMigrationReport report;
    std::string place;
    do {
        const GraphPart part = co_await graph.export_part(place, part_size, context);
        place = part.next;
        file.write(part);
        report = with(report, part);
        if (progress)
            progress(report);
    } while (!place.empty());
    file.finish();
    co_return report;
}

awaitable<GraphMigrationReport> import_graph(GraphDatabaseManager& graph, std::istream& in,
                                             GraphMigrationProgress progress, OperationContext context)
{
    migration::GraphFileReader file(in);
    GraphMigrationReport report;
    while (true) {
        GraphPart part = file.read(part_size);
        if (part.nodes.empty() && part.edges.empty())
            break;
        const GraphMigrationReport next = with(report, part);
        co_await graph.import_part(std::move(part), context);
        report = next;
        if (progress)
            progress(report);
    }
    co_return report;
}

} // namespace whisperstore
