#pragma once

#include "support/cancellable.hpp"
#include "unit/resilience_fakes.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace whisperstore::test {

using Clock = OperationContext::Clock;

/// A scripted database behind the layers of a configuration.
class Layers : public testing::Test
{
protected:
    void use(const ResilienceConfig& config)
    {
        ChainSources sources;
        if (fake_time)
            sources.now = [time = time] { return Clock::time_point(Clock::duration(*time)); };
        sources.random = [] { return 0.5; };
        store = decorate_with(fake, config, observer, std::move(sources));
    }
    void pass(Clock::duration duration) { *time += duration.count(); }

    QueryResult read(OperationContext context = OperationContext())
    {
        return run(store->execute_query("SELECT 1", Parameters(), std::move(context)));
    }
    QueryResult write(OperationContext context = OperationContext())
    {
        return run(store->execute_query("INSERT INTO t VALUES (1)", Parameters(), std::move(context)));
    }
    ResilienceStats stats() const { return resilience_stats(*store).value(); }
    Script& script() { return *fake->script; }

    std::shared_ptr<FakeDatabase> fake = std::make_shared<FakeDatabase>();
    std::shared_ptr<AbstractDatabaseAdapter> store;
    std::shared_ptr<RecordingObserver> observer = std::make_shared<RecordingObserver>();
    bool fake_time = false;
    std::shared_ptr<std::atomic<Clock::rep>> time =
        std::make_shared<std::atomic<Clock::rep>>(Clock::duration(std::chrono::hours(1)).count());
};

} // namespace whisperstore::test
