// Moving a graph: through a file, which is one state of it for all that is done with it.

#include "core/failure.hpp"
#include "core/shield.hpp"
#include "migration/content.hpp"
#include "migration/element_index.hpp"
#include "migration/graph_file.hpp"
#include "migration/layer_migration.hpp"
#include "sqlite/store.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>

#include <boost/asio/this_coro.hpp>

#include <fstream>
#include <functional>
#include <memory>
#include <utility>

namespace whisperstore {

namespace {

using migration::ElementIndex;
using migration::Running;

constexpr std::string_view backend = "migration";
constexpr std::size_t part_size = 1000;

/// Counts and hashes of the nodes and the relationships.
struct GraphContent
{
    ContentHash nodes;
    ContentHash relationships;

    void add(const GraphPart& part)
    {
        for (const GraphNode& node : part.nodes)
            add(nodes, migration::key_of(node), migration::content_of(node));
        for (const NetworkEdge& edge : part.edges)
            add(relationships, migration::key_of(edge), migration::content_of(edge));
    }
    std::uint64_t rows() const noexcept { return nodes.rows() + relationships.rows(); }
    std::uint64_t bytes() const noexcept { return nodes.bytes() + relationships.bytes(); }

private:
    static void add(ContentHash& hash, const std::string& key, const json::object& content)
    {
        hash.add(key);
        hash.add(migration::canonical(content));
        hash.end_row();
    }
};

/// Whether a merge of `wanted` into something can have given `there`: properties may have been there before.
bool includes(const json::object& there, const json::object& wanted)
{
    for (const auto& [name, value] : wanted) {
        const json::value* found = there.if_contains(name);
        if (!found)
            return false;
        const bool nested = name == "properties" && value.is_object() && found->is_object();
        if (nested ? !includes(found->get_object(), value.get_object())
                   : migration::canonical(*found) != migration::canonical(value))
            return false;
    }
    return true;
}

std::ifstream open_file(const std::filesystem::path& file)
{
    std::ifstream in(file, std::ios::binary);
    if (!in)
        throw StorageError(StorageErrc::unavailable, file.string() + " cannot be read although it was just written");
    return in;
}

class GraphMigration
{
public:
    GraphMigration(GraphDatabaseManager& source, GraphDatabaseManager& target, MigrationOptions options,
                   OperationContext context)
        : source_(source),
          target_(target),
          context_(std::move(context)),
          running_(std::move(options), "graph", source.graph_database_type(), target.graph_database_type())
    {
    }

    awaitable<MigrationReport> run()
    {
        migration::check_different(&source_, &target_);
        running_.begin_phase("read", 0);
        co_await read_source();
        const GraphPart first = co_await target_.export_part(std::string(), 1, context_);
        const bool empty = first.nodes.empty() && first.edges.empty();
        bool complete = false;
        if (!empty && running_.refuses())
            complete = co_await check_target();
        if (running_.options().dry_run)
            co_return running_.finish();
        running_.report.already_there = complete;
        running_.begin_phase("copy", wanted_.rows());
        if (!empty && running_.replaces())
            co_await replace();
        else if (!complete)
            co_await copy();
        running_.copied();
        if (running_.options().verify)
            co_await verify();
        co_return running_.finish();
    }

private:
    std::filesystem::path wanted_file() const { return folder_.file("source"); }

    awaitable<void> write(GraphDatabaseManager& graph, std::filesystem::path file, GraphContent* content)
    {
        std::ofstream out(file, std::ios::binary);
        migration::GraphFileWriter writer(out);
        std::string place;
        do {
            const GraphPart part = co_await graph.export_part(place, part_size, context_);
            place = part.next;
            writer.write(part);
            if (content) {
                content->add(part);
                running_.advance("graph", part.nodes.size() + part.edges.size(), 0);
            }
        } while (!place.empty());
        writer.finish();
        out.close();
        if (!out)
            throw StorageError(StorageErrc::resource_exhausted,
                               file.string() + " cannot be written: is there space left on the disk?");
    }

    awaitable<void> read_source()
    {
        co_await write(source_, wanted_file(), &wanted_);
        add_item("nodes", wanted_.nodes);
        add_item("relationships", wanted_.relationships);
    }

    void add_item(const char* name, const ContentHash& hash)
    {
        MigratedItem item;
        item.name = name;
        item.rows = hash.rows();
        item.bytes = hash.bytes();
        if (!running_.options().dry_run)
            item.content_hash = hash.hex();
        running_.report.items.push_back(std::move(item));
    }

    /// The source's nodes and relationships by their keys.
    awaitable<void> make_index()
    {
        if (index_)
            co_return;
        const auto index = std::make_shared<std::shared_ptr<ElementIndex>>();
        std::function<void()> work = [index, file = wanted_file(), place = folder_.file("index")] {
            *index = std::make_shared<ElementIndex>(place);
            std::ifstream in = open_file(file);
            migration::GraphFileReader reader(in);
            while (true) {
                const GraphPart part = reader.read(part_size);
                if (part.nodes.empty() && part.edges.empty())
                    break;
                for (const GraphNode& node : part.nodes)
                    (*index)->put(migration::key_of(node), migration::canonical(migration::content_of(node)));
                for (const NetworkEdge& edge : part.edges)
                    (*index)->put(migration::key_of(edge), migration::canonical(migration::content_of(edge)));
            }
        };
        co_await sqlite::run_on_thread(std::move(work), context_);
        index_ = *index;
    }

    using Look = std::function<void(const std::string& key, const json::object& there,
                                    const std::optional<std::string>& wanted)>;

    /// Goes through the target and looks each of its nodes and relationships up in the source.
    awaitable<void> compare(Look look)
    {
        co_await make_index();
        std::string place;
        do {
            const auto part = std::make_shared<GraphPart>(co_await target_.export_part(place, part_size, context_));
            place = part->next;
            std::function<void()> work = [part, look, index = index_] {
                for (const GraphNode& node : part->nodes)
                    look(migration::key_of(node), migration::content_of(node), index->find(migration::key_of(node)));
                for (const NetworkEdge& edge : part->edges)
                    look(migration::key_of(edge), migration::content_of(edge), index->find(migration::key_of(edge)));
            };
            co_await sqlite::run_on_thread(std::move(work), context_);
        } while (!place.empty());
    }

    /// An earlier run may have left what the source holds, and nothing else. Returns whether that is all of it.
    awaitable<bool> check_target()
    {
        const auto same = std::make_shared<std::uint64_t>(0);
        Look look = [same](const std::string& key, const json::object& there,
                           const std::optional<std::string>& wanted) {
            if (!wanted || *wanted != migration::canonical(there))
                migration::refuse_target(key + (wanted ? " is another one than the source's" : " is only there"));
            ++*same;
        };
        co_await compare(std::move(look));
        co_return *same == index_->size() && *same > 0;
    }

    using Imported = std::function<void(std::size_t rows)>;

    awaitable<void> import_file(std::filesystem::path file, OperationContext context, Imported imported)
    {
        std::ifstream in = open_file(file);
        migration::GraphFileReader reader(in);
        while (true) {
            GraphPart part = reader.read(part_size);
            if (part.nodes.empty() && part.edges.empty())
                break;
            const std::size_t rows = part.nodes.size() + part.edges.size();
            co_await target_.import_part(std::move(part), context);
            imported(rows);
        }
    }

    awaitable<void> copy()
    {
        Imported imported = [this](std::size_t rows) { running_.advance("graph", rows, 0); };
        co_await import_file(wanted_file(), context_, std::move(imported));
    }

    awaitable<void> replace()
    {
        co_await write(target_, folder_.file("before"), nullptr);
        std::exception_ptr failed;
        try {
            co_await target_.clear(context_);
            co_await copy();
        } catch (...) {
            failed = std::current_exception();
        }
        if (!failed)
            co_return;
        const bool throws = co_await asio::this_coro::throw_if_cancelled();
        co_await asio::this_coro::throw_if_cancelled(false);
        awaitable<void> putting = put_back();
        const std::exception_ptr also = co_await shielded(std::move(putting));
        co_await asio::this_coro::throw_if_cancelled(throws);
        migration::end_replacement(failed, also, folder_, "graph");
    }

    awaitable<void> put_back()
    {
        co_await target_.clear(OperationContext());
        Imported unheard = [](std::size_t) {}; // who hears of progress may have ended the migration by it
        co_await import_file(folder_.file("before"), OperationContext(), std::move(unheard));
    }

    awaitable<void> verify()
    {
        running_.begin_phase("verify", wanted_.rows());
        if (running_.merges()) {
            const auto found = std::make_shared<std::uint64_t>(0);
            Look look = [found](const std::string& key, const json::object& there,
                                const std::optional<std::string>& wanted) {
                if (!wanted)
                    return;
                if (!includes(there, parse_json_object(*wanted, "an element of the graph")))
                    migration::differs(key + " is not as the source has it");
                ++*found;
            };
            co_await compare(std::move(look));
            if (*found != index_->size())
                migration::differs(std::to_string(index_->size() - *found) + " nodes or relationships are missing");
        } else {
            GraphContent there;
            std::string place;
            do {
                const GraphPart part = co_await target_.export_part(place, part_size, context_);
                place = part.next;
                there.add(part);
                running_.advance("graph", part.nodes.size() + part.edges.size(), 0);
            } while (!place.empty());
            const bool same =
                there.nodes.hex() == wanted_.nodes.hex() && there.relationships.hex() == wanted_.relationships.hex();
            if (!same)
                co_await name_difference(there);
        }
        running_.report.verified = true;
    }

    awaitable<void> name_difference(const GraphContent& there)
    {
        Look look = [](const std::string& key, const json::object& found, const std::optional<std::string>& wanted) {
            if (!wanted)
                migration::differs(key + " is only there");
            if (*wanted != migration::canonical(found))
                migration::differs(key + " is " + migration::canonical(found) + ", not " + *wanted);
        };
        co_await compare(std::move(look));
        migration::differs("it has " + std::to_string(there.nodes.rows()) + " nodes and " +
                           std::to_string(there.relationships.rows()) + " relationships, not " +
                           std::to_string(wanted_.nodes.rows()) + " and " +
                           std::to_string(wanted_.relationships.rows()));
    }

    GraphDatabaseManager& source_;
    GraphDatabaseManager& target_;
    const OperationContext context_;
    Running running_;
    sqlite::WorkFolder folder_{std::filesystem::temp_directory_path(), "migration"};
    GraphContent wanted_;
    std::shared_ptr<ElementIndex> index_;
};

} // namespace

awaitable<MigrationReport> StorageMigrationManager::migrate_graph(GraphDatabaseManager& source_manager,
                                                                  GraphDatabaseManager& target_manager,
                                                                  MigrationOptions options, OperationContext context)
{
    context.check_deadline(backend, "migrate_graph");
    try {
        GraphMigration migration(source_manager, target_manager, std::move(options), std::move(context));
        co_return co_await migration.run();
    } catch (...) {
        rethrow_as_storage_error(backend, "migrate_graph");
    }
}

} // namespace whisperstore
