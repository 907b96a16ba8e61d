// connected, network

#include "commands/command_tree.hpp"
#include "display/graphviz.hpp"
#include "display/network_dot.hpp"
#include "display/network_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <memory>

namespace whisperstore::cli {

namespace {

struct ConnectedArguments
{
    std::string user;
    std::string context;
    int depth = 3;
    std::int64_t limit = 50;
};

struct NetworkArguments
{
    std::string user;
    std::string format = "text";
    int depth = 2;
    std::int64_t limit = 200;
};

/// The error for a user who is not there, with those who are (in the database, where the fallback has its users).
StorageError unknown_user(Invocation& invocation, AbstractDatabaseAdapter& database, const StorageError& error,
                          const std::string& user)
{
    const QueryResult users = invocation.run(database.execute_query(
        "SELECT user_id FROM users ORDER BY message_count DESC, user_id LIMIT 10", Parameters(), invocation.context()));
    std::string message = "there is no user '" + user + "' in the graph";
    for (bool first = true; const Row& row : users) {
        message.append(first ? "; there are " : ", ").append(row["user_id"].as_text());
        first = false;
    }
    ErrorDetails details{error.backend(), error.operation(), error.native_code(), error.outcome(), error.retryable()};
    return StorageError(StorageErrc::not_found, message, std::move(details));
}

/// Runs a search of the graph.
template <typename T>
T search(Invocation& invocation, StorageLayer& storage, const std::string& user, awaitable<T> work)
{
    try {
        return invocation.run(std::move(work));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found || storage.graph().graph_database_type() != "sqlite")
            throw;
        throw unknown_user(invocation, storage.database(), error, user);
    }
}

Exit show_connected(Invocation& invocation, const ConnectedArguments& arguments)
{
    OpenStorage storage = invocation.open(Access::read);
    const std::vector<ConnectedMemory> memories =
        search(invocation, *storage, arguments.user,
               storage->graph().find_connected_memories(arguments.user, arguments.context, arguments.depth,
                                                        arguments.limit, invocation.context()));
    storage.close();

    if (invocation.json()) {
        json::array list;
        for (const ConnectedMemory& memory : memories)
            list.push_back(memory.to_json());
        invocation.out().document(list);
    } else if (memories.empty()) {
        report_note("No memories of '" + one_line(arguments.user) + "'" +
                    (arguments.context.empty() ? "" : " are connected with '" + one_line(arguments.context) + "'") +
                    " within " + counted(static_cast<std::uint64_t>(arguments.depth), "step") + ".");
    } else {
        print_connected(invocation.out(), invocation.terminal(), memories);
    }
    return Exit::done;
}

Exit show_network(Invocation& invocation, const NetworkArguments& arguments)
{
    OpenStorage storage = invocation.open(Access::read);
    const RelationshipNetwork network =
        search(invocation, *storage, arguments.user,
               storage->graph().get_user_relationship_network(arguments.user, arguments.depth, arguments.limit,
                                                              invocation.context()));
    storage.close();

    if (invocation.json())
        invocation.out().document(network.to_json());
    else if (arguments.format == "dot")
        invocation.out().write(network_dot(network));
    else if (arguments.format == "svg")
        invocation.out().write(render_svg(network_dot(network)));
    else
        print_network(invocation.out(), invocation.terminal(), network);
    return Exit::done;
}

} // namespace

void add_graph_commands(CLI::App& program, Selected& selected)
{
    auto connected = std::make_shared<ConnectedArguments>();
    CLI::App* find = program.add_subcommand("connected", "Find memories connected with a user in the graph");
    find->add_option("USER", connected->user, "The user's id")->required();
    find->add_option("--context", connected->context,
                     "Only memories in which, or in whose surroundings, one of these words occurs")
        ->option_text("WORDS");
    find->add_option("--depth", connected->depth, "At most so many steps away, 1 to 10 (3)")
        ->option_text("N")
        ->check(whole_number_from(1, 10));
    find->add_option("--limit", connected->limit, "At most so many memories, up to 1000 (50)")
        ->option_text("N")
        ->check(whole_number_from(0, 1000));
    find->callback([&selected, connected] {
        selected.action = [connected](Invocation& invocation) { return show_connected(invocation, *connected); };
    });

    auto arguments = std::make_shared<NetworkArguments>();
    CLI::App* network = program.add_subcommand("network", "Show the people, topics and memories around a user");
    network->add_option("USER", arguments->user, "The user's id")->required();
    network
        ->add_option("--format", arguments->format,
                     "text, dot (for Graphviz), or svg (a picture, drawn by Graphviz' program dot)")
        ->check(CLI::IsMember({"text", "dot", "svg"}))
        ->option_text("FORMAT");
    network->add_option("--depth", arguments->depth, "At most so many steps away, 1 to 10 (2)")
        ->option_text("N")
        ->check(whole_number_from(1, 10));
    network->add_option("--limit", arguments->limit, "At most so many nodes, up to 1000 (200)")
        ->option_text("N")
        ->check(whole_number_from(0, 1000));
    network->callback([&selected, arguments] {
        selected.action = [arguments](Invocation& invocation) { return show_network(invocation, *arguments); };
    });
}

} // namespace whisperstore::cli
