// migrate database, migrate vectors, migrate graph, migrate cache, migrate all

#include "commands/command_tree.hpp"
#include "commands/migration_place.hpp"
#include "commands/scratch_folder.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"
#include "display/work_progress.hpp"

#include <whisperstore/migration/storage_migration_manager.hpp>
#include <whisperstore/resilience/decorate.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace whisperstore::cli {

namespace {

struct MigrateOptions
{
    std::string from;
    std::string to;
    bool merge = false;
    bool replace = false;
    bool dry_run = false;
    bool no_verify = false;
};

/// A store that is closed in any case.
template <typename Store>
class Opened
{
public:
    using Closing = awaitable<void> (Store::*)();

    Opened(Runtime& runtime, std::shared_ptr<Store> store, Closing closing)
        : runtime_(runtime), store_(std::move(store)), close_(closing)
    {
    }
    ~Opened()
    {
        try {
            close();
        } catch (...) {
            store_.reset(); // the error that led here is the one to tell
        }
    }
    Opened(const Opened&) = delete;
    Opened& operator=(const Opened&) = delete;

    Store& operator*() const noexcept { return *store_; }
    std::shared_ptr<Store> share() const noexcept { return store_; }
    void close()
    {
        if (const auto store = std::exchange(store_, nullptr))
            runtime_.finish(((*store).*close_)());
    }

private:
    Runtime& runtime_;
    std::shared_ptr<Store> store_;
    Closing close_;
};

/// One migration by the command line: the places, and what is told on the way.
class Migrate
{
public:
    Migrate(Invocation& invocation, const MigrateOptions& options)
        : invocation_(invocation),
          options_(options),
          from_(configuration_of(invocation, options.from)),
          to_(configuration_of(invocation, options.to)),
          progress_(invocation.json())
    {
        from_.database.read_only = true;
        from_.vector_database.read_only = true;
    }

    void database()
    {
        auto source = open_database(from_);
        auto target = open_target_database();
        move("database", [&](const MigrationOptions& how) {
            return manager_.migrate_database(**source, **target, how, invocation_.context());
        });
        target->close();
        source->close();
    }
    void vectors()
    {
        using Vectors = VectorDatabaseManager;
        Opened<Vectors> source(invocation_.runtime(),
                               StorageManagerFactory::create_vector_manager(from_.vector_database), &Vectors::cleanup);
        invocation_.run((*source).initialize(invocation_.context()));
        const auto target = open_target_vectors();
        move("vectors", [&](const MigrationOptions& how) {
            return manager_.migrate_vector_database(*source, **target, how, invocation_.context());
        });
        target->close();
        source.close();
    }
    void cache()
    {
        if (from_.cache.type == "memory" || to_.cache.type == "memory")
            throw StorageError(StorageErrc::invalid_argument,
                               "a cache in memory lives in the process of the application: there is nothing to move it "
                               "from or to; the caches of --from and --to must be redis or redis_cluster, they are " +
                                   from_.cache.type + " and " + to_.cache.type);
        using Cache = ConversationCacheManager;
        Opened<Cache> source(invocation_.runtime(), StorageManagerFactory::create_cache_manager(from_.cache),
                             &Cache::cleanup);
        invocation_.run((*source).initialize(invocation_.context()));
        Opened<Cache> target(invocation_.runtime(), StorageManagerFactory::create_cache_manager(to_.cache),
                             &Cache::cleanup);
        invocation_.run((*target).initialize(invocation_.context()));
        move("cache", [&](const MigrationOptions& how) {
            return manager_.migrate_cache(*source, *target, how, invocation_.context());
        });
        target.close();
        source.close();
    }
    void graph()
    {
        const Graph source = open_graph(from_, in_tables(from_) ? open_database(from_) : nullptr);
        const Graph target = open_graph(to_, in_tables(to_) ? open_target_database() : nullptr);
        move("graph", [&](const MigrationOptions& how) {
            return manager_.migrate_graph(**source.graph, **target.graph, how, invocation_.context());
        });
        target.close();
        source.close();
    }
    /// The graph in tables goes with the database, and a cache in memory is filled from it.
    void all()
    {
        database();
        vectors();
        if (!in_tables(from_) || !in_tables(to_))
            graph();
        if (from_.cache.type != "memory" && to_.cache.type != "memory")
            cache();
    }

    /// What becomes of it, as one document.
    void end()
    {
        if (invocation_.json())
            invocation_.out().document(reports_);
    }

private:
    using Database = Opened<AbstractDatabaseAdapter>;
    struct Graph
    {
        std::unique_ptr<Database> database; ///< where it is in tables
        std::unique_ptr<Opened<GraphDatabaseManager>> graph;
        void close() const
        {
            graph->close();
            if (database)
                database->close();
        }
    };

    static bool in_tables(const StorageConfiguration& configuration)
    {
        const std::string& type = configuration.graph_database.type;
        return type == "sqlite" || type == "disabled" || type == "none";
    }

    std::unique_ptr<Database> open_database(const StorageConfiguration& configuration)
    {
        auto adapter = StorageManagerFactory::create_database_manager(configuration.database);
        auto opened = std::make_unique<Database>(invocation_.runtime(), adapter, &AbstractDatabaseAdapter::disconnect);
        invocation_.run(adapter->connect(invocation_.context()));
        return opened;
    }
    /// A dry run makes nothing: where there is no file yet the target is an empty database in memory.
    std::unique_ptr<Database> open_target_database()
    {
        if (!options_.dry_run)
            return open_database(to_);
        StorageConfiguration looked_at = to_;
        looked_at.database.read_only = true;
        try {
            return open_database(looked_at);
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found || to_.database.type != "sqlite")
                throw;
        }
        looked_at.database.read_only = false;
        looked_at.database.connection_string = "sqlite:///:memory:";
        return open_database(looked_at);
    }
    std::unique_ptr<Opened<VectorDatabaseManager>> open_vectors(const VectorDatabaseConfig& config)
    {
        auto opened = std::make_unique<Opened<VectorDatabaseManager>>(
            invocation_.runtime(), StorageManagerFactory::create_vector_manager(config),
            &VectorDatabaseManager::cleanup);
        invocation_.run((**opened).initialize(invocation_.context()));
        return opened;
    }
    /// As open_target_database(), with an empty folder.
    std::unique_ptr<Opened<VectorDatabaseManager>> open_target_vectors()
    {
        if (!options_.dry_run)
            return open_vectors(to_.vector_database);
        VectorDatabaseConfig looked_at = to_.vector_database;
        looked_at.read_only = true;
        try {
            return open_vectors(looked_at);
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found || looked_at.persist_directory.empty())
                throw;
        }
        looked_at.read_only = false;
        looked_at.persist_directory = empty_folder_.emplace().path();
        return open_vectors(looked_at);
    }
    Graph open_graph(const StorageConfiguration& configuration, std::unique_ptr<Database> tables)
    {
        Graph graph;
        if (configuration.graph_database.type == "none")
            throw StorageError(StorageErrc::invalid_argument,
                               "there is no graph: WHISPERENGINE_GRAPH_DB_TYPE is none; set sqlite or neo4j");
        graph.database = std::move(tables);
        auto manager = StorageManagerFactory::create_graph_manager(configuration.graph_database,
                                                                   graph.database ? graph.database->share() : nullptr);
        graph.graph = std::make_unique<Opened<GraphDatabaseManager>>(invocation_.runtime(), manager,
                                                                     &GraphDatabaseManager::cleanup);
        invocation_.run(manager->initialize(invocation_.context()));
        return graph;
    }

    template <typename Work>
    void move(const std::string& what, Work work)
    {
        MigrationOptions how;
        how.existing = options_.replace ? ExistingData::replace
                       : options_.merge ? ExistingData::merge
                                        : ExistingData::refuse;
        how.verify = !options_.no_verify;
        how.dry_run = options_.dry_run;
        how.progress = [this, what](const MigrationProgress& progress) {
            const char* doing = progress.phase == "verify" ? "Verifying "
                                : progress.phase == "copy" ? "Copying "
                                                           : "Reading ";
            WorkStep step{doing + what, what, progress.phase, progress.item};
            step.rows = progress.rows;
            step.rows_in_total = progress.rows_in_total;
            step.bytes = progress.bytes;
            progress_.update(step);
        };
        MigrationReport report;
        try {
            report = invocation_.run(work(how));
        } catch (const Interrupted& interrupted) {
            progress_.end();
            throw Interrupted{interrupted.signal,
                              "nothing was lost: what was in the target is there. Run the same command again, and it "
                              "goes on from what has arrived"};
        } catch (const StorageError& error) {
            progress_.end();
            if (error.errc() == StorageErrc::already_exists)
                throw advised(error, " (--merge, --replace)");
            throw;
        }
        progress_.end();
        print(what, report);
    }

    void print(const std::string& what, const MigrationReport& report)
    {
        Output& out = invocation_.out();
        if (invocation_.json()) {
            json::object event;
            event["event"] = "done";
            event["component"] = what;
            report_note(compact(event));
            reports_.push_back(report.to_json());
            return;
        }
        const std::string way = " from " + report.source + " to " + report.target;
        std::string headline;
        if (report.already_there)
            headline = "The target has the " + what + " already" + way + ", nothing is to be done";
        else if (report.dry_run)
            headline = "Would move the " + what + way;
        else
            headline = "Moved the " + what + way + (report.verified ? ", verified, in " : ", not verified, in ") +
                       duration(report.seconds);
        out.line(headline);
        Table table(invocation_.terminal(), "  ");
        table.column("").column("", Align::right).column("", Align::right).column("");
        for (const MigratedItem& item : report.items)
            table.row({Cell(item.name), Cell(counted(item.rows, "row")),
                       Cell(item.bytes > 0 ? file_size(item.bytes) : std::string()),
                       Cell(item.rows > 0 ? item.content_hash.substr(0, 12) : std::string(), Tone::quiet)});
        table.print(out);
        for (const UnmovedItem& item : report.not_moved)
            out.line("  not moved: " + one_line(item.name) + ": " + one_line(item.reason));
    }

    Invocation& invocation_;
    const MigrateOptions& options_;
    StorageConfiguration from_;
    StorageConfiguration to_;
    std::optional<ScratchFolder> empty_folder_; ///< outlives what is opened in it
    WorkProgress progress_;
    json::array reports_; ///< of the layers, with --json
    StorageMigrationManager manager_;
};

} // namespace

void add_migrate_commands(CLI::App& program, Selected& selected)
{
    CLI::App* migrate = program.add_subcommand("migrate", "Move data to other stores, verified");
    migrate->require_subcommand(1);
    const auto add = [&](const char* name, const char* description, void (Migrate::*action)()) {
        auto options = std::make_shared<MigrateOptions>();
        CLI::App* command = migrate->add_subcommand(name, description);
        command
            ->add_option("--from", options->from,
                         "Where it is; without it, what the program is configured for (whisperstore config show)")
            ->option_text("PLACE");
        command->add_option("--to", options->to, "Where it goes")->option_text("PLACE")->required();
        CLI::Option* merge = command->add_flag(
            "--merge", options->merge, "Keep what the target holds; what has the same key becomes the source's");
        command->add_flag("--replace", options->replace, "Replace what the target holds, once all has arrived")
            ->excludes(merge);
        command->add_flag("--dry-run", options->dry_run, "Only say what would be moved");
        command->add_flag("--no-verify", options->no_verify, "Do not read the target and compare it afterwards");
        command->footer("A PLACE is a folder with local stores, a file with settings (KEY=VALUE lines), or\n"
                        "the URL of one store: sqlite:///FILE, postgresql://…, qdrant+http://…,\n"
                        "chroma+http://…, redis://…, neo4j://…, bolt://…\n"
                        "A target that holds something else is refused. After an interruption the same\n"
                        "command goes on.");
        command->callback([&selected, options, action] {
            selected.action = [options, action](Invocation& invocation) {
                Migrate work(invocation, *options);
                (work.*action)();
                work.end();
                return Exit::done;
            };
        });
    };
    add("database", "The tables, those of the application as well", &Migrate::database);
    add("vectors", "The collections with their documents", &Migrate::vectors);
    add("graph", "Nodes and relationships", &Migrate::graph);
    add("cache", "The channels of a Redis cache", &Migrate::cache);
    add("all", "Everything, one after the other", &Migrate::all);
}

} // namespace whisperstore::cli
