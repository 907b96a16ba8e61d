// What a watch knows, and waiting for it to change.

#include "database/postgresql/cluster/watch.hpp"

namespace whisperstore::postgresql {

namespace {

using std::chrono::milliseconds;

/// A replica that is not there within this is read from later; longer than streaming takes, and short for a caller.
constexpr auto catch_up_limit = milliseconds(20);
/// Where waiting is mostly in vain it is tried so often all the same.
constexpr auto next_attempt = milliseconds(250);
/// The weight of an attempt among all before it.
constexpr double attempt_weight = 1.0 / 16;

bool is_lasting(StorageErrc code)
{
    return code == StorageErrc::authentication || code == StorageErrc::not_found || code == StorageErrc::permission ||
           code == StorageErrc::invalid_argument || code == StorageErrc::unsupported;
}

} // namespace

std::optional<std::size_t> Watch::writer_for(const std::optional<LogPosition>& written) const
{
    const std::lock_guard lock(mutex_);
    return topology_.writer_for(written);
}

ReaderChoice Watch::choose_reader(const std::optional<LogPosition>& written)
{
    const std::lock_guard lock(mutex_);
    return topology_.choose_reader(written, {}, Clock::now());
}

std::optional<LogPosition> Watch::settle(const LogPosition& unknown) const
{
    const std::lock_guard lock(mutex_);
    return topology_.settle(unknown);
}

std::uint32_t Watch::timeline() const
{
    const std::lock_guard lock(mutex_);
    return topology_.timeline();
}

bool Watch::is_replica(std::size_t node) const
{
    const std::lock_guard lock(mutex_);
    return topology_.writer() != node;
}

std::vector<NodeStatus> Watch::status() const
{
    const std::lock_guard lock(mutex_);
    return topology_.status(Clock::now());
}

std::uint64_t Watch::failovers() const
{
    const std::lock_guard lock(mutex_);
    return topology_.failovers();
}

StorageError Watch::no_writer(StorageErrc code) const
{
    const std::lock_guard lock(mutex_);
    ErrorDetails details;
    details.retryable = code == StorageErrc::unavailable;
    return StorageError(code,
                        "no server of the cluster is known to be the primary (" +
                            topology_.describe_missing_writer(Clock::now()) +
                            "): is one of them up and promoted? The servers are named by POSTGRES_HOST",
                        std::move(details));
}

std::optional<StorageError> Watch::refusal() const
{
    const std::lock_guard lock(mutex_);
    std::optional<StorageError> first;
    for (std::size_t node = 0; node < servers_.size(); ++node) {
        if (topology_.retired(node))
            continue;
        const std::optional<StorageError>& failure = servers_[node]->failure;
        if (!failure || !is_lasting(failure->errc()))
            return std::nullopt;
        if (!first)
            first = failure;
    }
    return first;
}

bool Watch::is_unreachable() const
{
    const std::lock_guard lock(mutex_);
    for (std::size_t node = 0; node < servers_.size(); ++node)
        if (!topology_.retired(node) && !servers_[node]->failure)
            return false;
    return true;
}

// ---- waiting

std::uint64_t Watch::version() const
{
    const std::lock_guard lock(mutex_);
    return version_;
}

awaitable<void> Watch::changed_since(std::uint64_t version, OperationContext context)
{
    auto waiter = std::make_shared<Job>();
    std::function<void(std::shared_ptr<Job>)> submit = [self = shared_from_this(),
                                                        version](const std::shared_ptr<Job>& job) {
        {
            const std::lock_guard lock(self->mutex_);
            if (self->stopped_)
                throw StorageError(StorageErrc::closed, "the adapter was disconnected");
            if (self->version_ == version) {
                self->waiting_.push_back(job);
                return;
            }
        }
        if (job->begin())
            job->complete();
    };
    co_await Job::wait(waiter, std::move(submit), std::move(context));
}

bool Watch::is_worth_waiting()
{
    const std::lock_guard lock(mutex_);
    if (catching_up_ >= 0.5)
        return true;
    const Clock::time_point now = Clock::now();
    if (now < next_attempt_)
        return false;
    next_attempt_ = now + next_attempt;
    return true;
}

void Watch::note_attempt(bool caught_up)
{
    const std::lock_guard lock(mutex_);
    catching_up_ += ((caught_up ? 1.0 : 0.0) - catching_up_) * attempt_weight;
}

awaitable<std::optional<std::size_t>> Watch::caught_up(LogPosition written, OperationContext context)
{
    /// As long as it lives the replicas are asked for their places.
    class Asking
    {
    public:
        explicit Asking(Watch& watch) : watch_(watch) { change(1); }
        ~Asking() { change(-1); }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;

    private:
        void change(int by)
        {
            const std::lock_guard lock(watch_.mutex_);
            watch_.waiting_for_replicas_ =
                static_cast<std::size_t>(static_cast<int>(watch_.waiting_for_replicas_) + by);
        }
        Watch& watch_;
    };
    const auto self = shared_from_this();
    const OperationContext limited = context.limited_to(catch_up_limit);
    const Asking asking(*this);
    wake_all();
    while (true) {
        const std::uint64_t seen = version();
        const ReaderChoice choice = choose_reader(written);
        if (choice.node && is_replica(*choice.node)) {
            note_attempt(true);
            co_return choice.node;
        }
        if (!choice.replica_behind)
            co_return std::nullopt;
        try {
            co_await changed_since(seen, limited);
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::timeout || context.expired())
                throw;
            break;
        }
    }
    note_attempt(false);
    co_return std::nullopt;
}

} // namespace whisperstore::postgresql
