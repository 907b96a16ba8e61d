#include "support/run.hpp"

#include <whisperstore/core/connection_url.hpp>

#include <gtest/gtest.h>

#include <cstdlib>

namespace whisperstore {
namespace {

/// Sets HOME for one test.
class Home
{
public:
    explicit Home(const char* value)
    {
        if (const char* old = std::getenv("HOME"))
            old_ = old;
        if (value)
            ::setenv("HOME", value, 1);
        else
            ::unsetenv("HOME");
    }
    ~Home()
    {
        if (old_)
            ::setenv("HOME", old_->c_str(), 1);
        else
            ::unsetenv("HOME");
    }
    Home(const Home&) = delete;
    Home& operator=(const Home&) = delete;

private:
    std::optional<std::string> old_;
};

TEST(ConnectionUrl, PartsAreReadAndDecoded)
{
    const ConnectionUrl url = ConnectionUrl::parse(
        "PostgreSQL://app%40corp:a%40b%2Fc%3Ad@db.example.com:5433/my%20db?sslmode=verify-full&options=-c%20x%3D1");
    EXPECT_EQ(url.scheme, "postgresql");
    EXPECT_EQ(url.username, "app@corp");
    EXPECT_EQ(url.password, "a@b/c:d");
    EXPECT_EQ(url.hosts, std::vector<HostPort>({{"db.example.com", 5433}}));
    EXPECT_EQ(url.path, "/my db");
    EXPECT_EQ(url.find("sslmode"), "verify-full");
    EXPECT_EQ(url.find("options"), "-c x=1");
    EXPECT_EQ(url.find("absent"), std::nullopt);
}

TEST(ConnectionUrl, RoundTrips)
{
    for (const char* text :
         {"postgresql://h/db", "postgresql://u@h:1/db", "postgresql://u:p@h:65535/db",
          "postgresql://u:a%40b%2Fc%3Ad%25%3F%23@h:5432/db?sslmode=require&application_name=a%26b%3Dc",
          "postgresql://u:p@h1:5432,h2:5433,[2001:db8::1]:5434/db?target_session_attrs=read-write",
          "postgresql://u@[::1]/db", "postgresql://u@[fe80::1%25eth0]:5432/db",
          "postgresql://u@%2Fvar%2Frun%2Fpostgresql:5433/db", "redis://:p%3A@h:6379/2", "rediss://u:p@h:6379/0",
          "https://h:6333/prefix/x", "neo4j+s://h", "neo4j://h1:7687,h2:7687", "postgresql:///db",
          "postgresql://%C3%A9:%C3%BC@h/db", "postgresql://u:@h/db"}) {
        const ConnectionUrl url = ConnectionUrl::parse(text);
        EXPECT_EQ(url.to_string(), text);
        EXPECT_EQ(ConnectionUrl::parse(url.to_string()).to_string(), text);
    }
}

TEST(ConnectionUrl, EveryByteSurvivesInAPassword)
{
    for (int byte = 1; byte < 256; ++byte) {
        ConnectionUrl url;
        url.scheme = "postgresql";
        url.username = "u";
        url.password = std::string("x") + static_cast<char>(byte) + "y";
        url.hosts.push_back(HostPort{"::1", 5432});
        url.path = "/db";
        const ConnectionUrl read = ConnectionUrl::parse(url.to_string());
        EXPECT_EQ(read.password, url.password) << byte;
        EXPECT_EQ(read.hosts, url.hosts) << byte;
        EXPECT_EQ(read.path, "/db") << byte;
    }
}

TEST(ConnectionUrl, ARawAtOrColonInAPasswordIsUnderstood)
{
    const ConnectionUrl url = ConnectionUrl::parse("postgresql://u:a@b:c#d@h:5432/db");
    EXPECT_EQ(url.username, "u");
    EXPECT_EQ(url.password, "a@b:c#d");
    EXPECT_EQ(url.hosts, std::vector<HostPort>({{"h", 5432}}));
}

TEST(ConnectionUrl, BadTextIsRefusedWithoutRepeatingSecrets)
{
    for (const char* text :
         {"", "h:5432", "://h", "postgresql:/u:sesame@h", "postgresql://u:sesame@h:0/db", "postgresql://u:sesame@h:x",
          "postgresql://u:sesame@h:65536", "postgresql://u:sesame@[::1", "postgresql://u:sesame@:5432",
          "postgresql://u:ses%same@h", "postgresql://u:ses%2@h", "postgresql://u:sesame@h/db?x",
          // An unencoded slash or question mark: what follows is not hosts and a path.
          "postgresql://u:12/sesame@h/db", "postgresql://u:se/sesame@h/db", "postgresql://u:1?sesame=x@h/db",
          "postgresql://u:a@b/sesame@h/db", "postgresql://u:a@b?x=sesame@h/db", "postgresql://u:sesame@h,/db",
          "postgresql://u:sesame@h,,h2/db", "postgresql://sesame h/db", "post gresql://sesame"}) {
        const StorageError error = test::error_of([&] { ConnectionUrl::parse(text); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << text;
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos) << error.what();
    }
}

TEST(ConnectionUrl, RedactedHidesEverySecret)
{
    EXPECT_EQ(ConnectionUrl::parse("postgresql://u:p%40x@h/db?sslpassword=s&sslmode=require").redacted(),
              "postgresql://u:***@h/db?sslpassword=***&sslmode=require");
    EXPECT_EQ(ConnectionUrl::parse("redis://:p@h:1").redacted(), "redis://:***@h:1");
    EXPECT_EQ(ConnectionUrl::parse("http://h?Api_Key=abc&TOKEN=def").redacted(), "http://h?Api_Key=***&TOKEN=***");
    EXPECT_EQ(redact_url("postgresql://u:12/sesame@h/db"), "***");
    EXPECT_EQ(redact_url("sesame"), "***");
    EXPECT_EQ(redact_url("sqlite:///~/a@b.db"), "sqlite:///~/a@b.db");
}

TEST(HostPort, IsReadAndWritten)
{
    const std::pair<const char*, HostPort> cases[] = {{"h", {"h"}},
                                                      {"h:1", {"h", 1}},
                                                      {"10.0.0.1:65535", {"10.0.0.1", 65535}},
                                                      {"::1", {"::1"}},
                                                      {"[::1]", {"::1"}},
                                                      {"[fe80::1%eth0]:5", {"fe80::1%eth0", 5}},
                                                      {"fe80::1", {"fe80::1"}},
                                                      {"/var/run/x", {"/var/run/x"}}};
    for (const auto& [text, expected] : cases) {
        EXPECT_EQ(HostPort::parse(text), expected) << text;
        EXPECT_EQ(HostPort::parse(HostPort::parse(text).to_string()), expected) << text;
    }
    EXPECT_EQ((HostPort{"::1", 5}).to_string(), "[::1]:5");
    for (const char* text : {"", ":1", "h:", "h:0", "h:65536", "h:1x", "h:+1", "h:1:2", "[::1", "[h]:1", "[::1]x",
                             "a b", "h/x", "u@h", "h,i"})
        EXPECT_STORAGE_ERROR(HostPort::parse(text), invalid_argument) << text;
}

TEST(HostPort, ListsAreRead)
{
    EXPECT_EQ(parse_hosts("h1:1, h2 ,[::1]:3"), std::vector<HostPort>({{"h1", 1}, {"h2"}, {"::1", 3}}));
    for (const char* text : {"", ",", "h1,", ",h1", "h1,,h2", "h1 h2"})
        EXPECT_STORAGE_ERROR(parse_hosts(text), invalid_argument) << text;
}

TEST(SqlitePath, EveryFormIsRead)
{
    const Home home("/home/ada");
    EXPECT_EQ(sqlite_path("sqlite:///~/.whisperengine/database.db").path, "/home/ada/.whisperengine/database.db");
    EXPECT_EQ(sqlite_path("sqlite:///~//x.db").path, "/home/ada/x.db");
    EXPECT_EQ(sqlite_path("sqlite:////var/lib/x.db").path, "/var/lib/x.db");
    EXPECT_EQ(sqlite_path("sqlite:///data/x.db").path, "data/x.db");
    EXPECT_EQ(sqlite_path("sqlite:///a%20b%3F%25.db").path, "a b?%.db");
    EXPECT_FALSE(sqlite_path("sqlite:///x.db").read_only);
    EXPECT_FALSE(sqlite_path("sqlite:///x.db?mode=rw").read_only);
    EXPECT_TRUE(sqlite_path("sqlite:///x.db?mode=ro").read_only);
    EXPECT_TRUE(sqlite_path("sqlite:///:memory:").memory);
    EXPECT_TRUE(sqlite_path("sqlite:///:memory:").path.empty());
}

TEST(SqlitePath, BadTextIsRefused)
{
    for (const char* text : {"", "x.db", "sqlite:x.db", "sqlite://x.db", "sqlite:///", "sqlite:///?mode=ro",
                             "sqlite:///x.db?mode=rwc", "sqlite:///x.db?cache=shared", "sqlite:///:memory:?mode=ro",
                             "sqlite:///a%2.db", "sqlite:///a%00b.db", "postgresql://h/db"})
        EXPECT_STORAGE_ERROR(sqlite_path(text), invalid_argument) << text;
}

TEST(SqlitePath, WithoutAHomeATildeIsAnErrorThatSaysSo)
{
    const Home home(nullptr);
    const StorageError error = test::error_of([] { sqlite_path("sqlite:///~/x.db"); });
    EXPECT_NE(std::string(error.what()).find("HOME"), std::string::npos);
}

TEST(SqlitePath, UrlsOfPathsRoundTrip)
{
    const Home home("/home/ada");
    for (const char* path : {"/var/lib/a b?c%d#e.db", "/x/é@:&=.db", "data/x.db"})
        EXPECT_EQ(sqlite_path(sqlite_url(path)).path, path);
    EXPECT_EQ(sqlite_url("~/.whisperengine/database.db"), "sqlite:///~/.whisperengine/database.db");
    EXPECT_EQ(sqlite_url("/x.db", true), "sqlite:////x.db?mode=ro");
}

} // namespace
} // namespace whisperstore
