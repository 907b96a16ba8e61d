#pragma once
// A connection for one caller alone.

#include "database/postgresql/connection.hpp"
#include "database/postgresql/copy.hpp"
#include "database/postgresql/statement.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/core/value.hpp>
#include <whisperstore/database/query_result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

class Pool;

/// One coroutine at a time. Goes back to its pool with the object: an open transaction is rolled back in the
/// background, a half-read COPY closes the connection. Empty after a move.
class Lease
{
public:
    Lease() noexcept = default;
    Lease(std::shared_ptr<Pool> pool, std::shared_ptr<Connection> connection) noexcept;
    Lease(Lease&& other) noexcept = default;
    Lease& operator=(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { give_back(); }
    explicit operator bool() const noexcept { return connection_ != nullptr; }

    /// One statement, in or outside a transaction; `?`, `:name` or `$1`. Anything is allowed, BEGIN and SET too.
    awaitable<QueryResult> execute(std::string sql, Parameters parameters, OperationContext context);
    /// The same, prepared once and kept.
    awaitable<QueryResult> execute(BoundStatement statement, OperationContext context);
    /// Inside a transaction: a failure undoes this statement only.
    awaitable<QueryResult> execute_guarded(BoundStatement statement, OperationContext context);
    /// Statements without parameters or results, separated by `;`, in one round trip: the first error ends it.
    awaitable<void> run(std::string sql, OperationContext context);
    /// Commands that were split already; with `commits` the last is a COMMIT, and a lost connection is outcome_unknown.
    /// Returns the value of the last one, if it has one.
    awaitable<std::string> run_commands(std::vector<std::string> commands, bool commits, OperationContext context);
    /// Commands that neither cancellation nor a deadline stops: for rolling back.
    awaitable<void> run_to_the_end(std::vector<std::string> commands);

    /// `COPY … TO STDOUT`: the next messages (lines of the text format, tuples of the binary one), about 256 KiB of
    /// them; `state`, which has the command, says whether it has ended. The server waits between the pieces.
    awaitable<std::string> copy_out_piece(std::shared_ptr<CopyState> state, OperationContext context);
    /// `COPY … FROM STDIN`: asks for pieces of any size until `source` returns false; returns the rows loaded. The next
    /// piece is asked for while the one before is sent.
    awaitable<std::uint64_t> copy_in(std::string sql, std::function<awaitable<bool>(std::string& piece)> source,
                                     OperationContext context);
    /// The same where the pieces are at hand.
    awaitable<std::uint64_t> copy_in(std::string sql, std::function<bool(std::string& piece)> source,
                                     OperationContext context);

    /// Any request.
    awaitable<void> run_request(std::shared_ptr<Request> request, OperationContext context);

    /// Whether the connection still stands.
    bool is_usable() const noexcept { return connection_ && !connection_->is_broken(); }
    const std::shared_ptr<Connection>& connection() const noexcept { return connection_; }
    void give_back() noexcept;

private:
    awaitable<void> copy_piece(std::shared_ptr<CopyState> state, std::string piece, bool ends, bool abandons,
                               OperationContext context);

    std::shared_ptr<Pool> pool_;
    std::shared_ptr<Connection> connection_;
};

} // namespace whisperstore::postgresql
