#pragma once
// One request and its answer on one connection.

#include "protocol/http/message.hpp"
#include "protocol/http/request_head.hpp"
#include "protocol/http/stream.hpp"

#include <cstddef>
#include <cstdint>

namespace whisperstore::http {

/// What is known of an exchange however it ended.
struct ExchangeReport
{
    bool wrote = false;               ///< something of the request left this process
    bool answered = false;            ///< something of the answer came
    bool delivered = false;           ///< something of the body went to the sink
    bool reusable = false;            ///< the connection is clean
    std::uint64_t sent_bytes = 0;     ///< without those of TLS
    std::uint64_t received_bytes = 0; ///< the same
};

struct ExchangeLimits
{
    std::size_t response = 0; ///< bytes of the decompressed body that are kept; of a sink's only errors are
    Time deadline{};
};

/// Bytes of the body of a refusal that are kept where the body would go to a sink.
inline constexpr std::size_t largest_refusal = 64 * 1024;

/// Sends and reads. An answer that comes before the request is sent wholly ends the sending (a server that refuses a
/// large body). On the stream's strand; everything it is given outlives it. Throws Failure, and whatever the source
/// and the sink throw.
/// \param sink takes the body of a success; null: it is kept in the answer
awaitable<Response> exchange(Stream& stream, const Request& request, const RequestFrame& frame, const BodySink* sink,
                             ExchangeLimits limits, ExchangeReport& report);

} // namespace whisperstore::http
