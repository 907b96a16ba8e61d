// context, recall

#include "commands/command_tree.hpp"
#include "commands/vector_file.hpp"
#include "display/message_view.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/storage/message_importer.hpp>

#include <algorithm>
#include <memory>

namespace whisperstore::cli {

namespace {

struct ContextArguments
{
    std::string channel;
    std::int64_t limit = 15;
};

struct RecallArguments
{
    std::string vectors;
    std::uint64_t row = 0;
    std::string collection = ImportOptions().collection;
    std::string filter = "{}";
    std::size_t limit = 10;
};

/// Which channels there are, for somebody who named one that is empty.
std::string known_channels(Invocation& invocation, AbstractDatabaseAdapter& database)
{
    const QueryResult result = invocation.run(database.execute_query(
        "SELECT channel_id FROM messages GROUP BY channel_id ORDER BY count(*) DESC, channel_id LIMIT 10", Parameters(),
        invocation.context()));
    std::string list;
    for (const Row& row : result)
        list.append(list.empty() ? "" : ", ").append(row["channel_id"].as_text());
    return list;
}

Exit show_context(Invocation& invocation, const ContextArguments& arguments)
{
    const AdaptiveConfigManager manager = invocation.configure();
    StorageConfiguration configuration = manager.get_storage_configuration();
    if (configuration.cache.type == "memory") {
        // This process's own cache is cold and read once, so it may hold as much as is asked for.
        const auto wanted = static_cast<std::size_t>(arguments.limit);
        configuration.cache.bootstrap_limit = std::max(configuration.cache.bootstrap_limit, wanted);
        configuration.cache.max_messages = std::max(configuration.cache.max_messages, wanted);
    }
    OpenStorage storage = invocation.open(manager, std::move(configuration), Access::read);
    const std::vector<CachedMessage> messages = invocation.run(storage->cache().get_conversation_context(
        arguments.channel, arguments.limit, std::nullopt, invocation.context()));
    std::string channels;
    if (messages.empty() && !invocation.json() && arguments.limit > 0)
        channels = known_channels(invocation, storage->database());
    storage.close();

    Output& out = invocation.out();
    if (invocation.json()) {
        json::array list;
        for (const CachedMessage& message : messages)
            list.push_back(to_json(*message));
        out.document(list);
    } else if (!messages.empty()) {
        print_messages(out, invocation.terminal(), messages);
    } else if (arguments.limit > 0) {
        report_note("No messages in channel '" + one_line(arguments.channel) + "'" +
                    (channels.empty() ? "." : "; there are some in " + one_line(channels) + "."));
    }
    return Exit::done;
}

Exit recall(Invocation& invocation, const RecallArguments& arguments)
{
    const Filter filter = Filter::parse_text(arguments.filter);
    OpenStorage storage = invocation.open(Access::read);
    const CollectionConfig collection =
        invocation.run(storage->vector_db().get_collection(arguments.collection, invocation.context()));
    const std::vector<float> vector = read_vector(arguments.vectors, arguments.row, collection.embedding_dimension);
    const std::vector<SearchResult> found = invocation.run(storage->vector_db().search_similar(
        arguments.collection, vector, arguments.limit, filter, invocation.context()));
    storage.close();

    if (invocation.json()) {
        json::array list;
        for (const SearchResult& result : found)
            list.push_back(to_json(result));
        invocation.out().document(list);
    } else if (found.empty()) {
        report_note("Nothing in '" + arguments.collection + "'" +
                    (filter.matches_everything() ? "." : " matches the filter."));
    } else {
        print_memories(invocation.out(), invocation.terminal(), found);
    }
    return Exit::done;
}

} // namespace

void add_message_commands(CLI::App& program, Selected& selected)
{
    auto context = std::make_shared<ContextArguments>();
    CLI::App* show = program.add_subcommand("context", "Show the newest messages of a channel, oldest first");
    show->add_option("CHANNEL", context->channel, "The channel's id")->required();
    show->add_option("--limit", context->limit, "At most so many messages (15)")
        ->option_text("N")
        ->check(whole_number_from(0, 1'000'000));
    show->callback([&selected, context] {
        selected.action = [context](Invocation& invocation) { return show_context(invocation, *context); };
    });

    auto arguments = std::make_shared<RecallArguments>();
    CLI::App* command = program.add_subcommand("recall", "Find the memories nearest to a vector");
    command->add_option("--vectors", arguments->vectors, "File of vectors: little-endian 32-bit floats, no header")
        ->option_text("FILE.f32")
        ->required();
    command->add_option("--row", arguments->row, "Which of its rows to search with, from 0")
        ->option_text("N")
        ->required()
        ->check(whole_number_from(0, std::numeric_limits<std::int64_t>::max()));
    command->add_option("--collection", arguments->collection, "Where to search (" + arguments->collection + ")")
        ->option_text("NAME");
    command->add_option("--filter", arguments->filter, "Condition on the metadata, such as {\"user_id\": \"mira\"}")
        ->option_text("JSON");
    command->add_option("--limit", arguments->limit, "At most so many memories (10)")
        ->option_text("N")
        ->check(whole_number_from(0, 100'000));
    command->footer("A filter may use $eq $ne $gt $gte $lt $lte $in $nin $exists, $and $or $not, and\n"
                    "dotted paths:\n"
                    "  --filter '{\"channel_id\": {\"$in\": [\"lounge\", \"band-room\"]}, \"is_bot\": false}'");
    command->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return recall(invocation, *arguments); };
    });
}

} // namespace whisperstore::cli
