#pragma once
// A Qdrant server for measuring, or somebody's own.

#include <filesystem>
#include <string>

namespace whisperstore::bench {

/// The server that WHISPERSTORE_BENCH_QDRANT_URL names (http://host:port, one that asks for no API key), or else the
/// tests' stand-in: Qdrant's own engine behind one Python process, which searches exactly and keeps what it stores in
/// memory. That one ends with the object.
class QdrantServer
{
public:
    explicit QdrantServer(const std::filesystem::path& folder);
    ~QdrantServer();
    QdrantServer(const QdrantServer&) = delete;
    QdrantServer& operator=(const QdrantServer&) = delete;

    const std::string& url() const noexcept { return url_; }

private:
    std::string url_;
    std::filesystem::path folder_; // empty: somebody's own
};

} // namespace whisperstore::bench
