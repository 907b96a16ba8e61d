#pragma once
/// \file
/// Settings of the vector layer.

#include <whisperstore/core/tls_config.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace whisperstore {

/// How a vector manager connects.
struct VectorDatabaseConfig
{
    std::string type = "local_qdrant";       ///< local_qdrant, http_qdrant, distributed_qdrant, local_chromadb,
                                             ///< http_chromadb, distributed_chromadb
    std::filesystem::path persist_directory; ///< local types: where collections live
    bool read_only = false;                  ///< local types: opens beside a writing process
    std::string synchronous = "FULL";        ///< local_qdrant: as DatabaseConfig::synchronous
    /// \name local_qdrant: the graphs that broad searches use (docs/vector-search.md)
    ///@{
    std::size_t hnsw_threshold = 20'000;    ///< documents of a collection from which on it has graphs; 0: none ever
    std::size_t hnsw_ef = 64;               ///< how many candidates a search keeps; more: slower, fewer missed
    std::string hnsw_quantization = "int8"; ///< int8: a byte for each dimension beside the vectors; none: vectors only
    ///@}
    std::string host;                       ///< servers; empty: localhost
    std::uint16_t port = 0;                 ///< 0: 6333 of Qdrant, 8000 of Chroma
    std::string url;                        ///< takes precedence over host and port
    std::string api_key;                    ///< a secret
    std::vector<std::string> cluster_nodes; ///< distributed types: host:port of each
    /// \name http_qdrant and distributed_qdrant (docs/qdrant.md)
    ///@{
    bool exact_search = false; ///< compares with every document, without the graphs of the server: slower, none missed
    std::size_t search_ef = 0; ///< how many candidates a search by graph keeps; 0: the server's default
    std::string consistency;   ///< replicas a read asks: all, majority, quorum or a number; empty: the default
    std::string ordering;      ///< of writes: weak, medium or strong; empty: weak
    /// Of collections that are created; 0: the server's default, and on distributed_qdrant 3 replicas (or as many as
    /// there are nodes), of which most have to take a write.
    std::size_t shard_number = 0;
    std::size_t replication_factor = 0;
    std::size_t write_consistency_factor = 0;
    bool server_snapshots = false; ///< a backup also has the server make a snapshot of each collection
    ///@}
    /// \name local_chromadb, http_chromadb and distributed_chromadb (docs/chroma.md)
    ///@{
    std::string chroma_tenant = "default_tenant";
    std::string chroma_database = "default_database";
    /// local_chromadb: the program that is started, with `run …` behind it; empty: `chroma` where it is found in PATH
    std::string chroma_command;
    /// Of the graphs of collections that are created: more is slower and misses fewer. With these 0 to 1 of 100 of the
    /// ten most similar of 10,000 random vectors of 384 dimensions are missed (Chroma's own: 49 of 100).
    std::size_t chroma_ef_search = 800;
    std::size_t chroma_ef_construction = 200;
    std::size_t chroma_max_neighbors = 32;
    ///@}
    bool backup_enabled = true;
    TlsConfig tls = {};
};

} // namespace whisperstore
