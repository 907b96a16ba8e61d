#pragma once
/// \file
/// The records of one query, read as they come.

#include <whisperstore/bolt/record.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/connection_url.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::bolt {

/// What a query changed, by the server's count.
struct Counters
{
    std::int64_t nodes_created = 0;
    std::int64_t nodes_deleted = 0;
    std::int64_t relationships_created = 0;
    std::int64_t relationships_deleted = 0;
    std::int64_t properties_set = 0;
    std::int64_t labels_added = 0;
    std::int64_t labels_removed = 0;
    std::int64_t indexes_added = 0;
    std::int64_t indexes_removed = 0;
    std::int64_t constraints_added = 0;
    std::int64_t constraints_removed = 0;
    std::int64_t system_updates = 0;
    bool contains_updates = false;
    bool contains_system_updates = false;
};

/// What the server says of a query once it is done.
struct Summary
{
    std::string query_type; ///< "r", "rw", "w" or "s" (schema)
    std::string database;   ///< where it ran
    Counters counters;
    List notifications; ///< maps; servers that speak Bolt 5.5 and newer send `statuses` instead
    List statuses;      ///< maps with gql_status and status_description
    Value plan;         ///< of EXPLAIN; null otherwise
    Value profile;      ///< of PROFILE; null otherwise
    std::chrono::milliseconds available_after{0}; ///< until the first record was there, by the server's clock
    std::chrono::milliseconds consumed_after{0};  ///< and until the last one was taken
    HostPort server;                              ///< who answered
    std::string server_agent;                     ///< "Neo4j/5.26.30"
    std::string protocol_version;                 ///< "5.8"
};

class ResultState;

/// A query under way. Records are fetched in batches (fetch_size) and the server waits while nobody takes them.
///
/// One coroutine at a time, the one that uses the session. Ends with its last record, consume(), an error, or
/// destruction: that never waits, and what was not read is dropped by the server. When the session or transaction
/// runs another query first, what is left of this one is fetched into memory and stays readable. Deadline and
/// cancellation are those of run(): cancelled in the middle, the query is ended by the server, too.
class Result
{
public:
    Result() noexcept; ///< at its end
    explicit Result(std::shared_ptr<ResultState> state) noexcept;
    Result(Result&&) noexcept;
    Result& operator=(Result&&) noexcept;
    Result(const Result&) = delete;
    Result& operator=(const Result&) = delete;
    ~Result();

    /// The names of the columns.
    const std::vector<std::string>& keys() const noexcept;
    /// The next record; nothing at the end, and after it.
    /// \throws StorageError as the query fails: the error that ended it is thrown again by every later call.
    awaitable<std::optional<Record>> next();
    /// All that are left.
    awaitable<std::vector<Record>> collect();
    /// The only record. \throws StorageError not_found where there is none, invalid_argument where there are more.
    awaitable<Record> single();
    /// Drops what is left and returns what the server says of the query.
    awaitable<Summary> consume();

private:
    void release() noexcept;
    std::shared_ptr<ResultState> state_;
};

} // namespace whisperstore::bolt
