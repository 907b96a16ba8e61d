// remember, recall

#include "commands/command_tree.hpp"
#include "commands/vector_file.hpp"
#include "display/message_view.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/storage/message_importer.hpp>
#include <whisperstore/storage/remember_message.hpp>

#include <memory>

namespace whisperstore::cli {

namespace {

struct RememberArguments
{
    std::string user;
    std::string text;
    std::string channel;
    std::string username;
    std::string time;
    std::string collection = ImportOptions().collection;
};

struct RecallArguments
{
    std::string query;
    std::string vectors;
    std::uint64_t row = 0;
    std::string collection = ImportOptions().collection;
    std::string filter = "{}";
    std::string user;
    std::string channel;
    std::size_t limit = 10;
    bool dense = false;
    bool explain = false;
};

Exit remember(Invocation& invocation, const RememberArguments& arguments)
{
    UniversalMessage message;
    message.timestamp = arguments.time.empty() ? now() : parse_timestamp(arguments.time);
    // Microseconds of this moment, whatever the message's own time: no two commands get the same.
    message.message_id = now().time_since_epoch().count();
    message.user_id = arguments.user;
    message.username = arguments.username.empty() ? arguments.user : arguments.username;
    message.channel_id = arguments.channel.empty() ? "user-" + arguments.user : arguments.channel;
    message.content = arguments.text;
    std::string model;
    {
        OpenStorage storage = invocation.open(Access::write);
        model = storage->embeddings().model_name();
        invocation.run(remember_message(*storage, message, arguments.collection, invocation.context()));
        storage.close();
    }
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document;
        document["message_id"] = std::to_string(message.message_id);
        document["channel_id"] = message.channel_id;
        document["user_id"] = message.user_id;
        document["timestamp"] = format_timestamp(message.timestamp);
        document["collection"] = arguments.collection;
        document["embedding_model"] = model;
        out.document(document);
        return Exit::done;
    }
    out.line("Remembered as " + std::to_string(message.message_id) + " in channel " + one_line(message.channel_id) +
             ".");
    return Exit::done;
}

Filter filter_of(const RecallArguments& arguments)
{
    Filter filter = Filter::parse_text(arguments.filter);
    const auto also = [&](std::string_view key, const std::string& value) {
        if (value.empty())
            return;
        const Filter one = filter::eq(key, value);
        filter = filter.matches_everything() ? one : filter && one;
    };
    also("user_id", arguments.user);
    also("channel_id", arguments.channel);
    return filter;
}

/// One of the two forms, and what belongs to it.
void check_form(const RecallArguments& arguments)
{
    if (arguments.query.empty() == arguments.vectors.empty())
        throw CLI::ValidationError("recall", arguments.query.empty()
                                                 ? "say what to look for, or name a file of vectors with --vectors"
                                                 : "either a QUERY or --vectors, not both");
}

std::vector<TextResult> by_vector(Invocation& invocation, StorageLayer& storage, const RecallArguments& arguments,
                                  const Filter& filter)
{
    const CollectionConfig collection =
        invocation.run(storage.vector_db().get_collection(arguments.collection, invocation.context()));
    const std::vector<float> vector = read_vector(arguments.vectors, arguments.row, collection.embedding_dimension);
    std::vector<SearchResult> found = invocation.run(storage.vector_db().search_similar(
        arguments.collection, vector, arguments.limit, filter, invocation.context()));
    std::vector<TextResult> results;
    for (SearchResult& one : found)
        static_cast<SearchResult&>(results.emplace_back()) = std::move(one);
    return results;
}

std::vector<TextResult> by_text(Invocation& invocation, StorageLayer& storage, const RecallArguments& arguments,
                                const Filter& filter)
{
    TextSearchOptions options;
    options.mode = arguments.dense ? TextSearchOptions::Mode::dense : TextSearchOptions::Mode::hybrid;
    options.explain = arguments.explain;
    return invocation.run(storage.search_text(arguments.collection, arguments.query, arguments.limit, filter, options,
                                              invocation.context()));
}

Exit recall(Invocation& invocation, const RecallArguments& arguments)
{
    const Filter filter = filter_of(arguments);
    OpenStorage storage = invocation.open(Access::read);
    const std::vector<TextResult> found = arguments.vectors.empty()
                                              ? by_text(invocation, *storage, arguments, filter)
                                              : by_vector(invocation, *storage, arguments, filter);
    storage.close();

    if (invocation.json()) {
        json::array list;
        for (const TextResult& result : found) {
            json::object item = to_json(result);
            if (result.parts)
                item["parts"] = result.parts->to_json();
            list.push_back(std::move(item));
        }
        invocation.out().document(list);
    } else if (found.empty()) {
        report_note("Nothing in '" + arguments.collection + "'" +
                    (filter.matches_everything() ? "." : " matches the filter."));
    } else {
        for (const TextResult& result : found)
            print_memory(invocation.out(), invocation.terminal(), result, result.parts);
    }
    return Exit::done;
}

void add_remember(CLI::App& program, Selected& selected)
{
    auto arguments = std::make_shared<RememberArguments>();
    CLI::App* command =
        program.add_subcommand("remember", "Store a message in all stores, with the vector of its text");
    command->add_option("USER", arguments->user, "Whose message it is")->required();
    command->add_option("TEXT", arguments->text, "What was said")->required();
    command->add_option("--channel", arguments->channel, "Where it was said (user-USER)")->option_text("ID");
    command->add_option("--username", arguments->username, "The user's name, as people write it (USER)")
        ->option_text("NAME");
    command->add_option("--time", arguments->time, "When it was said, such as 2026-03-02T18:04:00Z (now)")
        ->option_text("TIME");
    command->add_option("--collection", arguments->collection, "Where its vector goes (" + arguments->collection + ")")
        ->option_text("NAME");
    command->footer("Recall finds it by what it says, by who said it and by the day.\n"
                    "Vectors are made by the provider of WHISPERENGINE_EMBEDDING_TYPE.");
    command->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return remember(invocation, *arguments); };
    });
}

void add_recall(CLI::App& program, Selected& selected)
{
    auto arguments = std::make_shared<RecallArguments>();
    CLI::App* command =
        program.add_subcommand("recall", "Find the memories that answer a question, or nearest to a vector");
    command->add_option("QUERY", arguments->query, "What to look for, in words");
    command->add_option("--user", arguments->user, "Only what this user said")->option_text("ID");
    command->add_option("--channel", arguments->channel, "Only what was said there")->option_text("ID");
    command->add_flag("--dense", arguments->dense, "By vectors only, neither by words nor by neighbouring messages");
    command->add_flag("--explain", arguments->explain, "Show what each score is made of");
    CLI::Option* vectors =
        command
            ->add_option("--vectors", arguments->vectors,
                         "In place of a QUERY, a file of vectors: little-endian 32-bit floats, no header")
            ->option_text("FILE.f32");
    command->add_option("--row", arguments->row, "Which of its rows to search with, from 0")
        ->option_text("N")
        ->needs(vectors)
        ->check(whole_number_from(0, std::numeric_limits<std::int64_t>::max()));
    command->add_option("--collection", arguments->collection, "Where to search (" + arguments->collection + ")")
        ->option_text("NAME");
    command->add_option("--filter", arguments->filter, "Condition on the metadata, such as {\"user_id\": \"mira\"}")
        ->option_text("JSON");
    command->add_option("--limit", arguments->limit, "At most so many memories (10)")
        ->option_text("N")
        ->check(whole_number_from(0, 100'000));
    command->footer("A message counts together with those before and after it in its channel.\n"
                    "A filter may use $eq $ne $gt $gte $lt $lte $in $nin $exists, $and $or $not, and\n"
                    "dotted paths:\n"
                    "  --filter '{\"channel_id\": {\"$in\": [\"lounge\", \"band-room\"]}, \"is_bot\": false}'");
    command->callback([&selected, arguments] {
        check_form(*arguments);
        selected.action = [arguments](Invocation& invocation) { return recall(invocation, *arguments); };
    });
}

} // namespace

void add_memory_commands(CLI::App& program, Selected& selected)
{
    add_remember(program, selected);
    add_recall(program, selected);
}

} // namespace whisperstore::cli
