#pragma once
/// \file
/// A client of Neo4j, or of anything that speaks Bolt. Independent of the rest of whisperstore but for its errors,
/// contexts and coroutines.

#include <whisperstore/bolt/config.hpp>
#include <whisperstore/bolt/session.hpp>
#include <whisperstore/core/async.hpp>
#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::bolt {

class DriverState;

/// Who answered, and in which version.
struct ServerInfo
{
    HostPort address;
    std::string agent;            ///< "Neo4j/5.26.30"
    std::string protocol_version; ///< "5.8"
};

/// The connections to one server right now.
struct ConnectionCounts
{
    HostPort address;
    std::size_t in_use = 0;
    std::size_t idle = 0;
    std::size_t waiting = 0;  ///< callers in line
    std::uint64_t opened = 0; ///< since the driver began
};

/// Connection pools and routing tables: one for a program and each set of credentials. Bolt 4.4 and 5.0 to 5.8, with
/// the manifest handshake where the server knows it. Thread safe; has no thread of its own, connections are opened and
/// watched by the event loops of the coroutines that use them.
class Driver
{
public:
    /// Nothing is connected yet.
    /// \throws StorageError invalid_argument naming the setting.
    explicit Driver(DriverConfig config);
    /// Closes what is at rest; sessions under way end with what they are doing.
    ~Driver();
    Driver(Driver&&) noexcept;
    Driver& operator=(Driver&&) noexcept;
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    /// Asks a server for a sign of life (with `neo4j`, one that may be read from).
    /// \throws StorageError authentication, unavailable, timeout, …
    awaitable<ServerInfo> verify_connectivity(OperationContext context = OperationContext());
    /// \throws StorageError closed.
    Session session(SessionConfig config = SessionConfig());
    /// Closes every connection; those in use when they are given back. Later calls are `closed`. Idempotent.
    awaitable<void> close();

    /// A copy for diagnosis, by address.
    std::vector<ConnectionCounts> connections() const;

private:
    std::shared_ptr<DriverState> state_;
};

} // namespace whisperstore::bolt
