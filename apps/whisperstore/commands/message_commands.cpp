// context

#include "commands/command_tree.hpp"
#include "display/message_view.hpp"
#include "display/text_layout.hpp"

#include <algorithm>
#include <memory>

namespace whisperstore::cli {

namespace {

struct ContextArguments
{
    std::string channel;
    std::int64_t limit = 15;
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
}

} // namespace whisperstore::cli
