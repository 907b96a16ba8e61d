#include "cache/cold_reader.hpp"

#include "cache/ask_history.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/this_coro.hpp>

#include <new>
#include <utility>

namespace whisperstore {

/// Begun and not yet ended; gives it up when its coroutine is dropped instead of running to its end.
class RunningBootstrap
{
public:
    explicit RunningBootstrap(ChannelStore& store) noexcept : store_(store) {}
    ~RunningBootstrap()
    {
        if (bootstrap_)
            store_.give_up(bootstrap_);
    }
    RunningBootstrap(const RunningBootstrap&) = delete;
    RunningBootstrap& operator=(const RunningBootstrap&) = delete;

    void begun(std::shared_ptr<Bootstrap> bootstrap) noexcept { bootstrap_ = std::move(bootstrap); }
    void install(ChannelStore::Messages history)
    {
        store_.install(bootstrap_, std::move(history));
        bootstrap_.reset();
    }
    void fail(StorageError error) { store_.fail(std::exchange(bootstrap_, nullptr), std::move(error)); }
    const std::string& channel_id() const noexcept { return bootstrap_->channel_id(); }

private:
    ChannelStore& store_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

namespace {

/// A caller that waits for a bootstrap's answer.
class WaitingCaller
{
public:
    WaitingCaller(ChannelStore& store, std::shared_ptr<Bootstrap> bootstrap) noexcept
        : store_(store), bootstrap_(std::move(bootstrap))
    {
    }
    ~WaitingCaller() { store_.leave(bootstrap_); }
    WaitingCaller(const WaitingCaller&) = delete;
    WaitingCaller& operator=(const WaitingCaller&) = delete;

private:
    ChannelStore& store_;
    std::shared_ptr<Bootstrap> bootstrap_;
};

} // namespace

ColdReader::ColdReader(std::shared_ptr<ChannelStore> store, std::size_t bootstrap_limit)
    : store_(std::move(store)), bootstrap_limit_(bootstrap_limit)
{
}

void ColdReader::set_history(HistorySource source)
{
    auto history = source ? std::make_shared<const HistorySource>(std::move(source)) : nullptr;
    const std::lock_guard lock(mutex_);
    history_.swap(history);
    has_history_.store(history_ && bootstrap_limit_ != 0, std::memory_order_release);
}

ColdReader::History ColdReader::history() const
{
    if (bootstrap_limit_ == 0)
        return nullptr;
    const std::lock_guard lock(mutex_);
    return history_;
}

awaitable<ChannelStore::Messages> ColdReader::read(std::shared_ptr<ColdReader> self, Request request)
{
    std::optional<ChannelStore::Messages> messages = co_await try_read(self, request, true);
    while (!messages)
        messages = co_await try_read(self, request, false);
    co_return std::move(*messages);
}

awaitable<std::optional<ChannelStore::Messages>> ColdReader::try_read(std::shared_ptr<ColdReader> self,
                                                                      const Request& request, bool first_try)
{
    using Step = ChannelStore::Read::Step;
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const History history = self->history();
    // Made before the read, so that nothing can fail between a bootstrap's beginning and its owner.
    auto running = std::make_shared<RunningBootstrap>(*self->store_);
    ChannelStore::Read read = self->store_->read(request.channel_id, request.limit, request.exclude,
                                                 history ? &executor : nullptr, first_try);
    if (read.step == Step::done)
        co_return std::move(read.messages);
    if (read.step == Step::begin)
        running->begun(read.bootstrap);

    const std::string what = "waiting for the history of channel '" + request.channel_id + "'";
    if (read.step == Step::again) {
        co_await Event::wait(read.bootstrap->ended, what, request.context);
        co_return std::nullopt;
    }
    const WaitingCaller waiting(*self->store_, read.bootstrap);
    if (read.step == Step::begin) {
        OperationContext shared = request.context;
        shared.deadline.reset(); // the read serves others as well
        read.bootstrap->start(bootstrap(self, std::move(running), history, std::move(shared)));
    }
    co_await Event::wait(read.bootstrap->answered, what, request.context);
    const Bootstrap::Answer answer = read.bootstrap->answer();
    if (answer.error)
        throw *answer.error;
    if (!answer.messages)
        co_return std::nullopt;
    co_return answer.messages->newest(request.limit, request.exclude);
}

awaitable<void> ColdReader::bootstrap(std::shared_ptr<ColdReader> self, std::shared_ptr<RunningBootstrap> running,
                                      History history, OperationContext context)
{
    std::optional<StorageError> failure;
    try {
        ChannelStore::Messages messages =
            co_await ask_history(running->channel_id(), self->bootstrap_limit_, std::move(history), std::move(context));
        running->install(std::move(messages));
    } catch (const StorageError& error) {
        failure = error;
    } catch (const std::bad_alloc&) {
        failure = StorageError(StorageErrc::resource_exhausted, "out of memory");
    }
    if (failure)
        running->fail(*failure);
}

} // namespace whisperstore
