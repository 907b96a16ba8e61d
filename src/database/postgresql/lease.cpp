#include "database/postgresql/lease.hpp"

#include "core/both.hpp"
#include "database/postgresql/pool.hpp"
#include "database/postgresql/statement_request.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <boost/asio/this_coro.hpp>

namespace whisperstore::postgresql {

Lease::Lease(std::shared_ptr<Pool> pool, std::shared_ptr<Connection> connection) noexcept
    : pool_(std::move(pool)), connection_(std::move(connection))
{
}

Lease& Lease::operator=(Lease&& other) noexcept
{
    if (this != &other) {
        give_back();
        pool_ = std::move(other.pool_);
        connection_ = std::move(other.connection_);
    }
    return *this;
}

void Lease::give_back() noexcept
{
    const auto connection = std::exchange(connection_, nullptr);
    const auto pool = std::exchange(pool_, nullptr);
    if (!connection)
        return;
    connection->clean_up();
    pool->give_back(connection);
}

awaitable<void> Lease::run_request(std::shared_ptr<Request> request, OperationContext context)
{
    const std::shared_ptr<Connection> connection = connection_;
    std::function<void(std::shared_ptr<Job>)> submit = [connection, request](const std::shared_ptr<Job>& job) {
        if (job->begin())
            connection->submit(request);
    };
    co_await Job::wait(request, std::move(submit), std::move(context));
}

awaitable<QueryResult> Lease::execute(BoundStatement statement, OperationContext context)
{
    StatementRequest::Settings settings;
    settings.leased = true;
    auto request = std::make_shared<StatementRequest>(std::move(statement), settings);
    co_await run_request(request, std::move(context));
    co_return std::move(request->result);
}

awaitable<QueryResult> Lease::execute(std::string sql, Parameters parameters, OperationContext context)
{
    BoundStatement bound = bind_statement(std::make_shared<Statement>(sql, false), std::move(parameters));
    QueryResult result = co_await execute(std::move(bound), std::move(context));
    co_return result;
}

awaitable<QueryResult> Lease::execute_guarded(BoundStatement statement, OperationContext context)
{
    StatementRequest::Settings settings;
    settings.leased = true;
    settings.savepoint = true;
    auto request = std::make_shared<StatementRequest>(std::move(statement), settings);
    co_await run_request(request, std::move(context));
    co_return std::move(request->result);
}

awaitable<std::string> Lease::run_commands(std::vector<std::string> commands, bool commits, OperationContext context)
{
    auto request = std::make_shared<CommandRequest>(std::move(commands), commits);
    co_await run_request(request, std::move(context));
    co_return std::move(request->position);
}

awaitable<void> Lease::run(std::string sql, OperationContext context)
{
    std::vector<std::string> commands;
    for (sql::TranslatedQuery& statement : sql::translate_script(sql, SqlDialect::postgresql))
        commands.push_back(std::move(statement.sql));
    if (commands.empty())
        co_return;
    co_await run_commands(std::move(commands), false, std::move(context));
}

awaitable<void> Lease::run_to_the_end(std::vector<std::string> commands)
{
    auto request = std::make_shared<CommandRequest>(std::move(commands));
    request->prompt = true;
    const std::shared_ptr<Connection> connection = connection_;
    std::function<void(std::shared_ptr<Job>)> submit = [connection, request](const std::shared_ptr<Job>& job) {
        if (job->begin())
            connection->submit(request);
    };
    co_await Job::wait_uninterrupted(request, std::move(submit));
}

awaitable<std::string> Lease::copy_out_piece(std::shared_ptr<CopyState> state, OperationContext context)
{
    auto request = std::make_shared<CopyOutRequest>(std::move(state));
    co_await run_request(request, std::move(context));
    co_return std::move(request->piece);
}

namespace {

/// What a source gave.
struct Piece
{
    std::string bytes;
    bool more = true;
    std::exception_ptr refused; // by the source
};

awaitable<void> ask(const std::function<awaitable<bool>(std::string& piece)>& source, Piece& piece)
{
    try {
        piece.more = co_await source(piece.bytes);
    } catch (...) {
        piece.refused = std::current_exception();
        piece.more = false;
    }
    if (!piece.more)
        piece.bytes.clear();
}

} // namespace

awaitable<void> Lease::copy_piece(std::shared_ptr<CopyState> state, std::string piece, bool ends, bool abandons,
                                  OperationContext context)
{
    auto request = std::make_shared<CopyInRequest>(std::move(state), std::move(piece), ends, abandons);
    co_await run_request(std::move(request), std::move(context));
}

awaitable<std::uint64_t> Lease::copy_in(std::string sql, std::function<awaitable<bool>(std::string& piece)> source,
                                        OperationContext context)
{
    const auto state = std::make_shared<CopyState>();
    state->sql = std::move(sql);
    Piece piece;
    co_await ask(source, piece);
    while (state->stage != CopyState::Stage::ended) {
        const std::exception_ptr refused = piece.refused;
        awaitable<void> sending = copy_piece(state, std::move(piece.bytes), !piece.more, refused != nullptr, context);
        if (!piece.more) {
            co_await std::move(sending);
            if (refused)
                std::rethrow_exception(refused);
            continue;
        }
        piece = Piece();
        awaitable<void> asking = ask(source, piece);
        co_await both(std::move(sending), std::move(asking));
    }
    co_return state->rows;
}

awaitable<std::uint64_t> Lease::copy_in(std::string sql, std::function<bool(std::string& piece)> source,
                                        OperationContext context)
{
    const auto state = std::make_shared<CopyState>();
    state->sql = std::move(sql);
    std::exception_ptr refused; // by the source
    bool more = true;
    while (state->stage != CopyState::Stage::ended) {
        std::string piece;
        try {
            more = more && source(piece);
        } catch (...) {
            refused = std::current_exception();
            more = false;
        }
        if (!more)
            piece.clear();
        co_await copy_piece(state, std::move(piece), !more, refused != nullptr, context);
    }
    if (refused)
        std::rethrow_exception(refused);
    co_return state->rows;
}

} // namespace whisperstore::postgresql
