// Chunks, the handshake as a real server answered it, requests of every version, answers, codes and routing tables.

#include "protocol/bolt/chunks.hpp"
#include "protocol/bolt/failure.hpp"
#include "protocol/bolt/requests.hpp"
#include "protocol/bolt/responses.hpp"
#include "protocol/bolt/routing_table.hpp"
#include "protocol/bolt/server_error.hpp"
#include "protocol/bolt/version.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

namespace whisperstore::test {

using namespace whisperstore::bolt;
using namespace std::string_literals;
using BoltVersion = whisperstore::bolt::Version;

namespace {

std::string message_of(const std::string& content)
{
    std::string out;
    MessageWriter message(out);
    out += content;
    message.finish();
    return out;
}

/// The messages in some bytes, brought in pieces.
std::vector<std::string> read_in_pieces(std::string_view bytes, std::size_t piece)
{
    MessageReader reader(std::size_t(1) << 24U);
    std::vector<std::string> out;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        reader.input().append(bytes.substr(at, piece));
        reader.scan();
        // Some are left for later, so that what is not taken stays.
        while (reader.ready() > (at % 2 == 0 ? 1U : 0U))
            out.emplace_back(reader.take());
    }
    while (reader.ready() > 0)
        out.emplace_back(reader.take());
    EXPECT_TRUE(reader.raw().empty());
    EXPECT_EQ(reader.summaries(), 0U);
    return out;
}

/// The one message in what a request wrote.
std::string only_message(const std::string& bytes)
{
    const std::vector<std::string> messages = read_in_pieces(bytes, bytes.size());
    EXPECT_EQ(messages.size(), 1U);
    return messages.front();
}

struct Request
{
    std::uint8_t tag = 0;
    List fields;
};

template <typename Write>
Request written(BoltVersion version, const Write& write)
{
    std::string out = "before";
    write(RequestWriter(out, version, Dialect()));
    const std::string message = only_message(out.substr(6));
    Unpacker in(message);
    const auto structure = in.structure();
    Request request{structure.tag, {}};
    for (std::size_t i = 0; i < structure.fields; ++i)
        request.fields.push_back(in.value());
    EXPECT_TRUE(in.done());
    return request;
}

} // namespace

TEST(BoltChunks, MessagesOfEverySizeComeBackInPiecesOfEverySize)
{
    std::string bytes;
    std::vector<std::string> messages;
    for (const std::size_t size : {1U, 2U, 100U, 65534U, 65535U, 65536U, 131070U, 131071U, 200000U, 3U}) {
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i)
            content[i] = static_cast<char>(i * 7 + size);
        bytes += message_of(content);
        bytes += "\0\0"s; // a sign of life between two
        messages.push_back(std::move(content));
    }
    for (const std::size_t piece : {1U, 2U, 3U, 1000U, 65537U, 10'000'000U})
        EXPECT_EQ(read_in_pieces(bytes, piece), messages) << piece;
}

TEST(BoltChunks, SmallChunksAreJoined)
{
    EXPECT_EQ(read_in_pieces("\0\1a\0\2bc\0\1d\0\0"s, 1), std::vector<std::string>(1, "abcd"));
    EXPECT_TRUE(read_in_pieces("\0\0\0\0\0\0"s, 1).empty());
}

TEST(BoltChunks, AMessageBeyondTheLimitIsRefused)
{
    MessageReader reader(10);
    reader.input() += message_of("0123456789");
    reader.scan();
    EXPECT_EQ(reader.take(), "0123456789");
    reader.input() += "\0\6abcdef\0\5"s;
    EXPECT_THROW(reader.scan(), Malformed);
}

TEST(BoltChunks, SummariesAreToldFromRecords)
{
    MessageReader reader(1000);
    reader.input() += message_of("\xB1\x71\x90") + message_of("\xB1\x70\xA0") + message_of("\xB1\x71\x90");
    reader.scan();
    EXPECT_EQ(reader.ready(), 3U);
    EXPECT_EQ(reader.summaries(), 1U);
    reader.take();
    EXPECT_EQ(reader.summaries(), 1U);
    reader.take();
    EXPECT_EQ(reader.summaries(), 0U);
}

TEST(BoltChunks, AMessageThatCannotBeWrittenLeavesNothing)
{
    std::string out = "before";
    const Map parameters = Map().set("good", 1).set("bad", "\xFF");
    EXPECT_STORAGE_ERROR(RequestWriter(out, newest_version, Dialect()).run("RETURN 1", parameters, nullptr),
                         invalid_argument);
    EXPECT_EQ(out, "before");
}

TEST(BoltHandshake, OpensWithTheManifestAndTheVersionsWithoutIt)
{
    EXPECT_EQ(opening(), "\x60\x60\xB0\x17\0\0\1\xFF\0\x08\x08\x05\0\0\x04\x04\0\0\0\0"s);
}

TEST(BoltHandshake, AnswersThatARealServerGave)
{
    struct Row
    {
        std::string answer;
        std::optional<BoltVersion> version;
    };
    // Neo4j 5.26.30 offered one version at a time, and what is no offer.
    const Row table[] = {
        {"\0\0\x08\x05"s, BoltVersion{5, 8}}, {"\0\0\x07\x05"s, BoltVersion{5, 7}},
        {"\0\0\x06\x05"s, BoltVersion{5, 6}}, {"\0\0\x04\x05"s, BoltVersion{5, 4}},
        {"\0\0\x03\x05"s, BoltVersion{5, 3}}, {"\0\0\x02\x05"s, BoltVersion{5, 2}},
        {"\0\0\x01\x05"s, BoltVersion{5, 1}}, {"\0\0\0\x05"s, BoltVersion{5, 0}},
        {"\0\0\x04\x04"s, BoltVersion{4, 4}}, {"\0\0\0\0"s, std::nullopt},
        {"\0\0\x03\x04"s, std::nullopt},      {"\0\0\x09\x05"s, std::nullopt},
        {"\0\0\0\x06"s, std::nullopt},        {"HTTP/1.1 200 OK\r\n"s, std::nullopt},
        {"\x15\x03\x03\0"s, std::nullopt}, // a TLS alert
        {"\0\x02\x08\x05"s, std::nullopt}, // a range where one version is due
    };
    for (const Row& row : table) {
        Handshake handshake;
        if (!row.version) {
            EXPECT_THROW(handshake.read(row.answer), Malformed);
            continue;
        }
        for (std::size_t size = 0; size < 4; ++size)
            EXPECT_EQ(handshake.read(row.answer.substr(0, size)), Handshake::Step::more);
        EXPECT_EQ(handshake.read(row.answer), Handshake::Step::done);
        EXPECT_EQ(handshake.version(), *row.version);
        EXPECT_EQ(handshake.used(), 4U);
        EXPECT_TRUE(handshake.reply().empty());
    }
}

TEST(BoltHandshake, TheManifestOfARealServer)
{
    const std::string answer = "\0\0\1\xFF\3\0\4\4\4\0\4\4\5\0\2\x08\5\0"s;
    for (std::size_t size = 0; size < answer.size(); ++size) {
        Handshake handshake;
        EXPECT_EQ(handshake.read(answer.substr(0, size)), Handshake::Step::more) << size;
    }
    Handshake handshake;
    EXPECT_EQ(handshake.read(answer + "more"), Handshake::Step::done);
    EXPECT_EQ(handshake.version(), (BoltVersion{5, 8}));
    EXPECT_EQ(handshake.used(), answer.size());
    EXPECT_EQ(handshake.reply(), "\0\0\x08\x05\0"s);
}

TEST(BoltHandshake, OtherManifests)
{
    const auto version_of = [](const std::string& rest) {
        Handshake handshake;
        EXPECT_EQ(handshake.read("\0\0\1\xFF"s + rest), Handshake::Step::done);
        return handshake.version();
    };
    EXPECT_EQ(version_of("\1\0\x63\x63\5\0"s), (BoltVersion{5, 8}));         // 5.99 to 5.0
    EXPECT_EQ(version_of("\2\0\0\0\6\0\0\x04\x04\0"s), (BoltVersion{4, 4})); // 6.0 and 4.4
    EXPECT_EQ(version_of("\1\0\x01\x06\5\x81\x01"s), (BoltVersion{5, 6}));   // capabilities of two bytes
    EXPECT_EQ(version_of("\1\0\xFF\x03\5\0"s), (BoltVersion{5, 3}));         // more back than there are
    Handshake handshake;
    EXPECT_THROW(handshake.read("\0\0\1\xFF\1\0\0\0\6\0"s), Malformed); // nothing of ours
    EXPECT_THROW(handshake.read("\0\0\1\xFF\0\0"s), Malformed);
    EXPECT_THROW(handshake.read("\0\0\1\xFF\xFF\x7F"s), Malformed);
    EXPECT_THROW(handshake.read("\0\0\1\xFF" + std::string(10, '\xFF')), Malformed);
}

TEST(BoltRequests, LogonTravelsAsTheVersionWantsIt)
{
    const Auth auth = BasicAuth{"user", "secret"};
    const RoutingContext routing = {{"region", "north"}, {"address", "here:7687"}};
    for (const BoltVersion version :
         {BoltVersion{4, 4}, BoltVersion{5, 0}, BoltVersion{5, 1}, BoltVersion{5, 3}, BoltVersion{5, 8}}) {
        const Request hello = written(version, [&](RequestWriter out) { out.hello("agent/1", auth, &routing); });
        EXPECT_EQ(hello.tag, 0x01);
        const Map& extra = hello.fields.at(0).as_map();
        EXPECT_EQ(extra.at("user_agent"), Value("agent/1"));
        EXPECT_EQ(extra.at("routing").as_map().at("region"), Value("north"));
        EXPECT_EQ(extra.contains("credentials"), (version < BoltVersion{5, 1})) << version.to_string();
        EXPECT_EQ(extra.contains("bolt_agent"), (version >= BoltVersion{5, 3})) << version.to_string();
        EXPECT_EQ(extra.contains("patch_bolt"), (version < BoltVersion{5, 0})) << version.to_string();
    }
    const Request direct = written(newest_version, [&](RequestWriter out) { out.hello("agent/1", auth, nullptr); });
    EXPECT_FALSE(direct.fields.at(0).as_map().contains("routing"));
}

TEST(BoltRequests, EverySchemeOfAuthentication)
{
    const auto logon = [](const Auth& auth) {
        const Request request = written(newest_version, [&](RequestWriter out) { out.logon(auth); });
        EXPECT_EQ(request.tag, 0x6A);
        return request.fields.at(0).as_map();
    };
    EXPECT_EQ(logon(NoAuth()), Map().set("scheme", "none"));
    EXPECT_EQ(logon(BearerAuth{"token"}), Map().set("scheme", "bearer").set("credentials", "token"));
    EXPECT_EQ(logon(BasicAuth{"u", "p"}), Map().set("scheme", "basic").set("principal", "u").set("credentials", "p"));
    EXPECT_EQ(logon(BasicAuth{"u", "p", "r"}),
              Map().set("scheme", "basic").set("principal", "u").set("credentials", "p").set("realm", "r"));
}

TEST(BoltRequests, WhatATransactionBeginsWith)
{
    const Bookmarks bookmarks = {"one", "two"};
    TransactionConfig config;
    config.timeout = std::chrono::milliseconds(1500);
    config.metadata.set("app", "tests");
    const Opening opening{"graph", AccessMode::read, &bookmarks, "somebody", &config};
    const Map expected = Map()
                             .set("bookmarks", List{"one", "two"})
                             .set("tx_timeout", 1500)
                             .set("tx_metadata", Map().set("app", "tests"))
                             .set("mode", "r")
                             .set("db", "graph")
                             .set("imp_user", "somebody");
    const Request begin = written(newest_version, [&](RequestWriter out) { out.begin(opening); });
    EXPECT_EQ(begin.tag, 0x11);
    EXPECT_EQ(begin.fields.at(0), Value(expected));
    const Map parameters = Map().set("x", 1);
    const Request run = written(newest_version, [&](RequestWriter out) { out.run("RETURN $x", parameters, &opening); });
    EXPECT_EQ(run.tag, 0x10);
    EXPECT_EQ(run.fields, (List{"RETURN $x", parameters, expected}));
    const Request plain = written(newest_version, [&](RequestWriter out) { out.run("RETURN 1", Map(), nullptr); });
    EXPECT_EQ(plain.fields, (List{"RETURN 1", Map(), Map()}));
    const Opening nothing;
    EXPECT_EQ(written(newest_version, [&](RequestWriter out) { out.begin(nothing); }).fields, (List{Map()}));
}

TEST(BoltRequests, TheOthers)
{
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.pull(1000); }).fields, (List{Map().set("n", 1000)}));
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.discard(-1); }).tag, 0x2F);
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.commit(); }).tag, 0x12);
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.rollback(); }).tag, 0x13);
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.reset(); }).tag, 0x0F);
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.goodbye(); }).tag, 0x02);
    EXPECT_EQ(written(newest_version, [](RequestWriter out) { out.logoff(); }).tag, 0x6B);
    const Request telemetry = written(newest_version, [](RequestWriter out) { out.telemetry(Api::auto_commit); });
    EXPECT_EQ(telemetry.tag, 0x54);
    EXPECT_EQ(telemetry.fields, (List{2}));
    const RoutingContext routing = {{"address", "here:7687"}};
    const Bookmarks bookmarks = {"one"};
    const Request route =
        written(newest_version, [&](RequestWriter out) { out.route(routing, bookmarks, "graph", ""); });
    EXPECT_EQ(route.tag, 0x66);
    EXPECT_EQ(route.fields, (List{Map().set("address", "here:7687"), List{"one"}, Map().set("db", "graph")}));
    EXPECT_EQ(written(newest_version, [&](RequestWriter out) { out.route(routing, {}, "", ""); }).fields.at(2),
              Value(Map()));
}

TEST(BoltResponses, AnswersThatARealServerGave)
{
    const std::string hello = "\xB1p\xA3\x86server\x8DNeo4j/5.26.30\x8D"
                              "connection_id\x87"
                              "bolt-31\x85hints\xA2\xD0\x1F"
                              "connection.recv_timeout_secondsx\x8Bssr.enabled\xC3"s;
    const Response response = read_response(hello);
    EXPECT_EQ(response.kind, ResponseKind::success);
    const Greeting greeting = read_greeting(read_metadata(response.body, Dialect()));
    EXPECT_EQ(greeting.agent, "Neo4j/5.26.30");
    EXPECT_EQ(greeting.connection_id, "bolt-31");
    EXPECT_EQ(greeting.receive_timeout, std::chrono::seconds(120));
    EXPECT_TRUE(greeting.routes_itself);
    EXPECT_FALSE(greeting.telemetry);

    const std::string record = "\xB1q\x91\x01"s;
    EXPECT_EQ(read_response(record).kind, ResponseKind::record);
    EXPECT_EQ(read_record(read_response(record).body, Dialect()), (std::vector<Value>(1, Value(1))));
    EXPECT_EQ(read_response("\xB0~"s).kind, ResponseKind::ignored);

    const std::string failure = "\xB1\x7F\xA4\x8Aneo4j_code\xD0%Neo.ClientError.Statement."
                                "SyntaxError\x87message\xD0\x0Cnot\ndefined.\x8Agql_status"
                                "\x85"
                                "50N42\x8B"
                                "description\x84none"s;
    const ServerFailure read = read_failure(read_metadata(read_response(failure).body, Dialect()));
    const StorageError error = server_error(read, RequestKind::run);
    EXPECT_EQ(error.errc(), StorageErrc::syntax);
    EXPECT_EQ(error.message(), "not defined. (Neo.ClientError.Statement.SyntaxError, GQLSTATUS 50N42)");
    EXPECT_EQ(error.native_code(), "Neo.ClientError.Statement.SyntaxError");
    EXPECT_EQ(error.outcome(), Outcome::not_applied);

    for (const std::string& broken : {"\xB1\x60\xA0"s, "\xB0\x70"s, "\xB2\x70\xA0\xA0"s, "\x01"s, ""s})
        EXPECT_THROW(read_response(broken), Malformed);
    EXPECT_THROW(read_metadata("\x01"s, Dialect()), Malformed);
    EXPECT_THROW(read_metadata("\xA0\x01"s, Dialect()), Malformed);
    EXPECT_THROW(read_record("\x91\x01\x02"s, Dialect()), Malformed);
    EXPECT_EQ(read_failure(Map().set("code", "Neo.X").set("message", "m")).code, "Neo.X");
    const ServerFailure odd =
        read_failure(Map().set("code", "Neo.\nX").set("message", "a\r\nb\xFF").set("gql_status", "5 0"));
    EXPECT_EQ(odd.code, "Neo.DatabaseError.General.UnknownError");
    EXPECT_EQ(odd.message, "a  b?");
    EXPECT_EQ(odd.gql_status, "");
}

TEST(BoltResponses, SummariesCountWhatChanged)
{
    Map metadata;
    metadata.set("type", "rw").set("db", "neo4j").set("t_last", 7);
    metadata.set("stats", Map().set("nodes-created", 2).set("labels-added", 3).set("properties-set", 4));
    const Summary summary = read_summary(metadata);
    EXPECT_EQ(summary.query_type, "rw");
    EXPECT_EQ(summary.database, "neo4j");
    EXPECT_EQ(summary.consumed_after, std::chrono::milliseconds(7));
    EXPECT_EQ(summary.counters.nodes_created, 2);
    EXPECT_EQ(summary.counters.labels_added, 3);
    EXPECT_TRUE(summary.counters.contains_updates);
    EXPECT_FALSE(read_summary(Map()).counters.contains_updates);
}

TEST(BoltServerError, CodesAndTheirMeaning)
{
    struct Row
    {
        std::string_view code;
        StorageErrc meaning;
        bool retryable;
        Consequence consequence;
    };
    using enum StorageErrc;
    const Row table[] = {
        {"Neo.ClientError.Security.Unauthorized", authentication, false, Consequence::none},
        {"Neo.ClientError.Security.TokenExpired", authentication, false, Consequence::logins_expired},
        {"Neo.ClientError.Security.AuthorizationExpired", authentication, true, Consequence::logins_expired},
        {"Neo.ClientError.Security.Forbidden", permission, false, Consequence::none},
        {"Neo.ClientError.Schema.ConstraintValidationFailed", constraint_violation, false, Consequence::none},
        {"Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists", already_exists, false, Consequence::none},
        {"Neo.ClientError.Statement.SyntaxError", syntax, false, Consequence::none},
        {"Neo.ClientError.Statement.ParameterMissing", invalid_argument, false, Consequence::none},
        {"Neo.ClientError.Statement.ArithmeticError", invalid_argument, false, Consequence::none},
        {"Neo.ClientError.Statement.AccessMode", permission, false, Consequence::none},
        {"Neo.ClientError.Database.DatabaseNotFound", not_found, false, Consequence::table_outdated},
        {"Neo.ClientError.Procedure.ProcedureNotFound", not_found, false, Consequence::none},
        {"Neo.ClientError.Cluster.NotALeader", unavailable, true, Consequence::not_leader},
        {"Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", unavailable, true, Consequence::not_leader},
        {"Neo.ClientError.Transaction.TransactionTimedOut", timeout, false, Consequence::none},
        {"Neo.ClientError.Made.Up", invalid_argument, false, Consequence::none},
        {"Neo.TransientError.General.DatabaseUnavailable", unavailable, true, Consequence::server_down},
        {"Neo.TransientError.Transaction.DeadlockDetected", conflict, true, Consequence::none},
        {"Neo.TransientError.Transaction.Terminated", cancelled, false, Consequence::none},
        {"Neo.TransientError.Transaction.LockClientStopped", cancelled, false, Consequence::none},
        {"Neo.TransientError.Made.Up", unavailable, true, Consequence::none},
        {"Neo.DatabaseError.Made.Up", unavailable, false, Consequence::none},
        {"Something.Else", unavailable, false, Consequence::none},
    };
    for (const Row& row : table) {
        const Meaning meaning = meaning_of(row.code);
        EXPECT_EQ(to_string(meaning.code), to_string(row.meaning)) << row.code;
        EXPECT_EQ(meaning.retryable, row.retryable) << row.code;
        EXPECT_EQ(meaning.consequence, row.consequence) << row.code;
    }
}

TEST(BoltServerError, ACommitThatMayHaveHappenedIsNeverTriedAgain)
{
    const ServerFailure failure{"Neo.DatabaseError.Transaction.TransactionCommitFailed", "disk"};
    const StorageError error = server_error(failure, RequestKind::commit);
    EXPECT_EQ(error.errc(), StorageErrc::outcome_unknown);
    EXPECT_EQ(error.outcome(), Outcome::unknown);
    EXPECT_FALSE(error.retryable());
    EXPECT_EQ(server_error(failure, RequestKind::run).outcome(), Outcome::not_applied);
    const ServerFailure enterprise{"Neo.DatabaseError.Schema.ConstraintCreationFailed",
                                   "Property existence constraint requires Neo4j Enterprise Edition."};
    EXPECT_EQ(server_error(enterprise, RequestKind::run).errc(), StorageErrc::unsupported);
}

namespace {

Map server(const std::string& role, const List& addresses)
{
    return Map().set("role", role).set("addresses", addresses);
}

} // namespace

TEST(BoltRoutingTable, IsReadUsedAndForgotten)
{
    const auto now = std::chrono::steady_clock::now();
    const Map rt =
        Map()
            .set("ttl", 300)
            .set("db", "graph")
            .set("servers", List{server("WRITE", List{"one:7687"}), server("READ", List{"two", "[::1]:7000"}),
                                 server("ROUTE", List{"one:7687", "two:7687"}), server("LATER", List{"three:1"})});
    RoutingTable table = RoutingTable::read(rt, now);
    EXPECT_EQ(table.database, "graph");
    EXPECT_EQ(table.expires, now + std::chrono::seconds(300));
    EXPECT_EQ(table.writers, (std::vector<HostPort>{{"one", 7687}}));
    EXPECT_EQ(table.readers, (std::vector<HostPort>{{"two", 7687}, {"::1", 7000}}));
    EXPECT_TRUE(table.is_usable());
    EXPECT_TRUE(table.is_fresh(AccessMode::write, now));
    EXPECT_FALSE(table.is_fresh(AccessMode::write, now + std::chrono::seconds(300)));
    EXPECT_FALSE(table.knows(HostPort{"three", 1}));

    table.forget_writer(HostPort{"one", 7687});
    EXPECT_FALSE(table.is_fresh(AccessMode::write, now));
    EXPECT_TRUE(table.is_fresh(AccessMode::read, now));
    EXPECT_TRUE(table.knows(HostPort{"one", 7687})) << "it still routes";
    table.forget(HostPort{"two", 7687});
    EXPECT_EQ(table.readers.size(), 1U);
    EXPECT_EQ(table.routers.size(), 1U);
    table.forget(HostPort{"one", 7687});
    EXPECT_FALSE(table.is_usable());
}

TEST(BoltRoutingTable, WhatIsNoneIsRefused)
{
    const auto now = std::chrono::steady_clock::now();
    const List table[] = {List{1}, List{Map().set("role", "READ")}, List{server("READ", List{1})},
                          List{server("READ", List{"host:99999"})}};
    EXPECT_THROW(RoutingTable::read(Map(), now), Malformed);
    for (const List& servers : table)
        EXPECT_THROW(RoutingTable::read(Map().set("ttl", 1).set("servers", servers), now), Malformed);
    const Map forever = Map().set("ttl", std::numeric_limits<std::int64_t>::max()).set("servers", List());
    EXPECT_LE(RoutingTable::read(forever, now).expires, now + std::chrono::hours(24));
    EXPECT_FALSE(RoutingTable::read(forever, now).is_usable());
}

} // namespace whisperstore::test
