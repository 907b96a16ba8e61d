#pragma once
// Messages of the server (neo4j.com/docs/bolt/current/bolt/message). Pure.

#include "protocol/bolt/conversation.hpp"
#include "protocol/bolt/packstream.hpp"

#include <whisperstore/bolt/result.hpp>
#include <whisperstore/core/error.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore::bolt {

struct Response
{
    ResponseKind kind = ResponseKind::success;
    std::string_view body; ///< its field, packed; of the message it was read from
};
/// Throws Malformed.
Response read_response(std::string_view message);

/// The values of a RECORD. Throws Malformed.
std::vector<Value> read_record(std::string_view body, Dialect dialect);
/// The map of a SUCCESS or FAILURE. Throws Malformed.
Map read_metadata(std::string_view body, Dialect dialect);

/// \name Of such a map: nothing where there is none or of another kind
///@{
std::optional<std::int64_t> find_int(const Map& map, std::string_view name);
bool find_flag(const Map& map, std::string_view name);
std::string_view find_text(const Map& map, std::string_view name);
///@}

/// What HELLO is answered with.
struct Greeting
{
    std::string agent;
    std::string connection_id;
    std::optional<std::chrono::seconds> receive_timeout; ///< a server that is silent for longer is dead
    bool telemetry = false;                              ///< it wants TELEMETRY
    bool routes_itself = false;                          ///< ssr.enabled: passes on what should go to another server
    bool utc_times = false;                              ///< 4.4: agreed to the patch
};
Greeting read_greeting(const Map& metadata);

/// The facts in the answer to the last PULL or DISCARD; who answered is the caller's to add.
Summary read_summary(Map metadata);

/// A FAILURE. Before Bolt 5.7 without GQL status. The message is one line of UTF-8, the codes are words.
struct ServerFailure
{
    std::string code; ///< "Neo.ClientError.Statement.SyntaxError"
    std::string message;
    std::string gql_status = {};
};
ServerFailure read_failure(const Map& metadata);

} // namespace whisperstore::bolt
