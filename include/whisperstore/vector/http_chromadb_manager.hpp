#pragma once
/// \file
/// Vectors on one Chroma server.

#include <whisperstore/vector/chromadb_manager.hpp>

namespace whisperstore {

/// A Chroma server that is there already, by HTTP or HTTPS.
///
/// Uses `url`, or `host` (localhost) and `port` (8000); `api_key` (sent as `Authorization: Bearer` and
/// `X-Chroma-Token`: `chroma run` itself asks for none, proxies and hosted services do), `tls`, and the settings of
/// Chroma.
class HTTPChromaDBManager final : public ChromaDBManager
{
public:
    /// Does not connect. \throws StorageError invalid_argument where the configuration names several servers.
    explicit HTTPChromaDBManager(VectorDatabaseConfig config);
};

} // namespace whisperstore
