// serve

#include "commands/command_tree.hpp"
#include "display/table.hpp"

#include <whisperstore/serve/monitoring_server.hpp>

namespace whisperstore::cli {

namespace {

/// Until a signal comes, or the time of --timeout is over.
awaitable<void> wait_for_end(OperationContext context)
{
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_at(context.deadline.value_or(OperationContext::Clock::time_point::max()));
    co_await timer.async_wait(asio::use_awaitable);
    context.check_deadline("serve", "serve");
}

/// Told at once: whoever started the program waits for it.
void tell(Invocation& invocation, const MonitoringServer& server, bool has_token)
{
    Output& out = invocation.out();
    if (invocation.json()) {
        json::object document;
        document["url"] = server.url();
        document["port"] = server.port();
        document["token"] = has_token;
        json::array routes;
        for (const MonitoringRoute& route : monitoring_routes())
            routes.emplace_back(route.path);
        document["routes"] = std::move(routes);
        out.line(compact(document));
        out.flush();
        return;
    }
    out.line("Listening on " + invocation.terminal().paint(Tone::strong, server.url()) +
             (has_token ? "; clients need the token" : "") + "; Ctrl-C ends it");
    Table table(invocation.terminal(), "  ");
    table.column("").column("");
    for (const MonitoringRoute& route : monitoring_routes())
        table.row({Cell(route.path, Tone::strong), Cell(route.description, Tone::quiet)});
    table.print(out);
    out.flush();
}

Exit serve(Invocation& invocation, const std::string& listen)
{
    const AdaptiveConfigManager manager = invocation.configure();
    ServeConfig config = manager.get_storage_configuration().serve;
    if (!listen.empty())
        config.listen = listen;
    const bool has_token = !config.token.empty();
    const bool json = invocation.json();
    Logger logger = [json](LogLevel level, std::string_view component, std::string_view message) {
        if (level == LogLevel::warning || level == LogLevel::error)
            report_warning(std::string(component).append(": ").append(message), json);
    };

    // Asks, and changes nothing: it runs beside the application, or shows whether it could run.
    const std::shared_ptr<StorageLayer> storage = invocation.open_shared(manager, Access::read);
    Runtime& runtime = invocation.runtime();
    MonitoringServer server(runtime.io().get_executor(), monitoring_source(storage, manager.to_json()), config,
                            std::move(logger));
    std::exception_ptr failure;
    try {
        server.start();
        tell(invocation, server, has_token);
        invocation.run(wait_for_end(invocation.context()));
    } catch (const Interrupted&) {
        // That is how it ends.
    } catch (...) {
        failure = std::current_exception();
    }
    runtime.finish(server.stop());
    runtime.finish(storage->close());
    if (failure)
        std::rethrow_exception(failure);
    return Exit::done;
}

} // namespace

void add_serve_command(CLI::App& program, Selected& selected)
{
    CLI::App* command = program.add_subcommand("serve", "Serve metrics, health and configuration over HTTP");
    const auto listen = std::make_shared<std::string>();
    command
        ->add_option("--listen", *listen,
                     "An IP address or localhost, and a port; port 0: any free one. In place of "
                     "WHISPERENGINE_SERVE_LISTEN or 127.0.0.1:9464")
        ->option_text("HOST:PORT");
    command->footer(
        "Opens the stores read-only, so it runs beside an assistant; the numbers are those of this process. An "
        "application serves its own with MonitoringServer (docs/serve.md).\n"
        "Addresses that other machines reach need a token: WHISPERENGINE_SERVE_TOKEN.\n"
        "Ctrl-C and SIGTERM end it after the requests under way, with exit code 0.");
    command->callback([&selected, listen] {
        selected.action = [listen](Invocation& invocation) { return serve(invocation, *listen); };
    });
}

} // namespace whisperstore::cli
