#pragma once
// PostgreSQL adapters for tests.

#include "servers/postgresql_servers.hpp"
#include "support/run.hpp"

#include <whisperstore/database/postgresql_adapter.hpp>

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string_view>

namespace whisperstore::test {

inline DatabaseConfig postgresql_config(const ConnectionUrl& url, std::size_t pool_size = 4)
{
    DatabaseConfig config;
    config.type = "postgresql";
    config.connection_string = url.to_string();
    config.pool_size = pool_size;
    return config;
}

inline std::shared_ptr<PostgreSQLAdapter> connected(const ConnectionUrl& url, std::size_t pool_size = 4)
{
    auto adapter = std::make_shared<PostgreSQLAdapter>(postgresql_config(url, pool_size));
    run(adapter->connect());
    return adapter;
}

/// Whether the longer variants of tests are asked for (WHISPERSTORE_THOROUGH=1).
inline bool thorough()
{
    const char* wish = std::getenv("WHISPERSTORE_THOROUGH");
    return wish && std::string_view(wish) == "1";
}

/// The test's seed, or WHISPERSTORE_SEED; printed, so that a failure can be had again.
inline std::uint64_t seed_of_test(std::uint64_t usual)
{
    if (const char* wish = std::getenv("WHISPERSTORE_SEED"); wish && *wish)
        std::from_chars(wish, wish + std::string_view(wish).size(), usual);
    std::cout << "seed " << usual << " (WHISPERSTORE_SEED)\n";
    return usual;
}

} // namespace whisperstore::test
