#include "database/postgresql/statement_request.hpp"

#include "database/postgresql/log_position.hpp"
#include "database/postgresql/sqlstate.hpp"

#include <charconv>

namespace whisperstore::postgresql {

namespace {

constexpr int attempts_allowed = 4;

Request::Sharing sharing_of(const BoundStatement& bound, bool leased) noexcept
{
    if (leased || !bound.statement->is_short())
        return Request::Sharing::alone;
    return bound.statement->only_reads() ? Request::Sharing::packed : Request::Sharing::spread;
}

/// "cached plan must not change result type": the tables were changed since it was prepared.
bool is_stale_plan(const PGresult* result)
{
    return state_of(result) == "0A000" && field(result, PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery";
}

/// The statement is not prepared there: preparing it failed before, or somebody dropped it.
bool is_unprepared(const PGresult* result) { return state_of(result) == "26000"; }

std::exception_ptr unknown_outcome(const Broken& broken)
{
    ErrorDetails details;
    details.native_code = broken.state;
    details.outcome = Outcome::unknown;
    return std::make_exception_ptr(StorageError(StorageErrc::outcome_unknown,
                                                "the connection was lost while a write was under way, which may have "
                                                "happened or not: look before doing it again (" +
                                                    broken.reason + ")",
                                                std::move(details)));
}

std::exception_ptr not_applied(const Broken& broken)
{
    ErrorDetails details;
    details.native_code = broken.state;
    details.retryable = true;
    StorageErrc code = StorageErrc::unavailable;
    if (!broken.state.empty() && classify(broken.state).code != StorageErrc::unavailable) {
        code = classify(broken.state).code;
        details.retryable = classify(broken.state).retryable;
    }
    return std::make_exception_ptr(StorageError(code, "the connection was lost: " + broken.reason, std::move(details)));
}

std::exception_ptr stopped(AbortReason reason, Outcome outcome)
{
    return std::make_exception_ptr(abort_error(reason, "the query").with_outcome(outcome));
}

StorageError unreplicated()
{
    ErrorDetails details;
    details.outcome = Outcome::unknown;
    return StorageError(StorageErrc::outcome_unknown,
                        "waiting for the replicas was ended: the write is on the primary, and is lost if that is lost "
                        "before they have it",
                        std::move(details));
}

} // namespace

bool may_be_of_changed_tables(const StorageError& error) noexcept
{
    if (error.outcome() != Outcome::not_applied)
        return false;
    const std::string_view state = error.native_code();
    // Without a state: an argument that does not fit the parameter's type of then.
    return state.empty() ? error.errc() == StorageErrc::type_mismatch
                         : state == "0A000" || state.starts_with("22") || state.starts_with("42");
}

bool has_other_types(const PGresult* result, const Description& description) noexcept
{
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return false;
    const int columns = PQnfields(result);
    bool same = description.column_types.size() == static_cast<std::size_t>(columns);
    for (int i = 0; same && i < columns; ++i)
        same = description.column_types[static_cast<std::size_t>(i)] == PQftype(result, i);
    return !same;
}

QueryResult read_result(const PGresult* result, const Description& description)
{
    QueryResult out;
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        const std::string_view affected = PQcmdTuples(const_cast<PGresult*>(result)); // libpq's lack of const
        std::from_chars(affected.data(), affected.data() + affected.size(), out.row_count);
        return out;
    }
    const int columns = PQnfields(result);
    for (int i = 0; i < columns; ++i)
        if (PQfformat(result, i) == 1 && !has_binary_form(PQftype(result, i)))
            throw StorageError(StorageErrc::conflict,
                               "the types of the result's columns were changed meanwhile: the statement was carried "
                               "out, its rows cannot be read",
                               ErrorDetails{"", "", "", Outcome::applied, false});
    std::shared_ptr<const std::vector<std::string>> names = description.columns;
    bool same = names && names->size() == static_cast<std::size_t>(columns);
    for (int i = 0; same && i < columns; ++i)
        same = (*names)[static_cast<std::size_t>(i)] == PQfname(result, i);
    if (!same) {
        std::vector<std::string> own;
        for (int i = 0; i < columns; ++i)
            own.emplace_back(PQfname(result, i));
        names = std::make_shared<const std::vector<std::string>>(std::move(own));
    }
    RowsBuilder rows(names);
    const int count = PQntuples(result);
    for (int row = 0; row < count; ++row) {
        for (int column = 0; column < columns; ++column) {
            if (PQgetisnull(result, row, column) != 0) {
                rows.add_null();
                continue;
            }
            const std::string_view value(PQgetvalue(result, row, column),
                                         static_cast<std::size_t>(PQgetlength(result, row, column)));
            decode(rows, value, PQftype(result, column), PQfformat(result, column) == 1);
        }
    }
    out.row_count = count;
    if (columns > 0)
        out.rows = rows.finish();
    return out;
}

StorageError answer_error(const PGresult* result, AbortReason abort)
{
    StorageError error = server_error(result);
    if (state_of(result) != "57014")
        return error;
    if (abort != AbortReason::none)
        return abort_error(abort, "the query");
    // Ours (statement_timeout) and an administrator's have the same code.
    if (error.message().find("timeout") != std::string::npos)
        return StorageError(StorageErrc::timeout, error.message(), ErrorDetails{"", "", "57014"});
    return error;
}

StatementRequest::StatementRequest(BoundStatement statement, Settings settings)
    : bound_(std::move(statement)), settings_(settings), sharing_(sharing_of(bound_, settings.leased))
{
}

void StatementRequest::send_control(Connection& connection, const char* sql)
{
    require_sent(connection.link(),
                 PQsendQueryParams(connection.link(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0));
    commands_.push_back(Command::control);
}

int StatementRequest::send(Connection& connection)
{
    ++attempts_;
    commands_.clear();
    at_ = 0;
    leading_ = 0;
    synced_ = false;
    if (phase_ == Phase::undo) {
        send_control(connection, "ROLLBACK TO SAVEPOINT whisperstore_statement");
        send_control(connection, "RELEASE SAVEPOINT whisperstore_statement");
        connection.send_sync();
        return 1;
    }
    failure_.reset();
    unprepared_ = false;
    inside_ = settings_.leased && PQtransactionStatus(connection.link()) != PQTRANS_IDLE;
    description_ = bound_.statement->description();
    Arguments arguments;
    if (description_) { // before anything is sent: it may refuse
        try {
            arguments = Arguments(*description_, bound_.parameters, bound_.order);
        } catch (const StorageError&) {
            if (fresh_)
                throw;
            doubt(connection, std::current_exception());
        }
    }
    phase_ = description_ ? Phase::execute : Phase::describe;
    if (!settings_.leased) {
        leading_ += connection.make_room() ? 1 : 0;
        leading_ += connection.limit_statements(settings_.deadline) ? 1 : 0;
    }
    if (settings_.savepoint)
        send_control(connection, "SAVEPOINT whisperstore_statement");
    send_statement(connection, description_, arguments);
    if (settings_.savepoint)
        send_control(connection, "RELEASE SAVEPOINT whisperstore_statement");
    connection.send_sync();
    const bool asks = settings_.want_position && phase_ == Phase::execute;
    if (asks) {
        require_sent(connection.link(), PQsendQueryParams(connection.link(), log_position_sql.data(), 0, nullptr,
                                                          nullptr, nullptr, nullptr, 0));
        connection.send_sync();
    }
    return leading_ + 1 + (asks ? 1 : 0);
}

void StatementRequest::send_statement(Connection& connection, const std::shared_ptr<const Description>& description,
                                      const Arguments& arguments)
{
    PGconn* link = connection.link();
    const std::string& sql = bound_.statement->sql();
    const Oid* types = description ? description->parameter_types.data() : nullptr;
    const int type_count = description ? static_cast<int>(description->parameter_types.size()) : 0;
    const int format = description && description->binary ? 1 : 0;
    if (!connection.options().named_statements) {
        if (description) {
            require_sent(link, PQsendQueryParams(link, sql.c_str(), arguments.count(), types, arguments.values(),
                                                 arguments.lengths(), arguments.formats(), format));
            commands_.push_back(Command::execute);
            return;
        }
        require_sent(link, PQsendPrepare(link, "", sql.c_str(), 0, nullptr));
        commands_.push_back(Command::prepare);
        require_sent(link, PQsendDescribePrepared(link, ""));
        commands_.push_back(Command::describe);
        return;
    }
    bool prepare = false;
    const Connection::Prepared& prepared = connection.prepared(bound_.statement, description, prepare);
    const std::string& name = prepared.name;
    confirmed_ = prepared.confirmed;
    if (prepare) {
        require_sent(link, PQsendPrepare(link, name.c_str(), sql.c_str(), type_count, types));
        commands_.push_back(Command::prepare);
    }
    if (description) {
        require_sent(link, PQsendQueryPrepared(link, name.c_str(), arguments.count(), arguments.values(),
                                               arguments.lengths(), arguments.formats(), confirmed_ ? format : 0));
        commands_.push_back(Command::execute);
    } else {
        require_sent(link, PQsendDescribePrepared(link, name.c_str()));
        commands_.push_back(Command::describe);
    }
}

void StatementRequest::command_ended()
{
    if (leading_ == 0 && !synced_)
        ++at_;
}

void StatementRequest::synced()
{
    if (leading_ > 0)
        --leading_;
    else
        synced_ = true;
}

void StatementRequest::doubt(Connection& connection, std::exception_ptr error)
{
    doubted_ = std::exchange(description_, nullptr);
    doubt_ = std::move(error);
    bound_.statement->forget(doubted_);
    connection.forget(*bound_.statement);
}

void StatementRequest::read_description(Connection& connection, const PGresult* described)
{
    Description found;
    const int parameters = PQnparams(described);
    for (int i = 0; i < parameters; ++i)
        found.parameter_types.push_back(PQparamtype(described, i));
    std::vector<std::string> names;
    found.binary = true;
    for (int i = 0; i < PQnfields(described); ++i) {
        names.emplace_back(PQfname(described, i));
        found.column_types.push_back(PQftype(described, i));
        found.binary = found.binary && has_binary_form(PQftype(described, i));
    }
    found.columns = std::make_shared<const std::vector<std::string>>(std::move(names));
    description_ = bound_.statement->describe(std::make_shared<const Description>(std::move(found)));
    connection.described(*bound_.statement, description_);
    fresh_ = true;
}

void StatementRequest::receive(Connection& connection, Result received)
{
    const ExecStatusType status = PQresultStatus(received.get());
    if (leading_ > 0) {
        if (status == PGRES_FATAL_ERROR)
            connection.log(LogLevel::warning, server_error(received.get()).message());
        return;
    }
    if (status == PGRES_FATAL_ERROR) {
        if (!failure_ && !synced_) {
            failure_ = std::move(received);
            unprepared_ = at_ < commands_.size() && commands_[at_] == Command::prepare;
        } else if (synced_) { // the write stands; without a position the next read goes to the primary
            connection.log(LogLevel::warning, server_error(received.get()).message());
        }
        return;
    }
    if (synced_) {
        if (status == PGRES_TUPLES_OK && PQntuples(received.get()) == 1)
            position = PQgetvalue(received.get(), 0, 0);
        return;
    }
    if (status == PGRES_PIPELINE_ABORTED || at_ >= commands_.size())
        return;
    if (commands_[at_] == Command::describe)
        read_description(connection, received.get());
    if (commands_[at_] == Command::execute) {
        executed_ = true;
        if (has_other_types(received.get(), *description_))
            bound_.statement->forget(description_);
        else if (!confirmed_)
            connection.described(*bound_.statement, description_);
        result = read_result(received.get(), *description_);
    }
}

bool StatementRequest::is_ours_to_mend(Connection& connection)
{
    if (attempts_ >= attempts_allowed)
        return false;
    const PGresult* failure = failure_.get();
    if (PQtransactionStatus(connection.link()) == PQTRANS_INERROR && !settings_.savepoint)
        return false; // the whole transaction has failed
    if (is_stale_plan(failure)) {
        bound_.statement->forget(description_);
        connection.forget(*bound_.statement);
        return true;
    }
    if (is_unprepared(failure)) {
        connection.forget(*bound_.statement);
        return true;
    }
    const StorageError error = answer_error(failure, abort_reason());
    if (description_ && !fresh_ && may_be_of_changed_tables(error)) {
        doubt(connection, std::make_exception_ptr(error));
        return true;
    }
    // Hit by a cancel request that was meant for a neighbour.
    return state_of(failure) == "57014" && abort_reason() == AbortReason::none &&
           connection.cancels_sent() != cancels_seen;
}

Request::Next StatementRequest::turn_ended(Connection& connection)
{
    if (phase_ == Phase::undo) {
        if (failure_ && state_of(failure_.get()).starts_with("25")) // there was no savepoint any more
            fail(server_error(failure_.get()).prefixed("the transaction was rolled back: "));
        phase_ = Phase::describe;
        return std::exchange(mend_, false) ? Next::again : Next::done;
    }
    if (failure_) {
        const bool mend = is_ours_to_mend(connection);
        if (!mend) {
            fail(answer_error(failure_.get(), abort_reason()));
            if (unprepared_)
                connection.forget(*bound_.statement);
        }
        if (settings_.savepoint) {
            failure_.reset();
            mend_ = mend;
            phase_ = Phase::undo;
            return Next::again;
        }
        return mend ? Next::again : Next::done;
    }
    if (phase_ == Phase::describe) {
        if (doubted_ && doubted_->same_as(*description_)) {
            fail(doubt_);
            return Next::done;
        }
        doubted_ = nullptr;
        return Next::again;
    }
    const auto since = std::max(sent, connection.last_answer());
    bound_.statement->took(std::chrono::steady_clock::now() - since);
    if (connection.take_unreplicated() && !bound_.statement->only_reads())
        fail(unreplicated());
    return Next::done;
}

Request::Next StatementRequest::lost(const Broken& broken, bool not_begun)
{
    const bool harmless = phase_ == Phase::describe || bound_.statement->only_reads() || (not_begun && !executed_);
    if (synced_ && executed_ && !failure_)
        return Next::done; // only the position is missing
    if (settings_.leased) {
        const bool nothing_happened = inside_ || harmless; // what is open ends with its connection
        fail(nothing_happened ? not_applied(broken) : unknown_outcome(broken));
        if (abort_reason() != AbortReason::none)
            fail(stopped(abort_reason(), nothing_happened ? Outcome::not_applied : Outcome::unknown));
        return Next::done;
    }
    if (abort_reason() != AbortReason::none) {
        fail(stopped(abort_reason(), harmless ? Outcome::not_applied : Outcome::unknown));
        return Next::done;
    }
    if (!harmless) {
        fail(unknown_outcome(broken));
        return Next::done;
    }
    phase_ = Phase::describe;
    if (attempts_ < attempts_allowed)
        return Next::elsewhere;
    fail(not_applied(broken));
    return Next::done;
}

CommandRequest::CommandRequest(std::vector<std::string> commands, bool commits)
    : commands_(std::move(commands)), commits_(commits)
{
}

int CommandRequest::send(Connection& connection)
{
    for (const std::string& command : commands_)
        require_sent(connection.link(),
                     PQsendQueryParams(connection.link(), command.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
    connection.send_sync();
    return 1;
}

void CommandRequest::receive(Connection&, Result received)
{
    const ExecStatusType status = PQresultStatus(received.get());
    if (status == PGRES_FATAL_ERROR) {
        if (!failed) {
            failed = at_;
            fail(answer_error(received.get(), abort_reason()));
        }
        return;
    }
    if (status == PGRES_TUPLES_OK && PQntuples(received.get()) == 1 && PQnfields(received.get()) == 1)
        position = PQgetvalue(received.get(), 0, 0);
    // A COMMIT of a transaction that had failed answers ROLLBACK.
    if (commits_ && std::string_view(PQcmdStatus(received.get())) == "ROLLBACK") {
        failed = at_;
        fail(StorageError(StorageErrc::conflict, "the server has rolled the transaction back"));
    } else if (commits_ && std::string_view(PQcmdStatus(received.get())) == "COMMIT") {
        committed_ = true;
    }
}

Request::Next CommandRequest::turn_ended(Connection& connection)
{
    if (connection.take_unreplicated() && commits_ && !failed)
        fail(unreplicated());
    return Next::done;
}

Request::Next CommandRequest::lost(const Broken& broken, bool not_begun)
{
    if (committed_)
        return Next::done;
    const bool unknown = commits_ && !not_begun;
    fail(unknown ? unknown_outcome(broken) : not_applied(broken));
    if (abort_reason() != AbortReason::none)
        fail(stopped(abort_reason(), unknown ? Outcome::unknown : Outcome::not_applied));
    return Next::done;
}

namespace {

bool all_only_read(const std::vector<BoundStatement>& statements) noexcept
{
    for (const BoundStatement& bound : statements)
        if (!bound.statement->only_reads())
            return false;
    return true;
}

} // namespace

ListRequest::ListRequest(std::vector<BoundStatement> statements, bool want_position)
    : statements_(std::move(statements)), want_position_(want_position), only_reads_(all_only_read(statements_))
{
}

bool ListRequest::is_possible(const std::vector<BoundStatement>& statements, const Options& options)
{
    // Beyond that much the server might wait for us to read while we wait for it to take more.
    constexpr std::size_t most = 64;
    if (!options.named_statements || statements.size() > most)
        return false;
    for (const BoundStatement& bound : statements)
        if (!bound.statement->description())
            return false;
    return true;
}

int ListRequest::send(Connection& connection)
{
    ++attempts_;
    commands_.clear();
    at_ = 0;
    leading_ = 0;
    ran_ = false;
    failure_.reset();
    PGconn* link = connection.link();
    const auto control = [&](const char* sql) {
        require_sent(link, PQsendQueryParams(link, sql, 0, nullptr, nullptr, nullptr, nullptr, 0));
        commands_.push_back(no_statement);
    };
    if (phase_ == Phase::roll_back) {
        control("ROLLBACK");
        connection.send_sync();
        return 1;
    }
    std::vector<Arguments> arguments;
    descriptions_.clear();
    results.clear();
    failed.reset();
    for (std::size_t i = 0; i < statements_.size(); ++i) {
        auto description = statements_[i].statement->description();
        if (!description)
            throw StorageError(StorageErrc::conflict, "the tables were changed meanwhile",
                               ErrorDetails{"", "", "", Outcome::not_applied, true});
        failed = i;
        arguments.emplace_back(*description, statements_[i].parameters, statements_[i].order);
        descriptions_.push_back(std::move(description));
    }
    failed.reset();
    results.resize(statements_.size());
    leading_ = connection.make_room() ? 1 : 0;
    control("BEGIN ISOLATION LEVEL READ COMMITTED");
    for (std::size_t i = 0; i < statements_.size(); ++i) {
        bool prepare = false;
        const Connection::Prepared& prepared = connection.prepared(statements_[i].statement, descriptions_[i], prepare);
        const std::string& name = prepared.name;
        const auto& types = descriptions_[i]->parameter_types;
        if (prepare) {
            require_sent(link, PQsendPrepare(link, name.c_str(), statements_[i].statement->sql().c_str(),
                                             static_cast<int>(types.size()), types.data()));
            commands_.push_back(no_statement);
        }
        require_sent(link, PQsendQueryPrepared(link, name.c_str(), arguments[i].count(), arguments[i].values(),
                                               arguments[i].lengths(), arguments[i].formats(),
                                               descriptions_[i]->binary && prepared.confirmed ? 1 : 0));
        commands_.push_back(i);
    }
    control("COMMIT");
    connection.send_sync();
    if (want_position_) {
        require_sent(link, PQsendQueryParams(link, log_position_sql.data(), 0, nullptr, nullptr, nullptr, nullptr, 0));
        connection.send_sync();
    }
    return leading_ + (want_position_ ? 2 : 1);
}

void ListRequest::synced()
{
    if (leading_ > 0) {
        --leading_;
        at_ = 0;
    } else {
        ran_ = true;
    }
}

void ListRequest::receive(Connection& connection, Result received)
{
    const ExecStatusType status = PQresultStatus(received.get());
    if (leading_ > 0 || (ran_ && status == PGRES_FATAL_ERROR)) {
        if (status == PGRES_FATAL_ERROR)
            connection.log(LogLevel::warning, server_error(received.get()).message());
        return;
    }
    if (ran_) {
        if (status == PGRES_TUPLES_OK && PQntuples(received.get()) == 1)
            position = PQgetvalue(received.get(), 0, 0);
        return;
    }
    if (status == PGRES_PIPELINE_ABORTED || phase_ == Phase::roll_back || at_ >= commands_.size())
        return;
    const std::size_t statement = commands_[at_];
    if (status == PGRES_FATAL_ERROR) {
        if (failure_)
            return;
        failure_ = std::move(received);
        // A statement that cannot be prepared any more counts as itself.
        for (std::size_t i = at_; i < commands_.size() && !failed; ++i)
            if (commands_[i] != no_statement)
                failed = commands_[i];
        if (at_ + 1 == commands_.size())
            failed.reset(); // the COMMIT
        return;
    }
    if (statement != no_statement) {
        if (has_other_types(received.get(), *descriptions_[statement]))
            statements_[statement].statement->forget(descriptions_[statement]);
        else
            connection.described(*statements_[statement].statement, descriptions_[statement]);
        results[statement] = read_result(received.get(), *descriptions_[statement]);
    } else if (at_ + 1 == commands_.size())
        committed_ = true;
}

Request::Next ListRequest::turn_ended(Connection& connection)
{
    if (phase_ == Phase::roll_back) {
        phase_ = Phase::run;
        return std::exchange(mend_, false) ? Next::again : Next::done;
    }
    if (failure_) {
        const PGresult* failure = failure_.get();
        const bool stale = is_stale_plan(failure) || is_unprepared(failure);
        for (const BoundStatement& bound : statements_) {
            if (failed && &bound != &statements_[*failed])
                continue;
            if (stale && !is_unprepared(failure))
                bound.statement->forget(bound.statement->description());
            connection.forget(*bound.statement);
        }
        if (stale && is_unprepared(failure) && attempts_ < attempts_allowed)
            mend_ = true;
        else if (stale)
            fail(StorageError(StorageErrc::conflict, "the tables were changed meanwhile",
                              ErrorDetails{"", "", std::string(state_of(failure)), Outcome::not_applied, true}));
        else
            fail(answer_error(failure, abort_reason()));
        phase_ = Phase::roll_back;
        return Next::again;
    }
    if (connection.take_unreplicated() && !only_reads_)
        fail(unreplicated());
    return Next::done;
}

Request::Next ListRequest::lost(const Broken& broken, bool not_begun)
{
    if (error_ || committed_)
        return Next::done; // what is to be said is known
    const bool harmless = only_reads_ || not_begun || failure_;
    if (failure_)
        fail(answer_error(failure_.get(), abort_reason()));
    else if (abort_reason() != AbortReason::none)
        fail(stopped(abort_reason(), harmless ? Outcome::not_applied : Outcome::unknown));
    else
        fail(harmless ? not_applied(broken) : unknown_outcome(broken));
    return Next::done;
}

} // namespace whisperstore::postgresql
