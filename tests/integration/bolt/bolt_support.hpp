#pragma once
// Short ways to say what tests of the Bolt driver say often.

#include "servers/bolt_stub.hpp"
#include "support/cancellable.hpp"
#include "support/run.hpp"

#include <whisperstore/bolt/driver.hpp>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace whisperstore::test {

/// Quick to give up, so that a failing test does.
inline bolt::DriverConfig config_for(const std::string& uri)
{
    bolt::DriverConfig config;
    config.uri = uri;
    config.auth = bolt::BasicAuth{"neo4j", "secret"};
    config.connect_timeout = std::chrono::milliseconds(2000);
    config.max_transaction_retry_time = std::chrono::milliseconds(5000);
    return config;
}

inline bolt::SessionConfig reading()
{
    bolt::SessionConfig config;
    config.access_mode = bolt::AccessMode::read;
    return config;
}

inline OperationContext within(std::chrono::milliseconds limit) { return OperationContext::within(limit); }

/// The first value of the first record of a query.
inline awaitable<bolt::Value> ask(bolt::Session& session, std::string cypher,
                                  OperationContext context = OperationContext())
{
    bolt::Result result =
        co_await session.run(std::move(cypher), bolt::Map(), bolt::TransactionConfig(), std::move(context));
    const std::vector<bolt::Record> records = co_await result.collect();
    co_return records.at(0).get(0);
}

/// A query whose records do not matter.
inline awaitable<bolt::Summary> tell(bolt::Session& session, std::string cypher,
                                     OperationContext context = OperationContext())
{
    bolt::Result result =
        co_await session.run(std::move(cypher), bolt::Map(), bolt::TransactionConfig(), std::move(context));
    co_return co_await result.consume();
}

/// The work of a managed transaction that runs one query and reads it to the end.
inline auto one_query(std::string cypher)
{
    return [cypher = std::move(cypher)](bolt::Transaction& transaction) -> awaitable<bolt::Value> {
        bolt::Result result = co_await transaction.run(cypher);
        const std::vector<bolt::Record> records = co_await result.collect();
        co_return records.at(0).get(0);
    };
}

/// Nothing that the protocol does not allow was sent.
inline void expect_obedience(const BoltStub& stub) { EXPECT_EQ(stub.violations(), std::vector<std::string>()); }

} // namespace whisperstore::test
