// demo

#include "commands/command_tree.hpp"
#include "demo/demo_report.hpp"
#include "display/progress.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/metrics/storage_metrics_collector.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <memory>

namespace whisperstore::cli {

namespace {

constexpr std::int64_t context_messages = 15;
constexpr std::size_t memories_per_question = 5;
constexpr const char* collection = "user_memories";

/// The demo adds only to folders that are empty or its own.
void refuse_foreign_data(Invocation& invocation, StorageLayer& storage, const DemoSample& sample)
{
    AbstractDatabaseAdapter& database = storage.database();
    const QueryResult all = invocation.run(
        database.execute_query("SELECT count(*) AS n FROM messages", Parameters(), invocation.context()));
    const std::int64_t messages = all.rows[0]["n"].as_int();
    const std::vector<std::int64_t> ids = sample.message_ids();
    if (messages == 0 || ids.empty())
        return;
    Parameters first = params(arg("id", ids.front()));
    const QueryResult own = invocation.run(database.execute_query(
        "SELECT count(*) AS n FROM messages WHERE message_id = :id", std::move(first), invocation.context()));
    if (own.rows[0]["n"].as_int() == 0)
        throw StorageError(
            StorageErrc::already_exists,
            storage.configuration().data_dir.string() + " holds " +
                counted(static_cast<std::uint64_t>(messages), "message") +
                " that are not the demo's, and the demo would add its own to them; choose an empty folder "
                "with --data-dir DIR");
}

/// Whether texts can be embedded here. A model that is not installed is no failure: the sample has its vectors with it.
bool has_model(Invocation& invocation, StorageLayer& storage)
{
    if (!storage.has_embeddings())
        return false;
    try {
        invocation.run(storage.embeddings().embed_one("hello", invocation.context()));
        return true;
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::unavailable)
            throw;
        return false;
    }
}

ImportReport replay(Invocation& invocation, StorageLayer& storage, const DemoSample& sample, bool by_text)
{
    ProgressBar progress("Replaying the conversation");
    ImportOptions options;
    if (!by_text)
        options.embeddings = sample.embeddings();
    options.collection = collection;
    options.batch_size = 16; // so that there is something to watch
    options.progress = [&progress](std::uint64_t done, std::uint64_t total) { progress.update(done, total); };
    return invocation.run(import_messages(storage, sample.messages(), std::move(options), invocation.context()));
}

awaitable<std::vector<SearchResult>> find_by_text(StorageLayer& storage, std::string question, Filter filter,
                                                  OperationContext context)
{
    std::vector<TextResult> found =
        co_await storage.search_text(collection, std::move(question), memories_per_question, std::move(filter),
                                     TextSearchOptions(), std::move(context));
    co_return std::vector<SearchResult>(std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

DemoAnswer answer(Invocation& invocation, StorageLayer& storage, SampleQuestion question, bool by_text)
{
    const auto start = std::chrono::steady_clock::now();
    DemoAnswer answer;
    const OperationContext& context = invocation.context();
    answer.context_messages =
        invocation
            .run(storage.cache().get_conversation_context(question.channel_id, context_messages, std::nullopt, context))
            .size();
    const Filter filter = filter::eq("user_id", json::value(question.user_id));
    answer.memories =
        invocation.run(by_text ? find_by_text(storage, question.question, filter, context)
                               : storage.vector_db().search_similar(collection, question.embedding,
                                                                    memories_per_question, filter, context));
    answer.connected_memories =
        invocation.run(storage.graph().find_connected_memories(question.user_id, question.question, 3, 50, context))
            .size();
    answer.milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    answer.question = std::move(question);
    return answer;
}

/// Who wrote how much, and who answers whom, by the graph's REPLIES_TO.
std::vector<DemoPerson> people_of(Invocation& invocation, StorageLayer& storage)
{
    AbstractDatabaseAdapter& database = storage.database();
    std::vector<DemoPerson> people;
    const QueryResult users = invocation.run(database.execute_query(
        "SELECT user_id, username, message_count FROM users ORDER BY message_count DESC, user_id LIMIT 8", Parameters(),
        invocation.context()));
    for (const Row& row : users)
        people.push_back(DemoPerson{std::string(row["user_id"].as_text()),
                                    std::string(row["username"].as_text()),
                                    static_cast<std::uint64_t>(row["message_count"].as_int()),
                                    {}});
    for (DemoPerson& person : people)
        person.replies_to.resize(people.size());
    if (storage.graph().graph_database_type() != "sqlite")
        return people; // a graph server's edges are not in these tables
    const auto index_of = [&people](std::string_view user_id) {
        return static_cast<std::size_t>(
            std::find_if(people.begin(), people.end(),
                         [&](const DemoPerson& person) { return person.user_id == user_id; }) -
            people.begin());
    };
    const QueryResult replies = invocation.run(database.execute_query(
        "SELECT reply.user_id AS who, said.user_id AS whom, count(*) AS times FROM relationships "
        "JOIN graph_nodes AS reply ON reply.node_type = source_type AND reply.node_id = source_id "
        "JOIN graph_nodes AS said ON said.node_type = target_type AND said.node_id = target_id "
        "WHERE relationship_type = 'REPLIES_TO' GROUP BY reply.user_id, said.user_id",
        Parameters(), invocation.context()));
    for (const Row& row : replies) {
        const std::size_t who = index_of(row["who"].as_text());
        const std::size_t whom = index_of(row["whom"].as_text());
        if (who < people.size() && whom < people.size())
            people[who].replies_to[whom] = static_cast<std::uint64_t>(row["times"].as_int());
    }
    return people;
}

std::uint64_t count_rows(Invocation& invocation, AbstractDatabaseAdapter& database, const std::string& table)
{
    const QueryResult result = invocation.run(
        database.execute_query("SELECT count(*) AS n FROM " + table, Parameters(), invocation.context()));
    return static_cast<std::uint64_t>(result.rows[0]["n"].as_int());
}

std::vector<DemoStore> stores_of(Invocation& invocation, StorageLayer& storage)
{
    AbstractDatabaseAdapter& database = storage.database();
    const CacheStats cache = invocation.run(storage.cache().get_cache_stats(invocation.context()));
    const CollectionStats vectors =
        invocation.run(storage.vector_db().get_collection_stats(collection, invocation.context()));
    const auto rows = [&](const std::string& table) { return count_rows(invocation, database, table); };
    std::vector<DemoStore> stores;
    stores.push_back(
        {"cache", std::string(storage.cache().cache_type()),
         counted(cache.total_cached_messages, "message") + " of " + counted(cache.cached_channels, "channel")});
    stores.push_back({"database", std::string(database.database_type()),
                      counted(rows("messages"), "message") + " of " + counted(rows("users"), "user")});
    stores.push_back(
        {"vectors", std::string(storage.vector_db().vector_database_type()),
         counted(vectors.document_count, "vector") + " of " + counted(vectors.embedding_dimension, "dimension")});
    const std::string graph(storage.graph().graph_database_type());
    stores.push_back({"graph", graph,
                      graph == "sqlite"
                          ? counted(rows("graph_nodes"), "node") + ", " + counted(rows("relationships"), "relationship")
                          : std::string()});
    return stores;
}

/// Nothing for what lives in files of the data directory.
std::string place_of(std::string_view type, std::string_view in_files, const std::vector<std::string>& endpoints)
{
    if (type == in_files)
        return {};
    std::string places;
    for (const std::string& place : endpoints)
        places.append(places.empty() ? "" : ", ").append(place);
    return std::string(type) + " (" + places + ")";
}

Exit run_demo(Invocation& invocation, const std::string& sample_directory)
{
    const DemoSample sample(sample_directory);
    const AdaptiveConfigManager manager = invocation.configure(LaptopDefaults::on, "~/.whisperengine/demo");
    DemoReport report;
    report.data_dir = manager.get_storage_configuration().data_dir;
    report.sample = sample.directory();
    report.channel = "lounge";
    report.user = "mira";
    report.words = "cello";
    {
        OpenStorage storage = invocation.open(manager, Access::write);
        const OperationContext& context = invocation.context();
        const AbstractDatabaseAdapter& database = storage->database();
        const VectorDatabaseManager& vectors = storage->vector_db();
        report.server = place_of(database.database_type(), "sqlite", database.endpoints());
        report.vectors = place_of(vectors.vector_database_type(), "local_qdrant", vectors.endpoints());
        refuse_foreign_data(invocation, *storage, sample);
        report.by_text = has_model(invocation, *storage);
        if (report.by_text)
            report.model = storage->embeddings().model_name();
        report.import = replay(invocation, *storage, sample, report.by_text);

        report.conversation =
            invocation.run(storage->cache().get_conversation_context(report.channel, 6, std::nullopt, context));
        const CollectionConfig shape = invocation.run(storage->vector_db().get_collection(collection, context));
        for (SampleQuestion& question : sample.questions(shape.embedding_dimension))
            report.answers.push_back(answer(invocation, *storage, std::move(question), report.by_text));
        report.stores = stores_of(invocation, *storage);
        report.people = people_of(invocation, *storage);
        report.network = invocation.run(storage->graph().get_user_relationship_network(report.user, 2, 1000, context));
        report.connected =
            invocation.run(storage->graph().find_connected_memories(report.user, report.words, 3, 3, context));
        StorageMetricsCollector collector(*storage);
        report.metrics = invocation.run(collector.get_unified_metrics(context));
        storage.close();
    }
    if (invocation.json()) {
        invocation.out().document(report.to_json());
        return Exit::done;
    }
    Terminal terminal = invocation.terminal();
    terminal.fits_width = true;
    terminal.width = std::clamp<std::size_t>(terminal.width, 60, 100);
    print_demo(invocation.out(), terminal, report);
    return Exit::done;
}

} // namespace

void add_demo_command(CLI::App& program, Selected& selected)
{
    auto sample = std::make_shared<std::string>();
    CLI::App* command = program.add_subcommand("demo", "Replay a sample conversation, then recall things from it");
    command
        ->add_option("--sample", *sample,
                     "Folder of the sample (examples/ of the project), where it is not found by itself")
        ->option_text("DIR");
    command->footer("Keeps its data in ~/.whisperengine/demo unless a data directory is set, and uses\n"
                    "the backends that need no server. Run again, it finds its data there.");
    command->callback([&selected, sample] {
        selected.action = [sample](Invocation& invocation) { return run_demo(invocation, *sample); };
    });
}

} // namespace whisperstore::cli
