#include "conformance/cache_history.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace whisperstore::test {

UniversalMessage test_message(std::int64_t id) { return test_message(id, id); }

UniversalMessage test_message(std::int64_t id, std::int64_t second)
{
    UniversalMessage message;
    message.message_id = id;
    message.user_id = "u1";
    message.username = "Ada";
    message.content = "message " + std::to_string(id);
    message.timestamp = parse_timestamp("2026-01-01T00:00:00Z") + std::chrono::seconds(second);
    return message;
}

std::vector<std::int64_t> ids_of(const std::vector<CachedMessage>& messages)
{
    std::vector<std::int64_t> ids;
    ids.reserve(messages.size());
    for (const CachedMessage& message : messages)
        ids.push_back(message->message_id);
    return ids;
}

std::vector<std::int64_t> range(std::int64_t first, std::int64_t last)
{
    std::vector<std::int64_t> ids;
    for (std::int64_t id = first; id <= last; ++id)
        ids.push_back(id);
    return ids;
}

HistorySource TestHistory::source()
{
    return [self = shared_from_this()](std::string channel_id, std::size_t limit, OperationContext context) {
        return read(self, std::move(channel_id), limit, std::move(context));
    };
}

void TestHistory::put(const UniversalMessage& message)
{
    const std::lock_guard lock(mutex_);
    messages_.insert_or_assign(message.message_id, message);
}

void TestHistory::put_range(std::int64_t first, std::int64_t last)
{
    for (const std::int64_t id : range(first, last))
        put(test_message(id));
}

void TestHistory::erase(std::int64_t id)
{
    const std::lock_guard lock(mutex_);
    messages_.erase(id);
}

void TestHistory::hold()
{
    const std::lock_guard lock(mutex_);
    holding_ = true;
}

void TestHistory::release()
{
    std::vector<std::shared_ptr<Job>> jobs;
    {
        const std::lock_guard lock(mutex_);
        holding_ = false;
        jobs.swap(held_);
    }
    for (const auto& job : jobs)
        if (job->begin())
            job->complete();
}

std::size_t TestHistory::held() const
{
    const std::lock_guard lock(mutex_);
    return held_.size();
}

void TestHistory::set_hook(std::function<void(std::vector<UniversalMessage>&)> hook)
{
    const std::lock_guard lock(mutex_);
    hook_ = std::move(hook);
}

OperationContext TestHistory::last_context() const
{
    const std::lock_guard lock(mutex_);
    return last_context_;
}

std::vector<UniversalMessage> TestHistory::newest(std::size_t limit) const
{
    const std::lock_guard lock(mutex_);
    std::vector<UniversalMessage> messages;
    for (const auto& [id, message] : messages_)
        messages.push_back(message);
    std::stable_sort(messages.begin(), messages.end(),
                     [](const UniversalMessage& a, const UniversalMessage& b) { return a.timestamp > b.timestamp; });
    messages.resize(std::min(messages.size(), limit));
    return messages;
}

awaitable<void> TestHistory::pass()
{
    const auto job = std::make_shared<Job>();
    {
        const std::lock_guard lock(mutex_);
        if (!holding_)
            co_return;
    }
    std::function<void(std::shared_ptr<Job>)> enlist = [this](std::shared_ptr<Job> waiting) {
        {
            const std::lock_guard lock(mutex_);
            if (holding_) {
                held_.push_back(std::move(waiting));
                return;
            }
        }
        if (waiting->begin())
            waiting->complete();
    };
    try {
        co_await Job::wait(job, std::move(enlist), OperationContext());
    } catch (const StorageError&) {
        ++cancelled_;
        const std::lock_guard lock(mutex_);
        std::erase(held_, job);
        throw;
    }
}

awaitable<std::vector<UniversalMessage>> TestHistory::read(std::shared_ptr<TestHistory> self, std::string channel_id,
                                                           std::size_t limit, OperationContext context)
{
    ++self->calls_;
    self->last_limit_ = limit;
    std::function<void(std::vector<UniversalMessage>&)> hook;
    {
        const std::lock_guard lock(self->mutex_);
        self->last_context_ = std::move(context);
        self->most_at_once_ = std::max(self->most_at_once_.load(), ++self->running_[channel_id]);
        hook = self->hook_;
    }
    const std::shared_ptr<void> leaving(nullptr, [self, channel_id](void*) {
        const std::lock_guard lock(self->mutex_);
        --self->running_[channel_id];
    });
    // Taken before the wait: by the time they arrive they are as old as they can be.
    std::vector<UniversalMessage> messages = self->newest(limit);
    co_await self->pass();
    if (hook)
        hook(messages);
    co_return messages;
}

} // namespace whisperstore::test
