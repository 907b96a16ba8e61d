#pragma once
// A PostgreSQL server for measuring, or somebody's own.

#include <filesystem>
#include <string>

namespace whisperstore::bench {

/// The server that WHISPERSTORE_BENCH_POSTGRESQL_URL names, or else one of its own: Debian's newest, on 127.0.0.1 with
/// a password, with 128 MB of buffers, and with fsync as it is by default. It ends with the object.
class PostgresqlServer
{
public:
    explicit PostgresqlServer(const std::filesystem::path& folder);
    ~PostgresqlServer();
    PostgresqlServer(const PostgresqlServer&) = delete;
    PostgresqlServer& operator=(const PostgresqlServer&) = delete;

    const std::string& url() const noexcept { return url_; }

private:
    std::string url_;
    std::filesystem::path folder_; // empty: somebody's own
    std::filesystem::path programs_;
};

} // namespace whisperstore::bench
