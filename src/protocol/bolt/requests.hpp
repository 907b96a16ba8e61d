#pragma once
// Messages of the client (neo4j.com/docs/bolt/current/bolt/message). Pure.

#include "protocol/bolt/packstream.hpp"
#include "protocol/bolt/version.hpp"

#include <whisperstore/bolt/config.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore::bolt {

/// The `address` and the query of a neo4j:// address, told to servers that route.
using RoutingContext = std::vector<std::pair<std::string, std::string>>;

/// How a transaction or an auto-commit query begins.
struct Opening
{
    std::string_view database = {};
    AccessMode access_mode = AccessMode::write;
    const Bookmarks* bookmarks = nullptr;
    std::string_view impersonated_user = {};
    const TransactionConfig* config = nullptr;
};

/// What TELEMETRY says.
enum class Api : std::uint8_t
{
    managed_transaction = 0,
    explicit_transaction = 1,
    auto_commit = 2,
};

/// Appends whole messages to a text; where one cannot be written the text stays as it was.
class RequestWriter
{
public:
    RequestWriter(std::string& out, Version version, Dialect dialect) noexcept
        : out_(out), version_(version), dialect_(dialect)
    {
    }

    /// \param auth told here before 5.1; then by logon() \param routing null: the server shall not route
    void hello(std::string_view user_agent, const Auth& auth, const RoutingContext* routing);
    void logon(const Auth& auth);
    void run(std::string_view cypher, const Map& parameters, const Opening* opening);
    void pull(std::int64_t count);
    void discard(std::int64_t count);
    void begin(const Opening& opening);
    void commit() { bare(0x12); }
    void rollback() { bare(0x13); }
    void reset() { bare(0x0F); }
    void goodbye() { bare(0x02); }
    void logoff() { bare(0x6B); }
    void route(const RoutingContext& routing, const Bookmarks& bookmarks, std::string_view database,
               std::string_view impersonated_user);
    void telemetry(Api api);

private:
    void bare(std::uint8_t tag);
    void amount(std::uint8_t tag, std::int64_t count);
    void opening(Packer& out, const Opening& opening);

    std::string& out_;
    Version version_;
    Dialect dialect_;
};

} // namespace whisperstore::bolt
