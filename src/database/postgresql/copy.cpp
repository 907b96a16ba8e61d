#include "database/postgresql/copy.hpp"

#include "database/postgresql/connection.hpp"
#include "database/postgresql/statement_request.hpp"

#include <charconv>

namespace whisperstore::postgresql {

namespace {

using Stage = CopyState::Stage;
constexpr std::size_t piece_bytes = 256 * 1024;

struct FreeCopy
{
    void operator()(char* data) const noexcept { PQfreemem(data); }
};

void start(CopyState& state, PGconn* link)
{
    if (state.stage != Stage::unsent)
        return;
    require_sent(link, PQexitPipelineMode(link)); // COPY is not for pipelines
    require_sent(link, PQsendQuery(link, state.sql.c_str()));
    state.stage = Stage::sent;
}

/// Reads answers until the COPY flows or has ended: true when something of that was reached.
bool read_answers(CopyState& state, PGconn* link, ExecStatusType flowing)
{
    while (PQisBusy(link) == 0) {
        Result result(PQgetResult(link));
        if (!result) {
            state.stage = Stage::ended;
            require_sent(link, PQenterPipelineMode(link));
            return true;
        }
        const ExecStatusType status = PQresultStatus(result.get());
        if (status == flowing && state.stage == Stage::sent) {
            state.stage = Stage::copying;
            return true;
        }
        if (status == PGRES_FATAL_ERROR) {
            if (is_fatal(result.get()) || state_of(result.get()).empty())
                throw Broken{last_words(link), std::string(state_of(result.get()))};
            if (!state.failure)
                state.failure = std::move(result);
        } else if (status == PGRES_COMMAND_OK) {
            const std::string_view rows = PQcmdTuples(result.get());
            std::from_chars(rows.data(), rows.data() + rows.size(), state.rows);
        } else {
            // Another kind of COPY, or a command with rows: there is no way back from here.
            throw Broken{"the command is not the kind of COPY that was expected", {}};
        }
    }
    return false;
}

std::exception_ptr lost_error(const Broken& broken, AbortReason abort)
{
    if (abort != AbortReason::none)
        return std::make_exception_ptr(abort_error(abort, "the copy"));
    ErrorDetails details;
    details.native_code = broken.state;
    details.retryable = true;
    return std::make_exception_ptr(StorageError(
        StorageErrc::unavailable, "the connection was lost during a copy: " + broken.reason, std::move(details)));
}

} // namespace

int CopyOutRequest::send(Connection& connection)
{
    start(*state_, connection.link());
    return 1;
}

bool CopyOutRequest::read_raw(Connection& connection)
{
    PGconn* link = connection.link();
    while (state_->stage != Stage::ended) {
        if (state_->stage != Stage::copying) {
            if (!read_answers(*state_, link, PGRES_COPY_OUT))
                return false;
            continue;
        }
        if (piece.size() >= piece_bytes)
            return true;
        char* data = nullptr;
        const int size = PQgetCopyData(link, &data, 1);
        const std::unique_ptr<char, FreeCopy> owned(data);
        if (size == 0)
            return false;
        if (size > 0) {
            if (piece.empty())
                piece.reserve(piece_bytes + static_cast<std::size_t>(size));
            piece.append(data, static_cast<std::size_t>(size));
        } else if (size == -1) {
            state_->stage = Stage::ending;
        } else {
            throw Broken{last_words(link), {}};
        }
    }
    return true;
}

Request::Next CopyOutRequest::turn_ended(Connection&)
{
    if (state_->stage == Stage::ended && state_->failure)
        fail(answer_error(state_->failure.get(), abort_reason()));
    return Next::done;
}

Request::Next CopyOutRequest::lost(const Broken& broken, bool)
{
    fail(lost_error(broken, abort_reason()));
    return Next::done;
}

CopyInRequest::CopyInRequest(std::shared_ptr<CopyState> state, std::string piece, bool ends, bool abandons)
    : state_(std::move(state)), piece_(std::move(piece)), ends_(ends), abandons_(abandons)
{
}

int CopyInRequest::send(Connection& connection)
{
    start(*state_, connection.link());
    return 1;
}

bool CopyInRequest::read_raw(Connection& connection)
{
    PGconn* link = connection.link();
    wants_room_ = true;
    while (true) {
        switch (state_->stage) {
        case Stage::ended:
            return true;
        case Stage::copying: {
            if (!put_) {
                if (!piece_.empty()) {
                    const int taken = PQputCopyData(link, piece_.data(), static_cast<int>(piece_.size()));
                    if (taken < 0)
                        throw Broken{last_words(link), {}};
                    if (taken == 0)
                        return false;
                }
                put_ = true;
            }
            const int unsent = PQflush(link);
            if (unsent < 0)
                throw Broken{last_words(link), {}};
            if (unsent > 0)
                return false;
            if (!ends_)
                return true;
            const int ended = PQputCopyEnd(link, abandons_ ? "given up by the client" : nullptr);
            if (ended < 0)
                throw Broken{last_words(link), {}};
            if (ended == 0)
                return false;
            state_->stage = Stage::ending;
            break;
        }
        default:
            if (!read_answers(*state_, link, PGRES_COPY_IN)) {
                wants_room_ = false;
                return false;
            }
            break;
        }
    }
}

Request::Next CopyInRequest::turn_ended(Connection&)
{
    if (state_->stage == Stage::ended && state_->failure && !abandons_)
        fail(answer_error(state_->failure.get(), abort_reason()));
    return Next::done;
}

Request::Next CopyInRequest::lost(const Broken& broken, bool)
{
    fail(lost_error(broken, abort_reason()));
    return Next::done;
}

} // namespace whisperstore::postgresql
