#include "database/postgresql/pool.hpp"

#include "core/failure.hpp"
#include "database/postgresql/statement_request.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using Clock = std::chrono::steady_clock;

// Reads on one connection before the next one is used.
constexpr std::size_t packed_depth = 24;
// Whatever is at work longer than that keeps others from being put behind it: reads, and writes, which wait for the
// disk.
constexpr auto read_patience = std::chrono::milliseconds(2);
constexpr auto write_patience = std::chrono::milliseconds(10);
// Anything on one connection.
constexpr std::size_t most_depth = 64;
// After a connection could not be opened beside others that stand.
constexpr auto pause_after_failure = std::chrono::milliseconds(500);
// A connection that takes longer to open is not counted on, so that those who come after the network was silent need
// not wait for what got lost then. So many of them may be there beside the others.
constexpr auto opening_patience = std::chrono::seconds(1);
constexpr std::size_t most_given_up = 10;

StorageError disconnected() { return StorageError(StorageErrc::closed, "the adapter was disconnected"); }

} // namespace

/// Somebody who waits for a connection of its own.
class Pool::LeaseRequest final : public Job
{
public:
    Lease lease;
};

Pool::Pool(Surroundings surroundings) : surroundings_(std::move(surroundings)) {}

Pool::~Pool()
{
    for (const Member& member : members_)
        member.connection->close("the adapter was dropped");
}

awaitable<void> Pool::warm_up(OperationContext context) { Lease first = co_await lease(std::move(context)); }

awaitable<void> Pool::run(std::shared_ptr<Request> request, OperationContext context)
{
    request->set_pool(shared_from_this());
    std::function<void(std::shared_ptr<Job>)> submit = [this](const std::shared_ptr<Job>& job) { enter(job); };
    co_await Job::wait(request, std::move(submit), std::move(context));
}

awaitable<Lease> Pool::lease(OperationContext context)
{
    auto request = std::make_shared<LeaseRequest>();
    std::function<void(std::shared_ptr<Job>)> submit = [this](const std::shared_ptr<Job>& job) { enter(job); };
    co_await Job::wait(request, std::move(submit), std::move(context));
    co_return std::move(request->lease);
}

awaitable<Lease> Pool::open_extra()
{
    auto self = shared_from_this();
    auto opening = Connection::open(surroundings_);
    // One thread, which the caller's executor need not be.
    auto connection =
        co_await asio::co_spawn(surroundings_.background->executor(), std::move(opening), asio::use_awaitable);
    Lease extra(std::move(self), std::move(connection));
    co_return extra;
}

void Pool::enter(const std::shared_ptr<Job>& job)
{
    Decision decision;
    {
        const std::lock_guard lock(mutex_);
        if (closed_)
            throw disconnected();
        sweep(decision);
        line_.push_back(job);
        serve_line(decision);
        // Whoever is still in line is its last.
        if (!line_.empty() && line_.back() == job && line_.size() > surroundings_.options->max_waiting) {
            line_.pop_back();
            ++refused_;
            decision.refusals.emplace_back(
                job, std::make_exception_ptr(StorageError(
                         StorageErrc::resource_exhausted,
                         "all " + std::to_string(surroundings_.options->pool_size) + " connections are busy and " +
                             std::to_string(surroundings_.options->max_waiting) +
                             " callers wait, which is all the pool allows: try again later, or raise the pool size",
                         ErrorDetails{"", "", "", Outcome::not_applied, true})));
        }
    }
    carry_out(std::move(decision));
}

void Pool::submit_again(const std::shared_ptr<Request>& request)
{
    Decision decision;
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            decision.refusals.emplace_back(request, std::make_exception_ptr(disconnected()));
        } else {
            sweep(decision);
            line_.push_front(request); // it has waited before
            serve_line(decision);
        }
    }
    carry_out(std::move(decision));
}

/// Forgets connections that broke.
void Pool::sweep(Decision& decision)
{
    const auto broken = [&](const Member& member) {
        if (!member.connection->is_broken())
            return false;
        ++lost_;
        decision.gone.push_back(member.connection);
        return true;
    };
    std::erase_if(members_, broken);
}

std::shared_ptr<Connection> Pool::choose_free(Decision& decision)
{
    for (std::size_t i = 0; i < members_.size();) {
        Member& member = members_[i];
        if (!member.leased && member.depth() == 0) {
            if (!member.connection->is_gone())
                return member.connection;
            ++lost_;
            decision.gone.push_back(member.connection);
            members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
            continue;
        }
        ++i;
    }
    want_more(decision);
    return nullptr;
}

std::shared_ptr<Connection> Pool::choose(const Request& request, Decision& decision)
{
    const Request::Sharing sharing = request.sharing();
    if (sharing == Request::Sharing::packed) {
        for (const Member& member : members_) {
            const std::size_t depth = member.depth();
            if (!member.leased && depth > 0 && depth < packed_depth && !member.connection->is_slow(read_patience))
                return member.connection;
        }
    }
    if (auto free = choose_free(decision))
        return free;
    // Behind others, where that cannot be long.
    std::shared_ptr<Connection> best;
    std::size_t least = most_depth;
    const auto patience = sharing == Request::Sharing::spread ? write_patience : read_patience;
    for (const Member& member : members_) {
        const std::size_t depth = member.depth();
        if (member.leased || depth >= least || member.connection->is_slow(patience))
            continue;
        least = depth;
        best = member.connection;
    }
    // What may be long waits for a connection of its own as long as the pool grows.
    if (sharing == Request::Sharing::alone && (coming() + wanted_ > 0))
        return nullptr;
    return best;
}

void Pool::want_more(Decision& decision)
{
    const std::size_t pool_size = surroundings_.options->pool_size;
    const std::size_t counted_on = coming() + decision.opens;
    if (closed_ || members_.size() + counted_on >= pool_size ||
        members_.size() + opening_.size() + decision.opens >= pool_size + most_given_up)
        return;
    // Where one has just failed, others that are coming decide what becomes of the line: with a new one for each that
    // fails it would wait, and a server that refuses be asked, without an end.
    if ((!members_.empty() || counted_on > 0) && Clock::now() < no_more_until_)
        return;
    // One for each in line that has none coming.
    if (counted_on >= std::max<std::size_t>(line_.size(), 1))
        return;
    ++decision.opens;
    wanted_ = decision.opens;
}

Pool::Member* Pool::member_of(const std::shared_ptr<Connection>& connection) noexcept
{
    const auto found = std::find_if(members_.begin(), members_.end(),
                                    [&](const Member& member) { return member.connection == connection; });
    return found == members_.end() ? nullptr : &*found;
}

void Pool::serve_line(Decision& decision)
{
    wanted_ = decision.opens;
    while (!line_.empty()) {
        const std::shared_ptr<Job> next = line_.front();
        if (auto request = std::dynamic_pointer_cast<Request>(next)) {
            if (request->abort_reason() != AbortReason::none) {
                // In line for the second time: it has begun, so its end is ours to tell.
                line_.pop_front();
                decision.refusals.emplace_back(
                    request, std::make_exception_ptr(abort_error(request->abort_reason(), "waiting for its turn")));
                continue;
            }
            auto connection = choose(*request, decision);
            if (!connection)
                break;
            line_.pop_front();
            ++member_of(connection)->coming;
            decision.sends.emplace_back(std::move(connection), std::move(request));
            // What was decided counts as done for the next in line only once it is sent.
            if (!line_.empty())
                break;
        } else {
            auto wants = std::static_pointer_cast<LeaseRequest>(next);
            if (wants->abort_reason() != AbortReason::none) {
                line_.pop_front();
                continue;
            }
            auto connection = choose_free(decision);
            if (!connection)
                break;
            line_.pop_front();
            member_of(connection)->leased = true;
            decision.leases.emplace_back(std::move(connection), std::move(wants));
        }
    }
    decision.now = Clock::now();
    for (std::size_t i = 0; i < decision.opens; ++i)
        opening_.insert(decision.now);
    wanted_ = 0;
    if (closed_) {
        const auto busy = [](const Member& member) { return member.leased || member.depth() > 0; };
        decision.closed = coming() == 0 && std::none_of(members_.begin(), members_.end(), busy);
    }
}

void Pool::carry_out(Decision decision)
{
    while (true) {
        for (std::size_t i = 0; i < decision.opens; ++i)
            open_one(decision.now);
        for (const auto& [job, error] : decision.refusals)
            if (job->begin() || job->is_running()) // else it was aborted in line, and told
                job->complete(error);
        for (const auto& [connection, wants] : decision.leases) {
            if (wants->begin()) {
                wants->lease = Lease(shared_from_this(), connection);
                wants->complete();
            } else {
                give_back(connection);
            }
        }
        const bool sent = !decision.sends.empty();
        for (const auto& [connection, request] : decision.sends)
            if (request->begin() || request->is_running())
                connection->submit(request);
        std::vector<std::shared_ptr<Job>> ended;
        Decision next;
        {
            const std::lock_guard lock(mutex_);
            for (const auto& [connection, request] : decision.sends)
                if (Member* member = member_of(connection)) // it may have broken at once
                    --member->coming;
            if (decision.closed)
                ended.swap(closing_);
            if (sent && (!line_.empty() || closed_))
                serve_line(next);
        }
        for (const auto& job : ended)
            if (job->begin())
                job->complete();
        if (!sent)
            return;
        decision = std::move(next);
    }
}

void Pool::changed()
{
    Decision decision;
    {
        const std::lock_guard lock(mutex_);
        sweep(decision);
        serve_line(decision);
    }
    carry_out(std::move(decision));
}

void Pool::give_back(const std::shared_ptr<Connection>& connection) noexcept
{
    {
        const std::lock_guard lock(mutex_);
        if (Member* member = member_of(connection))
            member->leased = false;
    }
    changed();
}

std::size_t Pool::coming() const
{
    const auto first = opening_.upper_bound(Clock::now() - opening_patience);
    return static_cast<std::size_t>(std::distance(first, opening_.end()));
}

void Pool::open_one(Clock::time_point since)
{
    auto self = shared_from_this();
    auto work = Connection::open(surroundings_);
    asio::co_spawn(surroundings_.background->executor(), std::move(work),
                   [self, since](std::exception_ptr error, std::shared_ptr<Connection> connection) {
                       if (error)
                           self->not_opened(since, std::move(error));
                       else
                           self->opened(since, connection);
                   });
}

void Pool::opened(Clock::time_point since, const std::shared_ptr<Connection>& connection)
{
    connection->set_pool(shared_from_this());
    bool is_needed = false;
    {
        const std::lock_guard lock(mutex_);
        opening_.erase(opening_.find(since));
        ++opened_;
        is_needed = !closed_ && members_.size() < surroundings_.options->pool_size;
        if (is_needed)
            members_.push_back(Member{connection});
    }
    if (!is_needed)
        connection->close("others were opened meanwhile");
    changed();
}

void Pool::not_opened(Clock::time_point since, std::exception_ptr error)
{
    Decision decision;
    {
        const std::lock_guard lock(mutex_);
        opening_.erase(opening_.find(since));
        no_more_until_ = Clock::now() + pause_after_failure;
        // Where others stand the line waits for them.
        if (members_.empty() && coming() == 0)
            for (const auto& job : std::exchange(line_, {}))
                decision.refusals.emplace_back(job, error);
        serve_line(decision);
    }
    carry_out(std::move(decision));
}

awaitable<void> Pool::close()
{
    auto ended = std::make_shared<Job>();
    const auto self = shared_from_this();
    std::function<void(std::shared_ptr<Job>)> submit = [self](const std::shared_ptr<Job>& job) {
        Decision decision;
        {
            const std::lock_guard lock(self->mutex_);
            self->closed_ = true;
            self->closing_.push_back(job);
            for (const auto& waiting : std::exchange(self->line_, {}))
                decision.refusals.emplace_back(waiting, std::make_exception_ptr(disconnected()));
            self->serve_line(decision);
        }
        self->carry_out(std::move(decision));
    };
    co_await Job::wait_uninterrupted(ended, std::move(submit));
    drop("disconnected");
}

void Pool::drop(const std::string& reason)
{
    std::vector<Member> members;
    Decision decision;
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        members = members_;
        for (const auto& waiting : std::exchange(line_, {}))
            decision.refusals.emplace_back(waiting, std::make_exception_ptr(disconnected()));
    }
    carry_out(std::move(decision));
    for (const Member& member : members)
        member.connection->close(reason);
}

PoolStats Pool::stats() const
{
    const std::lock_guard lock(mutex_);
    PoolStats stats;
    for (const Member& member : members_) {
        if (member.connection->is_broken())
            continue;
        ++stats.open;
        stats.leased += member.leased ? 1 : 0;
        stats.busy += member.leased || member.connection->depth() > 0 ? 1 : 0;
    }
    stats.opening = opening_.size();
    stats.waiting = line_.size();
    stats.opened = opened_;
    stats.lost = lost_;
    stats.refused = refused_;
    return stats;
}

} // namespace whisperstore::postgresql
