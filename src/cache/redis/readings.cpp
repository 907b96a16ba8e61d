#include "cache/redis/readings.hpp"

#include <whisperstore/core/error.hpp>

#include <utility>

namespace whisperstore::redis {

Readings::Reading* Readings::find(const std::string& channel)
{
    const auto found = readings_.find(channel);
    return found == readings_.end() ? nullptr : &found->second;
}

Readings::Joined Readings::join(const std::string& channel, const asio::any_io_executor& executor,
                                const std::function<void()>& counted)
{
    const std::lock_guard lock(mutex_);
    if (Reading* reading = find(channel)) {
        const bool serves = !reading->given_up && !reading->outdated;
        if (serves)
            ++reading->callers;
        counted();
        return {serves ? Step::join : Step::again, reading->bootstrap};
    }
    Reading reading;
    reading.bootstrap = std::make_shared<Bootstrap>(channel, executor);
    reading.callers = 1;
    const auto bootstrap = reading.bootstrap;
    readings_.emplace(channel, std::move(reading));
    ++under_way_;
    counted();
    return {Step::begin, bootstrap};
}

void Readings::leave(const std::shared_ptr<Bootstrap>& bootstrap)
{
    {
        const std::lock_guard lock(mutex_);
        Reading* reading = find(bootstrap->channel_id());
        if (!reading || reading->bootstrap != bootstrap || --reading->callers != 0)
            return;
        reading->given_up = true;
    }
    bootstrap->cancel();
}

std::shared_ptr<Bootstrap> Readings::under_way(const std::string& channel)
{
    if (under_way_ == 0)
        return nullptr;
    const std::lock_guard lock(mutex_);
    const Reading* reading = find(channel);
    return reading ? reading->bootstrap : nullptr;
}

void Readings::added(const std::string& channel, const CachedMessage& message)
{
    if (under_way_ == 0)
        return;
    const std::lock_guard lock(mutex_);
    Reading* reading = find(channel);
    if (!reading)
        return;
    reading->outdated = true;
    if (reading->forgotten)
        reading->forgotten->add(message);
}

void Readings::removed(const std::string& channel, std::int64_t message_id)
{
    if (under_way_ == 0)
        return;
    const std::lock_guard lock(mutex_);
    Reading* reading = find(channel);
    if (!reading)
        return;
    reading->outdated = true;
    if (reading->forgotten)
        reading->forgotten->remove(message_id);
}

void Readings::cleared(const std::shared_ptr<Bootstrap>& bootstrap, Channel held)
{
    const std::lock_guard lock(mutex_);
    Reading* reading = find(bootstrap->channel_id());
    if (!reading || reading->bootstrap != bootstrap || reading->given_up)
        return;
    reading->given_up = true;
    held.expect_fill(true);
    reading->forgotten = std::move(held);
}

bool Readings::answer_forgotten(const std::shared_ptr<Bootstrap>& bootstrap, const std::vector<CachedMessage>& history)
{
    std::optional<Channel> forgotten;
    {
        const std::lock_guard lock(mutex_);
        Reading* reading = find(bootstrap->channel_id());
        if (!reading || reading->bootstrap != bootstrap || !reading->forgotten)
            return false;
        forgotten = std::move(reading->forgotten);
    }
    forgotten->fill(history);
    Bootstrap::Answer answer;
    answer.messages = std::make_shared<const Channel>(std::move(*forgotten));
    end(bootstrap, std::move(answer));
    return true;
}

void Readings::end(const std::shared_ptr<Bootstrap>& bootstrap, Bootstrap::Answer answer)
{
    {
        const std::lock_guard lock(mutex_);
        const auto found = readings_.find(bootstrap->channel_id());
        if (found != readings_.end() && found->second.bootstrap == bootstrap) {
            readings_.erase(found);
            --under_way_;
        }
    }
    bootstrap->answer(std::move(answer));
    bootstrap->end();
}

std::vector<std::shared_ptr<Bootstrap>> Readings::close()
{
    std::vector<std::shared_ptr<Bootstrap>> running;
    {
        const std::lock_guard lock(mutex_);
        for (auto& [channel, reading] : readings_)
            running.push_back(reading.bootstrap);
        readings_.clear();
        under_way_ = 0;
    }
    for (const auto& bootstrap : running) {
        Bootstrap::Answer answer;
        answer.error = StorageError(StorageErrc::closed, "the cache was closed during the read");
        bootstrap->answer(std::move(answer));
        bootstrap->cancel();
    }
    return running;
}

} // namespace whisperstore::redis
