#include "database/postgresql/operations.hpp"

#include "core/failure.hpp"
#include "core/job.hpp"
#include "database/postgresql/log_position.hpp"
#include "database/postgresql/statement_request.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t streams_allowed = 8;

std::string position_of(std::size_t index, std::size_t count)
{
    std::string text = "query ";
    text += std::to_string(index + 1);
    text += " of ";
    text += std::to_string(count);
    return text += ": ";
}

template <typename T>
void add_member(std::vector<std::weak_ptr<T>>& members, const std::shared_ptr<T>& member)
{
    std::erase_if(members, [](const auto& one) { return one.expired(); });
    members.push_back(member);
}

template <typename T>
std::vector<std::shared_ptr<T>> living(const std::vector<std::weak_ptr<T>>& members)
{
    std::vector<std::shared_ptr<T>> out;
    for (const auto& member : members)
        if (auto alive = member.lock())
            out.push_back(std::move(alive));
    return out;
}

std::vector<std::string> read_script(std::string_view script)
{
    std::vector<std::string> commands;
    for (sql::TranslatedQuery& statement : sql::translate_script(script, SqlDialect::postgresql)) {
        sql::check_allowed(statement);
        commands.push_back(std::move(statement.sql));
    }
    return commands;
}

std::vector<std::string> one(const char* command) { return std::vector<std::string>(1, command); }

awaitable<void> commit(std::shared_ptr<Router> router, Lease& lease, const OperationContext& context)
{
    const bool wants_position = router->wants_positions();
    std::vector<std::string> commands = one("COMMIT");
    if (wants_position)
        commands.emplace_back(log_position_sql);
    const std::string position = co_await lease.run_commands(std::move(commands), true, context);
    if (wants_position)
        router->wrote(context, position);
}

double milliseconds_since(Clock::time_point start)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

} // namespace

Operations::Operations(std::string_view backend, Options options, MakeRouter make_router)
    : backend_(backend),
      options_(std::make_shared<const Options>(std::move(options))),
      make_router_(std::move(make_router))
{
}

std::shared_ptr<Router> Operations::router(std::string_view operation) const
{
    const std::lock_guard lock(mutex_);
    if (!router_)
        throw StorageError(StorageErrc::closed, "not connected: call connect() first").within(backend_, operation);
    return router_;
}

awaitable<void> Operations::connect(std::shared_ptr<Operations> self, OperationContext context)
{
    context.check_deadline(self->backend_, "connect");
    {
        const std::lock_guard lock(self->mutex_);
        if (self->router_)
            co_return;
    }
    auto background = std::make_shared<Background>();
    auto router = self->make_router_(background);
    try {
        co_await router->open(context);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "connect");
    }
    bool second = false;
    {
        const std::lock_guard lock(self->mutex_);
        second = self->router_ != nullptr; // another caller was faster
        if (!second) {
            self->counters_->reset();
            self->background_ = background;
            self->router_ = router;
        }
    }
    if (second)
        co_await router->close();
}

std::shared_ptr<Router> Operations::take_apart(std::shared_ptr<Background>& background) noexcept
{
    std::shared_ptr<Router> router;
    std::vector<std::shared_ptr<OpenTransaction>> transactions;
    std::vector<std::shared_ptr<OpenStream>> streams;
    {
        const std::lock_guard lock(mutex_);
        router = std::exchange(router_, nullptr);
        background = std::exchange(background_, nullptr);
        transactions = living(transactions_);
        streams = living(streams_);
        transactions_.clear();
        streams_.clear();
        has_transactions_ = false;
    }
    for (const auto& transaction : transactions)
        transaction->close();
    for (const auto& stream : streams)
        stream->disconnect();
    return router;
}

awaitable<void> Operations::disconnect(std::shared_ptr<Operations> self)
{
    std::shared_ptr<Background> background; // ends after the router
    const std::shared_ptr<Router> router = self->take_apart(background);
    if (!router)
        co_return;
    try {
        co_await router->close();
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "disconnect");
    }
}

void Operations::abandon() noexcept
{
    std::shared_ptr<Background> background;
    take_apart(background);
}

void Operations::enter(const std::shared_ptr<Router>& router, const std::shared_ptr<OpenTransaction>& transaction)
{
    const std::lock_guard lock(mutex_);
    if (router_ != router)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected");
    add_member(transactions_, transaction);
    has_transactions_ = true;
}

void Operations::enter(const std::shared_ptr<Router>& router, const std::shared_ptr<OpenStream>& stream)
{
    const std::lock_guard lock(mutex_);
    if (router_ != router)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected");
    add_member(streams_, stream);
}

/// A coroutine that calls the adapter while it owns an open transaction could wait for itself.
awaitable<void> Operations::refuse_owner()
{
    std::vector<std::shared_ptr<OpenTransaction>> open;
    {
        const std::lock_guard lock(mutex_);
        std::erase_if(transactions_, [](const auto& member) { return member.expired(); });
        open = living(transactions_);
        has_transactions_ = !open.empty();
    }
    std::erase_if(open, [](const auto& transaction) { return !transaction->open(); });
    if (open.empty())
        co_return;
    const void* coroutine = co_await current_coroutine();
    for (const auto& transaction : open)
        if (transaction->open() && transaction->owned_by(coroutine))
            throw StorageError(StorageErrc::invalid_argument,
                               "the caller has an open transaction: use the Transaction object until it is committed "
                               "or rolled back");
}

awaitable<QueryResult> Operations::execute_query(std::shared_ptr<Operations> self, std::string query, Parameters params,
                                                 OperationContext context)
{
    const auto router = self->router("execute_query");
    context.check_deadline(self->backend_, "execute_query");
    CallMeasure measure(*self->counters_);
    std::shared_ptr<StatementRequest> request;
    try {
        if (self->has_transactions_)
            co_await self->refuse_owner();
        const BoundStatement bound = bind_statement(*self->statements_, query, std::move(params));
        const bool reads = bound.statement->only_reads();
        StatementRequest::Settings settings;
        settings.want_position = !reads && router->wants_positions();
        settings.deadline = context.deadline;
        Route route;
        while (true) {
            std::optional<StorageError> failure;
            if (reads)
                co_await router->choose_reader(route, context);
            else
                co_await router->choose_writer(route, context);
            request = std::make_shared<StatementRequest>(bound, settings);
            try {
                co_await route.server->run(request, context);
                break;
            } catch (const StorageError& error) {
                failure = error;
            }
            const bool again = co_await router->again(route, *failure, reads, context);
            if (!again)
                throw StorageError(*failure);
        }
        if (settings.want_position)
            router->wrote(context, request->position);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "execute_query");
    }
    request->result.execution_time_ms = std::chrono::duration<double, std::milli>(measure.succeed()).count();
    co_return std::move(request->result);
}

/// On one server. All at once where the statements are known, else one after the other.
awaitable<std::vector<QueryResult>> Operations::run_list(const std::shared_ptr<Router>& router, Pool& pool,
                                                         const std::vector<BoundStatement>& statements, bool only_reads,
                                                         const OperationContext& context)
{
    const bool wants_position = !only_reads && router->wants_positions();
    Lease lease = co_await pool.lease(context);
    if (ListRequest::is_possible(statements, *options_)) {
        const auto start = Clock::now();
        auto request = std::make_shared<ListRequest>(statements, wants_position);
        std::optional<StorageError> failure;
        try {
            co_await lease.run_request(request, context);
        } catch (const StorageError& error) {
            failure = error;
        }
        if (failure && request->failed && failure->outcome() == Outcome::not_applied)
            throw failure->prefixed(position_of(*request->failed, statements.size()));
        if (failure)
            throw StorageError(*failure);
        for (QueryResult& result : request->results)
            result.execution_time_ms = milliseconds_since(start);
        if (wants_position)
            router->wrote(context, request->position);
        co_return std::move(request->results);
    }
    std::vector<QueryResult> results;
    co_await lease.run_commands(one("BEGIN ISOLATION LEVEL READ COMMITTED"), false, context);
    for (std::size_t i = 0; i < statements.size(); ++i) {
        const auto start = Clock::now();
        try {
            QueryResult result = co_await lease.execute(statements[i], context);
            results.push_back(std::move(result));
        } catch (const StorageError& error) {
            if (error.errc() == StorageErrc::timeout || error.errc() == StorageErrc::cancelled)
                throw;
            throw error.prefixed(position_of(i, statements.size()));
        }
        results.back().execution_time_ms = milliseconds_since(start);
    }
    if (only_reads)
        co_await lease.run_commands(one("COMMIT"), true, context);
    else
        co_await commit(router, lease, context);
    co_return results;
}

awaitable<std::vector<QueryResult>>
Operations::execute_transaction(std::shared_ptr<Operations> self, std::vector<Query> queries, OperationContext context)
{
    const auto router = self->router("execute_transaction");
    context.check_deadline(self->backend_, "execute_transaction");
    CallMeasure measure(*self->counters_);
    std::vector<QueryResult> results;
    try {
        if (self->has_transactions_)
            co_await self->refuse_owner();
        std::vector<BoundStatement> bound;
        bool only_reads = true;
        for (std::size_t i = 0; i < queries.size(); ++i) {
            try {
                bound.push_back(bind_statement(*self->statements_, queries[i].sql, std::move(queries[i].params)));
            } catch (const StorageError& error) {
                throw error.prefixed(position_of(i, queries.size()));
            }
            only_reads = only_reads && bound.back().statement->only_reads();
        }
        bool described_anew = false;
        Route route;
        while (!bound.empty()) {
            std::optional<StorageError> failure;
            if (only_reads)
                co_await router->choose_reader(route, context);
            else
                co_await router->choose_writer(route, context);
            const std::shared_ptr<Pool> pool = route.server;
            const bool described = std::any_of(bound.begin(), bound.end(), [](const BoundStatement& statement) {
                return statement.statement->description() != nullptr;
            });
            try {
                results = co_await self->run_list(router, *pool, bound, only_reads, context);
                break;
            } catch (const StorageError& error) {
                failure = error;
            }
            // The tables may have changed since the statements were described: nothing was done, and they are described
            // anew.
            if (described && may_be_of_changed_tables(*failure) && !std::exchange(described_anew, true)) {
                for (const BoundStatement& statement : bound)
                    statement.statement->forget(statement.statement->description());
                continue;
            }
            const bool again = co_await router->again(route, *failure, only_reads, context);
            if (!again)
                throw StorageError(*failure);
        }
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "execute_transaction");
    }
    measure.succeed();
    co_return results;
}

awaitable<Transaction> Operations::begin_transaction(std::shared_ptr<Operations> self, OperationContext context)
{
    const auto router = self->router("begin_transaction");
    context.check_deadline(self->backend_, "begin_transaction");
    std::shared_ptr<OpenTransaction> transaction;
    try {
        if (self->has_transactions_)
            co_await self->refuse_owner();
        Route route;
        while (true) {
            std::optional<StorageError> failure;
            co_await router->choose_writer(route, context);
            try {
                Lease lease = co_await route.server->lease(context);
                OpenTransaction::Committed committed;
                if (router->wants_positions())
                    committed = [router, context](const std::string& position) { router->wrote(context, position); };
                transaction = std::make_shared<OpenTransaction>(std::move(lease), self->statements_, self->counters_,
                                                                std::move(committed));
                self->enter(router, transaction);
                co_await transaction->begin(context);
                break;
            } catch (const StorageError& error) {
                failure = error;
            }
            const bool again = co_await router->again(route, *failure, true, context);
            if (!again)
                throw StorageError(*failure);
        }
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "begin_transaction");
    }
    co_return Transaction(transaction);
}

awaitable<RowStream> Operations::stream_query(std::shared_ptr<Operations> self, std::string query, Parameters params,
                                              OperationContext context)
{
    const auto router = self->router("stream_query");
    context.check_deadline(self->backend_, "stream_query");
    CallMeasure measure(*self->counters_);
    std::shared_ptr<OpenStream> stream;
    std::exception_ptr failed;
    try {
        if (self->has_transactions_)
            co_await self->refuse_owner();
        const BoundStatement bound = bind_statement(*self->statements_, query, std::move(params));
        const std::size_t allowed = std::clamp<std::size_t>(self->options_->pool_size - 1, 1, streams_allowed);
        if (self->open_streams_->fetch_add(1) >= allowed) {
            self->open_streams_->fetch_sub(1);
            throw StorageError(StorageErrc::resource_exhausted,
                               std::to_string(allowed) +
                                   " streams are open already, each with a connection: read them to the end or drop "
                                   "them");
        }
        std::shared_ptr<void> permit(nullptr, [count = self->open_streams_](void*) { count->fetch_sub(1); });
        Route route;
        while (true) {
            std::optional<StorageError> failure;
            co_await router->choose_reader(route, context);
            try {
                Lease lease = co_await route.server->lease(context);
                stream = std::make_shared<OpenStream>(std::move(lease), permit, context);
                self->enter(router, stream);
                co_await stream->open(bound);
                break;
            } catch (const StorageError& error) {
                failure = error;
            }
            if (stream)
                stream->close();
            const bool again = co_await router->again(route, *failure, true, context);
            if (!again)
                throw StorageError(*failure);
        }
    } catch (...) {
        if (stream)
            stream->close();
        rethrow_as_storage_error(self->backend_, "stream_query");
    }
    measure.succeed();
    co_return RowStream(stream);
}

awaitable<Lease> Operations::lease(std::shared_ptr<Operations> self, bool only_reads, OperationContext context)
{
    const auto router = self->router("lease");
    if (self->has_transactions_)
        co_await self->refuse_owner();
    Route route;
    while (true) {
        std::optional<StorageError> failure;
        if (only_reads)
            co_await router->choose_reader(route, context);
        else
            co_await router->choose_writer(route, context);
        try {
            Lease lease = co_await route.server->lease(context);
            co_return lease;
        } catch (const StorageError& error) {
            failure = error;
        }
        const bool again = co_await router->again(route, *failure, true, context);
        if (!again)
            throw StorageError(*failure);
    }
}

awaitable<Lease> Operations::extra_connection(std::shared_ptr<Operations> self, OperationContext context)
{
    const auto router = self->router("lease");
    Route route;
    while (true) {
        std::optional<StorageError> failure;
        co_await router->choose_writer(route, context);
        try {
            Lease lease = co_await route.server->open_extra();
            co_return lease;
        } catch (const StorageError& error) {
            failure = error;
        }
        const bool again = co_await router->again(route, *failure, true, context);
        if (!again)
            throw StorageError(*failure);
    }
}

awaitable<void> Operations::on_writer(const std::shared_ptr<Router>& router, bool repeatable,
                                      const OperationContext& context,
                                      const std::function<awaitable<void>(Lease&)>& work)
{
    if (has_transactions_)
        co_await refuse_owner();
    Route route;
    while (true) {
        std::optional<StorageError> failure;
        co_await router->choose_writer(route, context);
        try {
            Lease lease = co_await route.server->lease(context);
            co_await work(lease);
            co_return;
        } catch (const StorageError& error) {
            failure = error;
        }
        const bool again = co_await router->again(route, *failure, false, context);
        if (!again || !repeatable)
            throw StorageError(*failure);
    }
}

awaitable<void> Operations::create_tables(std::shared_ptr<Operations> self, TableDefinitions schema,
                                          OperationContext context)
{
    const auto router = self->router("create_tables");
    context.check_deadline(self->backend_, "create_tables");
    try {
        std::vector<std::pair<std::string, std::vector<std::string>>> definitions;
        for (const auto& [name, script] : schema) {
            try {
                definitions.emplace_back(name, read_script(script));
            } catch (const StorageError& error) {
                throw error.prefixed("creating " + name + ": ");
            }
        }
        const std::function<awaitable<void>(Lease&)> work = [&](Lease& lease) -> awaitable<void> {
            std::vector<std::string> begin = one("BEGIN");
            begin.emplace_back(schema_lock);
            co_await lease.run_commands(std::move(begin), false, context);
            for (const auto& [name, commands] : definitions) {
                if (commands.empty())
                    continue;
                try {
                    co_await lease.run_commands(commands, false, context);
                } catch (const StorageError& error) {
                    throw error.prefixed("creating " + name + ": ");
                }
            }
            co_await commit(router, lease, context);
        };
        co_await self->on_writer(router, true, context, work);
    } catch (...) {
        rethrow_as_storage_error(self->backend_, "create_tables");
    }
}

awaitable<void> Operations::run_script(std::shared_ptr<Operations> self, std::string script, Query probe,
                                       std::function<Query(std::int64_t)> record, OperationContext context)
{
    const auto router = self->router("migrate_schema");
    const std::vector<std::string> commands = read_script(script);
    const std::function<awaitable<void>(Lease&)> work = [&](Lease& lease) -> awaitable<void> {
        std::vector<std::string> begin = one("BEGIN");
        begin.emplace_back(notice_our_end);
        begin.emplace_back(schema_lock);
        co_await lease.run_commands(std::move(begin), false, context);
        const QueryResult known = co_await lease.execute(probe.sql, probe.params, context);
        if (known.row_count > 0)
            co_return;
        const auto start = Clock::now();
        if (!commands.empty())
            co_await lease.run_commands(commands, false, context);
        const Query insert = record(static_cast<std::int64_t>(milliseconds_since(start)));
        co_await lease.execute(insert.sql, insert.params, context);
        co_await commit(router, lease, context);
    };
    co_await self->on_writer(router, true, context, work);
}

} // namespace whisperstore::postgresql
