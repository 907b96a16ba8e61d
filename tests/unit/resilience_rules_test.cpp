// The decisions of the decorators, without I/O and without time passing.

#include "core/circuit_breaker.hpp"
#include "protocol/sql/sql_reading.hpp"
#include "resilience/retry_rules.hpp"
#include "support/run.hpp"

#include <whisperstore/resilience/resilience_config.hpp>
#include <whisperstore/resilience/resilience_stats.hpp>

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace whisperstore {
namespace {

using namespace std::chrono_literals;
using Verdict = CircuitBreaker::Verdict;

StorageError failure(StorageErrc code, bool retryable, Outcome outcome)
{
    ErrorDetails details;
    details.retryable = retryable;
    details.outcome = outcome;
    return StorageError(code, "scripted", details);
}

TEST(RetryRules, OnlyWhatDidNotHappenOrMayHappenTwiceIsRunAgain)
{
    struct Case
    {
        bool retryable;
        Outcome outcome;
        bool repeatable;
        bool expected;
    };
    const std::vector<Case> cases{
        {true, Outcome::not_applied, false, true},  {true, Outcome::not_applied, true, true},
        {true, Outcome::unknown, false, false},     {true, Outcome::unknown, true, true},
        {true, Outcome::applied, false, false},     {true, Outcome::applied, true, true},
        {false, Outcome::not_applied, true, false}, {false, Outcome::unknown, true, false},
        {false, Outcome::applied, true, false},
    };
    for (const Case& each : cases)
        EXPECT_EQ(may_run_again(failure(StorageErrc::unavailable, each.retryable, each.outcome), each.repeatable),
                  each.expected)
            << to_string(each.outcome) << each.retryable << each.repeatable;
}

TEST(RetryRules, BackoffDoublesUpToTheLongestAndIsJitteredFromNothing)
{
    EXPECT_EQ(backoff(50ms, 2000ms, 1, 0.0), 0ms);
    EXPECT_EQ(backoff(50ms, 2000ms, 1, 0.5), 25ms);
    EXPECT_EQ(backoff(50ms, 2000ms, 2, 0.5), 50ms);
    EXPECT_EQ(backoff(50ms, 2000ms, 6, 0.5), 800ms);
    EXPECT_EQ(backoff(50ms, 2000ms, 7, 0.5), 1000ms);
    EXPECT_EQ(backoff(50ms, 2000ms, 90, 0.5), 1000ms);
    EXPECT_LE(backoff(24h, 24h, 90, 0.999999), 24h);
}

TEST(RetryRules, TheWorstOutcomeOfSeveralAttemptsIsTheCallsOutcome)
{
    EXPECT_EQ(worse(Outcome::not_applied, Outcome::not_applied), Outcome::not_applied);
    EXPECT_EQ(worse(Outcome::not_applied, Outcome::unknown), Outcome::unknown);
    EXPECT_EQ(worse(Outcome::unknown, Outcome::not_applied), Outcome::unknown);
    EXPECT_EQ(worse(Outcome::unknown, Outcome::applied), Outcome::applied);
    EXPECT_EQ(worse(Outcome::applied, Outcome::not_applied), Outcome::applied);
    EXPECT_EQ(worse(Outcome::applied, Outcome::unknown), Outcome::applied);
}

TEST(RetryRules, OnlyErrorsThatSpeakOfTheEndpointCountAgainstIt)
{
    for (int code = 1; code <= static_cast<int>(StorageErrc::closed); ++code) {
        const auto errc = static_cast<StorageErrc>(code);
        const bool failing = errc == StorageErrc::unavailable || errc == StorageErrc::outcome_unknown;
        EXPECT_EQ(verdict_of(errc, false) == Verdict::failing, failing) << to_string(errc);
    }
    EXPECT_EQ(verdict_of(StorageErrc::timeout, true), Verdict::failing);
    EXPECT_EQ(verdict_of(StorageErrc::timeout, false), Verdict::silent); // its caller was in a hurry
    EXPECT_EQ(verdict_of(StorageErrc::constraint_violation, false), Verdict::healthy);
    EXPECT_EQ(verdict_of(StorageErrc::resource_exhausted, false), Verdict::silent);
    EXPECT_EQ(verdict_of(StorageErrc::invalid_argument, false), Verdict::silent);
    EXPECT_EQ(verdict_of(StorageErrc::cancelled, false), Verdict::silent);
}

// ---- SQL

TEST(OnlyReads, TellsReadsFromWrites)
{
    const std::vector<std::string> reads{
        "SELECT 1",
        "  select * from users where user_id = :id",
        "VALUES (1), (2)",
        "WITH n AS (SELECT 1) SELECT count(*) FROM n",
        "SELECT a FROM t WHERE b IN (1, 2) AND (c = 'x' OR lower(d) = 'y')",
        "SELECT (a + (b)) FROM t",
        "SELECT CAST(a AS numeric(10, 2)), max(b) OVER (PARTITION BY c) FROM t",
    };
    const std::vector<std::string> writes{
        "",
        "   ",
        "INSERT INTO t VALUES (1)",
        "UPDATE t SET a = 1",
        "delete from t",
        "WITH n AS (SELECT 1) INSERT INTO t SELECT * FROM n",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "CREATE TABLE t(a)",
        "SELECT a INTO b FROM t",
        "SELECT a FROM t FOR UPDATE",
        "-- only a comment\nDELETE FROM t",
        "PRAGMA user_version",
        "EXPLAIN ANALYZE DELETE FROM t",
        "SELECT 'insert'", // cautious
    };
    for (const SqlDialect dialect : {SqlDialect::sqlite, SqlDialect::postgresql}) {
        for (const std::string& sql : reads)
            EXPECT_TRUE(only_reads(sql, dialect)) << to_string(dialect) << ": " << sql;
        for (const std::string& sql : writes)
            EXPECT_FALSE(only_reads(sql, dialect)) << to_string(dialect) << ": " << sql;
    }
}

TEST(OnlyReads, FunctionsOfPostgreSQLMayWrite)
{
    const std::vector<std::string> calls{
        "SELECT nextval('s')",      "SELECT pay (1)",
        "SELECT billing.sum(1)",    "SELECT \"sum\"(1)",
        "SELECT pay/**/(1)",        "SELECT pay --in\n(1)",
        "SELECT f(1) FROM t",       "WITH n AS (SELECT 1) SELECT setval('s', 1)",
        "SELECT U&\"p\\0061y\"(1)",
    };
    for (const std::string& sql : calls)
        EXPECT_FALSE(only_reads(sql, SqlDialect::postgresql)) << sql;
    EXPECT_TRUE(only_reads("SELECT json_extract(a, '$.b') FROM t", SqlDialect::sqlite));
}

// ---- settings

TEST(ResilienceConfig, EveryMemberIsChecked)
{
    EXPECT_NO_THROW(ResilienceConfig().check());
    EXPECT_NO_THROW(ResilienceConfig::none().check());
    using Change = void (*)(ResilienceConfig&);
    const std::vector<std::pair<std::string, Change>> changes{
        {"default_deadline", [](ResilienceConfig& c) { c.default_deadline = -1ms; }},
        {"retry_attempts", [](ResilienceConfig& c) { c.retry_attempts = 0; }},
        {"retry_initial_backoff", [](ResilienceConfig& c) { c.retry_initial_backoff = 0ms; }},
        {"retry_max_backoff", [](ResilienceConfig& c) { c.retry_max_backoff = 49ms; }},
        {"retry_budget", [](ResilienceConfig& c) { c.retry_budget = 0; }},
        {"retry_reserve", [](ResilienceConfig& c) { c.retry_reserve = -1; }},
        {"breaker_failures", [](ResilienceConfig& c) { c.breaker_failures = -1; }},
        {"breaker_open", [](ResilienceConfig& c) { c.breaker_open = 0ms; }},
        {"breaker_max_open", [](ResilienceConfig& c) { c.breaker_max_open = 999ms; }},
        {"breaker_probes", [](ResilienceConfig& c) { c.breaker_probes = 101; }},
        {"max_concurrent", [](ResilienceConfig& c) { c.max_concurrent = 1'000'001; }},
        {"max_queued", [](ResilienceConfig& c) { c.max_queued = 100'000'001; }},
        {"attempt_timeout", [](ResilienceConfig& c) { c.attempt_timeout = 25h; }},
    };
    for (const auto& [name, change] : changes) {
        ResilienceConfig config;
        change(config);
        const StorageError error = test::error_of([&] { config.check(); });
        EXPECT_EQ(error.errc(), StorageErrc::invalid_argument) << name;
        EXPECT_TRUE(error.message().starts_with(name)) << error.message();
        EXPECT_NE(error.message().find("allowed are"), std::string::npos) << error.message();
    }
}

TEST(ResilienceConfig, EmbeddedEnginesGetNoTimeLimits)
{
    for (const char* type : {"sqlite", "local_qdrant", "memory"}) {
        EXPECT_EQ(ResilienceConfig::for_backend(type).default_deadline, 0ms) << type;
        EXPECT_EQ(ResilienceConfig::for_backend(type).attempt_timeout, 0ms) << type;
    }
    for (const char* type : {"postgresql", "http_qdrant", "local_chromadb", "redis_cluster", "neo4j"}) {
        EXPECT_EQ(ResilienceConfig::for_backend(type).default_deadline, 30s) << type;
        EXPECT_EQ(ResilienceConfig::for_backend(type).attempt_timeout, 10s) << type;
    }
    EXPECT_EQ(ResilienceConfig::for_backend("memory").max_concurrent, 0U);
}

} // namespace
} // namespace whisperstore
