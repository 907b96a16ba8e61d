#include "database/postgresql/stream.hpp"

#include "core/failure.hpp"
#include "database/postgresql/statement_request.hpp"

#include <algorithm>
#include <array>

namespace whisperstore::postgresql {

namespace {

constexpr std::string_view backend = "postgresql";
constexpr std::size_t piece_rows = 1024;
constexpr std::size_t piece_bytes = 1024 * 1024;
// Rows of unknown size: the first piece shows how large they are.
constexpr std::size_t first_rows = 128;

StorageError only_reading()
{
    return StorageError(StorageErrc::invalid_argument,
                        "stream_query takes queries that only read: SELECT, VALUES, TABLE or WITH … SELECT");
}

/// Commands that no cursor takes; what is none of them is for the server to judge.
bool is_other_command(std::string_view keyword) noexcept
{
    constexpr std::array others{"INSERT",   "UPDATE",  "DELETE",  "MERGE",   "CREATE",  "ALTER", "DROP",
                                "TRUNCATE", "GRANT",   "REVOKE",  "COMMENT", "DO",      "CALL",  "ANALYZE",
                                "REINDEX",  "CLUSTER", "REFRESH", "NOTIFY",  "EXPLAIN", "SHOW",  "CHECKPOINT"};
    const std::string_view first = keyword.substr(0, keyword.find(' '));
    return std::find(others.begin(), others.end(), first) != others.end();
}

bool is_fixed_size(Oid type) noexcept
{
    return type == oid::boolean || type == oid::int2 || type == oid::int4 || type == oid::int8 || type == oid::float4 ||
           type == oid::float8 || type == oid::timestamptz || type == oid::timestamp;
}

/// Rows of the open cursor; before the first, what they consist of.
class FetchRequest final : public Request
{
public:
    FetchRequest(std::shared_ptr<const Description> description, std::size_t rows)
        : description_(std::move(description)), rows_(rows)
    {
    }

    int send(Connection& connection) override
    {
        PGconn* link = connection.link();
        if (!description_) {
            require_sent(link, PQsendDescribePortal(link, "whisperstore_stream"));
        } else {
            std::string sql = "FETCH FORWARD ";
            sql += std::to_string(rows_);
            sql += " FROM whisperstore_stream";
            require_sent(link, PQsendQueryParams(link, sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr,
                                                 description_->binary ? 1 : 0));
        }
        connection.send_sync();
        return 1;
    }

    void receive(Connection&, Result received) override
    {
        if (PQresultStatus(received.get()) == PGRES_FATAL_ERROR)
            return fail(answer_error(received.get(), abort_reason()));
        if (description_) {
            result = read_result(received.get(), *description_);
            return;
        }
        Description found;
        std::vector<std::string> names;
        found.binary = true;
        for (int i = 0; i < PQnfields(received.get()); ++i) {
            names.emplace_back(PQfname(received.get(), i));
            found.column_types.push_back(PQftype(received.get(), i));
            found.binary = found.binary && has_binary_form(PQftype(received.get(), i));
        }
        found.columns = std::make_shared<const std::vector<std::string>>(std::move(names));
        const auto& types = found.column_types;
        if (!std::all_of(types.begin(), types.end(), is_fixed_size))
            rows_ = first_rows;
        described_ = std::make_shared<const Description>(std::move(found));
    }

    Next turn_ended(Connection&) override
    {
        if (description_ || error_ || !described_)
            return Next::done;
        description_ = described_;
        return Next::again;
    }

    Next lost(const Broken& broken, bool) override
    {
        if (abort_reason() != AbortReason::none)
            fail(abort_error(abort_reason(), "the query"));
        else
            fail(StorageError(StorageErrc::unavailable, "the connection was lost: " + broken.reason,
                              ErrorDetails{"", "", broken.state, Outcome::not_applied, true}));
        return Next::done;
    }

    const std::shared_ptr<const Description>& description() const noexcept { return description_; }
    QueryResult result;

private:
    std::shared_ptr<const Description> description_;
    std::shared_ptr<const Description> described_;
    std::size_t rows_;
};

std::size_t bytes_of(const Rows& rows)
{
    std::size_t bytes = 0;
    for (const Row& row : rows)
        for (std::size_t column = 0; column < row.size(); ++column) {
            const ValueView value = row[column];
            bytes += 16;
            if (value.kind() == ValueKind::text)
                bytes += value.as_text().size();
            else if (value.kind() == ValueKind::blob)
                bytes += value.as_blob().size();
        }
    return bytes;
}

} // namespace

OpenStream::OpenStream(Lease lease, std::shared_ptr<void> permit, OperationContext context)
    : context_(std::move(context)), lease_(std::move(lease)), permit_(std::move(permit)), rows_to_fetch_(piece_rows)
{
}

awaitable<void> OpenStream::declare(const BoundStatement& statement)
{
    const auto positional = [&] {
        Parameters parameters;
        const std::size_t count = statement.order.empty() ? statement.parameters.size() : statement.order.size();
        for (std::size_t i = 0; i < count; ++i) {
            const Parameter& one = statement.parameters[statement.order.empty() ? i : statement.order[i]];
            parameters.add(one.name, one.value);
        }
        return parameters;
    };
    // The text is translated already: its placeholders are $1, $2 …
    const std::string& sql = statement.statement->sql();
    std::optional<StorageError> failure;
    std::vector<std::string> begin(1, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    co_await lease_.run_commands(begin, false, context_);
    try {
        co_await lease_.execute("DECLARE whisperstore_stream NO SCROLL CURSOR FOR " + sql, positional(), context_);
    } catch (const StorageError& error) {
        failure = error;
    }
    if (!failure)
        co_return;
    if (failure->native_code() == "0A000") // data-modifying statements in WITH
        throw only_reading();
    if (failure->errc() == StorageErrc::syntax && statement.statement->translated().keyword == "WITH") {
        // Bad SQL, or good SQL that is no SELECT: EXPLAIN takes both and carries out neither.
        co_await lease_.run_to_the_end(std::vector<std::string>(1, "ROLLBACK"));
        co_await lease_.execute("EXPLAIN " + sql, positional(), context_);
        throw only_reading();
    }
    throw StorageError(*failure);
}

awaitable<void> OpenStream::open(BoundStatement statement)
{
    const auto self = shared_from_this();
    if (is_other_command(statement.statement->translated().keyword))
        throw only_reading();
    std::optional<StorageError> failure;
    try {
        co_await declare(statement);
        first_ = co_await fetch();
        has_first_ = true;
    } catch (const StorageError& error) {
        failure = error;
    }
    if (!failure)
        co_return;
    if (failure->native_code() == "25006") // it tried to write
        throw only_reading();
    throw StorageError(*failure);
}

awaitable<Rows> OpenStream::fetch()
{
    const std::size_t wanted = rows_to_fetch_;
    auto request = std::make_shared<FetchRequest>(description_, wanted);
    co_await lease_.run_request(request, context_);
    const bool was_first = !description_;
    description_ = request->description();
    Rows rows = std::move(request->result.rows);
    const std::size_t asked =
        was_first && !std::all_of(description_->column_types.begin(), description_->column_types.end(), is_fixed_size)
            ? first_rows
            : wanted;
    ended_ = rows.size() < asked;
    if (!rows.empty()) {
        const std::size_t each = std::max<std::size_t>(bytes_of(rows) / rows.size(), 1);
        rows_to_fetch_ = std::clamp<std::size_t>(piece_bytes / each, 1, piece_rows);
    }
    co_return rows;
}

awaitable<Rows> OpenStream::next()
{
    const auto self = shared_from_this();
    {
        const std::lock_guard lock(mutex_);
        if (disconnected_)
            throw StorageError(StorageErrc::closed, "the adapter was disconnected; the stream has ended")
                .within(backend, "stream_query");
        if (failed_)
            throw StorageError(StorageErrc::closed, "the stream has ended with an error")
                .within(backend, "stream_query");
        if (closed_)
            co_return Rows();
        if (context_.expired()) {
            failed_ = true;
            reading_ = false;
        } else if (has_first_) {
            has_first_ = false;
            if (ended_)
                closed_ = true;
        } else {
            reading_ = true;
        }
    }
    if (failed_) {
        release();
        throw abort_error(AbortReason::timeout, "the stream").within(backend, "stream_query");
    }
    if (!reading_) {
        if (closed_)
            release();
        co_return std::exchange(first_, Rows());
    }
    Rows rows;
    std::exception_ptr failure;
    try {
        rows = co_await fetch();
    } catch (...) {
        failure = std::current_exception();
    }
    bool over = false;
    bool disconnected = false;
    {
        const std::lock_guard lock(mutex_);
        reading_ = false;
        failed_ = failure != nullptr;
        closed_ = closed_ || ended_;
        over = failed_ || closed_;
        disconnected = disconnected_;
    }
    if (over)
        release();
    if (disconnected)
        throw StorageError(StorageErrc::closed, "the adapter was disconnected; the stream has ended")
            .within(backend, "stream_query");
    try {
        if (failure)
            std::rethrow_exception(failure);
    } catch (...) {
        rethrow_as_storage_error(backend, "stream_query");
    }
    co_return rows;
}

void OpenStream::release() noexcept
{
    Lease ended;
    std::shared_ptr<void> permit;
    const std::lock_guard lock(mutex_);
    if (reading_)
        return; // whoever reads does it
    ended = std::move(lease_);
    permit = std::move(permit_);
}

void OpenStream::close() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        has_first_ = false;
    }
    release();
}

void OpenStream::disconnect() noexcept
{
    std::shared_ptr<Connection> in_use;
    {
        const std::lock_guard lock(mutex_);
        disconnected_ = true;
        if (reading_)
            in_use = lease_.connection();
    }
    if (in_use)
        in_use->close("the adapter was disconnected");
    release();
}

} // namespace whisperstore::postgresql
