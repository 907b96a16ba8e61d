#pragma once
// The table of point selects, and reading it by many coroutines of one thread.

#include "in_flight.hpp"
#include "raw_postgresql.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>

#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

namespace whisperstore::bench {

inline constexpr std::size_t point_rows = 100000;
inline constexpr std::size_t point_bytes = 700;
inline constexpr const char* point_sql = "SELECT id, user_id, name, score, body FROM points WHERE id = $1";

/// A hundred thousand rows of about 700 bytes.
inline void make_points(RawPostgresql& raw)
{
    raw.run("DROP TABLE IF EXISTS points");
    raw.run("CREATE TABLE points (id BIGINT PRIMARY KEY, user_id TEXT, name TEXT, score DOUBLE PRECISION, body TEXT)");
    raw.run("INSERT INTO points SELECT i, 'user-' || i % 1000, 'name ' || i, i / 7.0, repeat('x', " +
            std::to_string(point_bytes) + ") FROM generate_series(0, " + std::to_string(point_rows - 1) + ") i");
    raw.run("VACUUM ANALYZE points");
    raw.run("CHECKPOINT");
}

inline awaitable<void> select_points(AbstractDatabaseAdapter& database, std::shared_ptr<std::size_t> left,
                                     std::size_t& bytes)
{
    std::minstd_rand random(static_cast<unsigned>(*left) + 7U);
    const std::string sql = point_sql;
    while (*left > 0) {
        --*left;
        Parameters values = params(arg(static_cast<std::int64_t>(random() % point_rows)));
        const QueryResult result = co_await database.execute_query(sql, std::move(values));
        const Row row = result.rows[0];
        bytes += row["body"].as_text().size();
    }
}

/// Throws where rows are missing or incomplete.
inline void select_points_in_flight(AbstractDatabaseAdapter& database, std::size_t in_flight, std::size_t count)
{
    std::size_t bytes = 0;
    run_in_flight(in_flight, count,
                  [&](std::shared_ptr<std::size_t> left) { return select_points(database, std::move(left), bytes); });
    if (bytes != count * point_bytes)
        throw std::runtime_error("rows are missing or incomplete");
}

} // namespace whisperstore::bench
