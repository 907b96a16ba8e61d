#pragma once
// From a node's name to its addresses.

#include "protocol/http/stream.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <vector>

namespace whisperstore::http {

/// The addresses of a node, as the system orders them. An address needs no look-up. Ends at the deadline although the
/// system's look-up cannot be stopped: that goes on unseen, and its answer is thrown away. On a strand, without
/// throw_if_cancelled, as Stream. Throws Failure.
awaitable<std::vector<asio::ip::tcp::endpoint>> addresses_of(HostPort node, Time deadline);

} // namespace whisperstore::http
