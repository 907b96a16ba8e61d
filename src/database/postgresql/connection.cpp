#include "database/postgresql/connection.hpp"

#include "database/postgresql/pool.hpp"
#include "database/postgresql/statement_request.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <bit>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <utility>

namespace whisperstore::postgresql {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t statements_kept = 512;
// A cancel request may reach the server before the statement it is for: it is sent again, and in the end we go.
// Each is a connection of its own, so a server that is slow gets fewer and fewer.
constexpr auto cancel_again = std::chrono::milliseconds(100);
constexpr auto cancel_grace = std::chrono::seconds(2);

std::int64_t nanoseconds(Clock::time_point time) noexcept
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

/// Its end is not only its own matter: it wants to stop, or must not take long.
bool is_watched_for(const Request& request) noexcept
{
    return request.prompt || request.abort_reason() != AbortReason::none;
}

} // namespace

/// Waits for the socket. When its executor's context ends before it is called, somebody else must watch.
class Watcher
{
public:
    Watcher(std::shared_ptr<Connection> connection, std::uint64_t watch, bool reading) noexcept
        : connection_(std::move(connection)), watch_(watch), reading_(reading)
    {
    }
    Watcher(Watcher&&) noexcept = default;
    Watcher& operator=(Watcher&&) = delete;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher()
    {
        if (connection_)
            connection_->on_watch_lost(watch_);
    }
    void operator()(const boost::system::error_code&)
    {
        // An error of the socket is found by reading from it.
        std::exchange(connection_, nullptr)->on_ready(reading_, watch_);
    }

private:
    std::shared_ptr<Connection> connection_;
    std::uint64_t watch_;
    bool reading_;
};

Connection::Connection(Surroundings surroundings, Link link)
    : surroundings_(std::move(surroundings)),
      link_(std::move(link)),
      cancel_(PQgetCancel(link_.get())),
      watched_(PQsocket(link_.get()), SocketWatch::Watches::copy), // libpq closes its socket when it breaks
      is_tcp_(!surroundings_.host.host.starts_with('/'))
{
    PQsetNoticeReceiver(link_.get(), &Connection::on_notice, this);
}

Connection::~Connection() = default;

void Connection::log(LogLevel level, std::string_view message) const
{
    if (surroundings_.logger)
        surroundings_.logger(level, "postgresql", message);
}

void Connection::on_notice(void* self, const PGresult* result) noexcept
{
    // Called by libpq while we read, so under the lock.
    auto& connection = *static_cast<Connection*>(self);
    try {
        if (is_fatal(result))
            connection.fatal_ = state_of(result);
        if (field(result, PG_DIAG_SOURCE_FUNCTION) == "SyncRepWaitForLSN")
            connection.unreplicated_ = true;
        const std::string_view severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
        std::string text(severity.empty() ? "NOTICE" : severity);
        text.append(" ").append(state_of(result)).append(": ").append(field(result, PG_DIAG_MESSAGE_PRIMARY));
        const bool warning = severity == "WARNING" || is_fatal(result);
        connection.log(warning ? LogLevel::warning : LogLevel::info, text);
    } catch (const std::bad_alloc&) {
        return; // libpq's frames are between us and a caller: a notice is lost, no more
    }
}

bool Connection::is_slow(std::chrono::nanoseconds patience) const noexcept
{
    if (slow_.load(std::memory_order_acquire) > 0)
        return true;
    return depth() > 0 && nanoseconds(Clock::now()) - first_since_.load(std::memory_order_relaxed) > patience.count();
}

bool Connection::is_gone()
{
    const std::lock_guard lock(mutex_);
    if (broken_)
        return true;
    if (!pipeline_.empty())
        return false;
    pollfd ready{PQsocket(link_.get()), POLLIN, 0};
    if (::poll(&ready, 1, 0) <= 0)
        return false;
    // A notice, a changed parameter, or the server's farewell.
    if (PQconsumeInput(link_.get()) == 1 && PQisBusy(link_.get()) == 0 && PQstatus(link_.get()) == CONNECTION_OK &&
        !fatal_)
        return false;
    Ended nobody;
    break_off(Broken{last_words(link_.get()), fatal_.value_or(std::string())}, nobody);
    return true;
}

const Connection::Prepared& Connection::prepared(const std::shared_ptr<Statement>& statement,
                                                 const std::shared_ptr<const Description>& description, bool& prepare)
{
    const auto [entry, added] = prepared_.try_emplace(statement.get());
    prepare = added || !description || entry->second.description != description;
    if (prepare) {
        entry->second.name = "whisperstore_" + std::to_string(++names_);
        ++names_in_use_;
        entry->second.statement = statement;
        entry->second.description = description;
        entry->second.confirmed = false;
    }
    return entry->second;
}

void Connection::described(const Statement& statement, const std::shared_ptr<const Description>& description)
{
    const auto entry = prepared_.find(&statement);
    if (entry == prepared_.end() || (entry->second.description && entry->second.description != description))
        return; // prepared in another way meanwhile
    entry->second.description = description;
    entry->second.confirmed = true;
}

void Connection::forget(const Statement& statement) { prepared_.erase(&statement); }

void Connection::send_sync() { require_sent(link_.get(), PQpipelineSync(link_.get())); }

bool Connection::make_room()
{
    if (names_in_use_ < statements_kept)
        return false;
    // What was sent before it still finds its statement.
    require_sent(link_.get(),
                 PQsendQueryParams(link_.get(), "DEALLOCATE ALL", 0, nullptr, nullptr, nullptr, nullptr, 0));
    send_sync();
    prepared_.clear();
    names_in_use_ = 0;
    return true;
}

bool Connection::limit_statements(std::optional<Clock::time_point> deadline)
{
    if (!options().named_statements)
        return false; // behind a pooler the session is not ours
    std::int64_t wanted = options().statement_timeout.count();
    if (deadline) {
        // Twice the time that is left, as a power of two: calls with like deadlines find it set. It is there for the
        // case that our own cancel request does not get through.
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - Clock::now()).count();
        const auto generous = static_cast<std::uint64_t>(std::clamp<std::int64_t>(left, 500, 3'600'000)) * 2;
        wanted = static_cast<std::int64_t>(std::bit_ceil(generous));
    }
    const auto none = [](std::int64_t limit) { return limit == 0; };
    const bool too_tight = !none(statement_limit_ms_) && (none(wanted) || wanted > statement_limit_ms_);
    const bool too_wide = !none(wanted) && (none(statement_limit_ms_) || statement_limit_ms_ > 4 * wanted);
    if (!too_tight && (!too_wide || !pipeline_.empty()))
        return false;
    const std::string sql = "SET statement_timeout = " + std::to_string(wanted);
    require_sent(link_.get(), PQsendQueryParams(link_.get(), sql.c_str(), 0, nullptr, nullptr, nullptr, nullptr, 0));
    send_sync();
    statement_limit_ms_ = wanted;
    return true;
}

void Connection::submit(const std::shared_ptr<Request>& request)
{
    Ended ended;
    {
        const std::lock_guard lock(mutex_);
        request->set_connection(shared_from_this());
        if (!broken_ && !pipeline_.empty())
            hold_back();
        depth_.fetch_add(1, std::memory_order_acq_rel);
        if (request->sharing() == Request::Sharing::alone)
            slow_.fetch_add(1, std::memory_order_acq_rel);
        if (broken_)
            leave(request, request->lost(*broken_, true), ended);
        else if (cancels_out_ > 0)
            held_.push_back(request); // or it might be hit
        else
            send(request, ended);
        if (!broken_ && !pipeline_.empty())
            watch(ended);
        if (!broken_ && request->abort_reason() != AbortReason::none)
            stop_first();
        if (!broken_ && is_watched_for(*request))
            watch_abort();
    }
    after(std::move(ended), nullptr);
}

/// The server is at work: what callers send until the event loop has come round goes out together. That saves both
/// sides a wake-up for each.
void Connection::hold_back()
{
    if (corked_ || !is_tcp_ || !watched_.context())
        return;
    const int on = 1;
    if (::setsockopt(PQsocket(link_.get()), IPPROTO_TCP, TCP_CORK, &on, sizeof(on)) != 0)
        return; // then each goes out by itself
    corked_ = true;
    asio::post(watched_.executor(), [self = shared_from_this()] { self->let_go(); });
}

void Connection::let_go()
{
    const std::lock_guard lock(mutex_);
    corked_ = false;
    if (broken_)
        return;
    const int off = 0;
    if (::setsockopt(PQsocket(link_.get()), IPPROTO_TCP, TCP_CORK, &off, sizeof(off)) != 0)
        log(LogLevel::warning, "what was held back goes out late: TCP_CORK cannot be cleared");
}

void Connection::send(const std::shared_ptr<Request>& request, Ended& ended)
{
    const bool was_empty = pipeline_.empty();
    try {
        request->syncs = request->send(*this);
    } catch (const StorageError&) {
        request->fail(std::current_exception());
        return leave(request, Request::Next::done, ended);
    } catch (const Broken& broken) {
        pipeline_.push_back(request);
        return break_off(broken, ended);
    }
    request->sent = Clock::now();
    request->cancels_seen = cancels_sent_;
    pipeline_.push_back(request);
    if (was_empty)
        first_since_.store(nanoseconds(request->sent), std::memory_order_relaxed);
    if (request->is_raw())
        read_answers(ended); // what it is to read may have come already
}

/// Sees to it that the socket is watched where somebody waits.
void Connection::watch(Ended& ended, bool by_ourselves)
{
    try {
        const asio::any_io_executor& first = pipeline_.front()->executor();
        const bool idle = !reading_ && !writing_;
        if (by_ourselves || !first)
            watch_on(surroundings_.background->executor());
        else if (idle && watched_.context() != context_of(first))
            watch_on(event_loop_of(first));
        if (!reading_) {
            reading_ = true;
            watched_.wait(true, Watcher(shared_from_this(), watch_, true));
        }
        // There may be room by now, which the request that waits for it has yet to hear.
        const bool unsent = PQflush(link_.get()) == 1;
        if ((unsent || pipeline_.front()->wants_room()) && !writing_) {
            writing_ = true;
            watched_.wait(false, Watcher(shared_from_this(), watch_, false));
        }
    } catch (const boost::system::system_error& error) {
        break_off(Broken{"the socket cannot be watched: " + error.code().message(), {}}, ended);
    }
}

void Connection::watch_on(const asio::any_io_executor& executor)
{
    if (watched_.context() == context_of(executor))
        return;
    stop_watching();
    watched_.move_to(executor);
}

void Connection::stop_watching() noexcept
{
    ++watch_;
    reading_ = writing_ = false;
    watched_.leave();
}

void Connection::on_watch_lost(std::uint64_t watched)
{
    Ended ended;
    {
        const std::lock_guard lock(mutex_);
        if (watched != watch_)
            return;
        stop_watching();
        if (!broken_ && !pipeline_.empty())
            watch(ended, true);
    }
    after(std::move(ended), nullptr);
}

void Connection::on_ready(bool reading, std::uint64_t watched)
{
    Ended ended;
    const void* here = nullptr;
    {
        const std::lock_guard lock(mutex_);
        if (watched != watch_)
            return;
        here = watched_.context();
        (reading ? reading_ : writing_) = false;
        const bool alive = reading ? PQconsumeInput(link_.get()) == 1 : PQflush(link_.get()) >= 0;
        read_answers(ended); // also what came before it broke
        if (!alive && !broken_)
            break_off(Broken{last_words(link_.get()), {}}, ended);
        if (!broken_ && !pipeline_.empty()) {
            const auto waits_here = [&](const auto& request) { return context_of(request->executor()) == here; };
            // Where nobody waits any more nobody may be running either.
            if (std::none_of(pipeline_.begin(), pipeline_.end(), waits_here))
                stop_watching();
            watch(ended);
        }
    }
    after(std::move(ended), here);
}

void Connection::read_answers(Ended& ended)
{
    int ends = 0; // in a row
    while (!broken_ && !pipeline_.empty()) {
        const std::shared_ptr<Request> first = pipeline_.front();
        try {
            if (first->is_raw()) {
                if (!first->read_raw(*this))
                    return;
                if (!end_turn(ended))
                    return;
                continue;
            }
            if (PQisBusy(link_.get()) != 0)
                return;
            Result result(PQgetResult(link_.get()));
            if (!result) {
                if (++ends > 1)
                    return break_off(Broken{"libpq lost count of the answers", {}}, ended);
                first->command_ended();
                continue;
            }
            ends = 0;
            const ExecStatusType status = PQresultStatus(result.get());
            if (status == PGRES_PIPELINE_SYNC) {
                if (--first->syncs > 0)
                    first->synced();
                else if (!end_turn(ended))
                    return;
                continue;
            }
            if (status == PGRES_FATAL_ERROR && is_fatal(result.get())) {
                fatal_ = state_of(result.get());
                return break_off(Broken{server_error(result.get()).message(), *fatal_}, ended);
            }
            if (status == PGRES_FATAL_ERROR && state_of(result.get()).empty())
                return break_off(Broken{last_words(link_.get()), {}}, ended);
            first->receive(*this, std::move(result));
        } catch (const Broken& broken) {
            return break_off(broken, ended);
        } catch (...) {
            first->fail(std::current_exception()); // an answer that cannot be read; the next one may be
        }
    }
}

bool Connection::end_turn(Ended& ended)
{
    const std::shared_ptr<Request> first = pipeline_.front();
    Request::Next next = Request::Next::done;
    try {
        next = first->turn_ended(*this);
    } catch (const Broken& broken) {
        break_off(broken, ended);
        return false;
    } catch (...) {
        first->fail(std::current_exception());
    }
    if (first->given_up)
        next = Request::Next::done;
    last_answer_ = Clock::now();
    pipeline_.pop_front();
    if (!pipeline_.empty())
        first_since_.store(nanoseconds(last_answer_), std::memory_order_relaxed);
    if (next == Request::Next::again)
        send(first, ended);
    else
        leave(first, next, ended);
    if (!broken_)
        stop_first();
    return !broken_;
}

void Connection::leave(const std::shared_ptr<Request>& request, Request::Next next, Ended& ended)
{
    depth_.fetch_sub(1, std::memory_order_acq_rel);
    if (request->sharing() == Request::Sharing::alone)
        slow_.fetch_sub(1, std::memory_order_acq_rel);
    request->set_connection(nullptr);
    ended.changed = true;
    if (!request->given_up)
        (next == Request::Next::elsewhere ? ended.elsewhere : ended.done).push_back(request);
}

/// \param ours it is closed by us: nothing is wrong with the server
void Connection::break_off(Broken broken, Ended& ended, bool ours)
{
    if (broken_)
        return;
    if (broken.state.empty() && fatal_)
        broken.state = *fatal_;
    broken_ = std::move(broken);
    broken_flag_.store(true, std::memory_order_release);
    if (!ours)
        log(LogLevel::warning, surroundings_.host.to_string() + ": connection lost: " + broken_->reason);
    if (!ours && surroundings_.lost) // not under the lock
        asio::post(surroundings_.background->executor(),
                   [lost = surroundings_.lost, reason = broken_->reason] { lost(reason); });
    stop_watching();
    for (const auto& request : std::exchange(pipeline_, {}))
        leave(request, request->given_up ? Request::Next::done : request->lost(*broken_, fatal_.has_value()), ended);
    for (const auto& request : std::exchange(held_, {}))
        leave(request, request->lost(*broken_, true), ended);
    link_.reset();
    ended.changed = true;
}

void Connection::close(const std::string& reason)
{
    Ended ended;
    {
        const std::lock_guard lock(mutex_);
        break_off(Broken{reason, {}}, ended, true);
    }
    after(std::move(ended), nullptr);
}

void Connection::clean_up() noexcept
{
    bool in_transaction = false;
    {
        Ended nobody;
        const std::lock_guard lock(mutex_);
        if (broken_)
            return;
        if (!pipeline_.empty() || !held_.empty() || PQpipelineStatus(link_.get()) == PQ_PIPELINE_OFF)
            return break_off(Broken{"it was left in the middle of something", {}}, nobody, true);
        in_transaction = PQtransactionStatus(link_.get()) != PQTRANS_IDLE;
    }
    if (!in_transaction)
        return;
    auto request = std::make_shared<CommandRequest>(std::vector<std::string>(1, "ROLLBACK"));
    request->prompt = true;
    if (request->begin())
        submit(request); // nobody waits for it; what comes next on this connection comes after it
}

/// \param here the event loop that we are called by, if any
void Connection::after(Ended ended, const void* here) noexcept
{
    const std::shared_ptr<Pool> pool = ended.changed ? pool_.lock() : nullptr;
    for (const auto& [request, error] : ended.given_up)
        request->complete(error);
    for (const auto& request : ended.elsewhere) {
        if (pool) {
            pool->submit_again(request);
        } else {
            request->complete(
                std::make_exception_ptr(StorageError(StorageErrc::closed, "the adapter was disconnected")));
        }
    }
    if (pool)
        pool->changed();
    // A single caller goes on at once, where it may. Of several nobody should wait for what another does next.
    if (ended.done.size() == 1 && context_of(ended.done.front()->executor()) == here)
        return ended.done.front()->complete_here(ended.done.front()->outcome());
    for (const auto& request : ended.done)
        request->complete(request->outcome());
}

void Connection::abort()
{
    const std::lock_guard lock(mutex_);
    if (broken_)
        return;
    stop_first();
    watch_abort();
}

/// Asks the server to stop what it is at, where that is what somebody wants to stop.
void Connection::stop_first()
{
    if (!pipeline_.empty() && cancels_out_ == 0 && pipeline_.front()->abort_reason() != AbortReason::none)
        send_cancel();
}

void Connection::send_cancel()
{
    ++cancels_sent_;
    ++cancels_out_;
    surroundings_.background->run_blocking([self = shared_from_this()] {
        char reason[256] = {};
        const bool sent = self->cancel_ && PQcancel(self->cancel_.get(), reason, sizeof(reason)) == 1;
        if (!sent)
            self->log(LogLevel::warning, std::string("a cancel request was not sent: ").append(reason));
        self->cancelled();
    });
}

void Connection::cancelled()
{
    Ended ended;
    {
        const std::lock_guard lock(mutex_);
        if (--cancels_out_ > 0 || broken_)
            return;
        for (const auto& request : std::exchange(held_, {})) {
            if (broken_)
                leave(request, request->lost(*broken_, true), ended);
            else
                send(request, ended);
        }
        if (!broken_ && !pipeline_.empty())
            watch(ended);
    }
    after(std::move(ended), nullptr);
}

/// Looks again and again after requests that were asked to stop, or that must not take long.
void Connection::watch_abort()
{
    if (std::exchange(abort_watched_, true))
        return;
    struct Watch
    {
        std::shared_ptr<Connection> connection;
        asio::steady_timer timer;
        Stopping stopping = {};
    };
    auto state = std::make_shared<Watch>(Watch{shared_from_this(), asio::steady_timer(background()->executor())});
    struct Tick
    {
        std::shared_ptr<Watch> state;
        void operator()(const boost::system::error_code& error)
        {
            if (error || !state->connection->look_after_aborted(state->stopping))
                return;
            state->timer.expires_after(cancel_again);
            state->timer.async_wait(Tick{state});
        }
    };
    state->timer.expires_after(cancel_again);
    state->timer.async_wait(Tick{state});
}

/// Callers who wait no longer, behind others who do: they are told, and the connection stays with the others.
void Connection::give_up_behind(Ended& ended)
{
    const auto is_over = [now = Clock::now()](Request& request) {
        if (request.given_up || request.abort_reason() == AbortReason::none)
            return false;
        if (request.stopping_since == Clock::time_point())
            request.stopping_since = now;
        return now - request.stopping_since >= cancel_grace;
    };
    const Broken silence{"the server is at work for others", {}};
    for (std::size_t i = 1; i < pipeline_.size(); ++i)
        if (is_over(*pipeline_[i])) {
            pipeline_[i]->lost(silence, false); // it was sent, and may be carried out when its turn comes
            pipeline_[i]->given_up = true;
            ended.given_up.emplace_back(pipeline_[i], pipeline_[i]->outcome());
        }
    const auto not_sent =
        std::stable_partition(held_.begin(), held_.end(), [&](const auto& request) { return !is_over(*request); });
    for (auto request = not_sent; request != held_.end(); ++request)
        leave(*request, (*request)->lost(silence, true), ended);
    held_.erase(not_sent, held_.end());
}

bool Connection::look_after_aborted(Stopping& stopping)
{
    Ended ended;
    bool goes_on = true;
    {
        const std::lock_guard lock(mutex_);
        const auto is_watched = [](const auto& request) { return is_watched_for(*request); };
        if (broken_ || (std::none_of(pipeline_.begin(), pipeline_.end(), is_watched) &&
                        std::none_of(held_.begin(), held_.end(), is_watched))) {
            abort_watched_ = false;
            goes_on = false;
        } else {
            give_up_behind(ended);
            if (!pipeline_.empty() && is_watched(pipeline_.front())) {
                const Clock::time_point now = Clock::now();
                if (stopping.request != pipeline_.front())
                    stopping = Stopping{pipeline_.front(), now, now, cancel_again};
                if (now - stopping.since >= cancel_grace) {
                    break_off(Broken{"the server did not answer", {}}, ended);
                    goes_on = false;
                } else if (now >= stopping.next_cancel) {
                    stopping.pause *= 2;
                    stopping.next_cancel = now + stopping.pause;
                    stop_first();
                }
            }
        }
    }
    after(std::move(ended), nullptr);
    return goes_on;
}

} // namespace whisperstore::postgresql
