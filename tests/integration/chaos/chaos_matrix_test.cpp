// A cell for each store and fault: what callers see while it lasts, what the store's decorators do, that the other
// stores do not notice, and how soon it is over.
#include "integration/chaos/chaos_layer.hpp"

#include <iomanip>
#include <iostream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace whisperstore::test {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point begun)
{
    return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

// A machine that does other things as well may be so late.
constexpr double slack_ms = 1000;

class ChaosMatrix : public ChaosLayer, public testing::WithParamInterface<std::tuple<std::string, Fault>>
{
protected:
    static const std::string& type() { return std::get<0>(GetParam()); }
    static Fault fault() { return std::get<1>(GetParam()); }

    /// How often the breaker must have opened. Where a server comes and goes once is enough; callers of a cluster of
    /// PostgreSQL wait for a primary, and it is back before they fail.
    static std::uint64_t least_openings()
    {
        if (fault() != Fault::flapping)
            return 2;
        return type() == "postgresql_cluster" ? 0 : 1;
    }

    /// PostgreSQL is asked to stop a call that is over, and gets so long to say what became of it.
    static Milliseconds grace() { return Milliseconds(type().starts_with("postgresql") ? 2000 : 0); }

    /// A probe that began before the fault was over takes so long to fail; then the store is left alone once more.
    static Milliseconds longest_probe() { return attempt_timeout + grace(); }

    /// The harmed store is not well, and says why; the others are.
    std::string health_while_it_lasts()
    {
        std::string said;
        const HealthReport report = run(storage->health());
        EXPECT_NE(report.status, HealthStatus::ok);
        for (const ComponentHealth& each : report.components) {
            if (each.component != harmed->component()) {
                EXPECT_TRUE(each.status == HealthStatus::ok || each.component == "backup") << each.reason;
                continue;
            }
            EXPECT_EQ(each.status, HealthStatus::down);
            EXPECT_FALSE(each.reason.empty());
            said = std::string(whisperstore::to_string(each.status)) + ": " + each.reason + "; " + each.action;
        }
        return said;
    }

    /// What the others see, next to what they saw before.
    void expect_unharmed(const std::map<std::string, double>& baseline)
    {
        for (const auto& subject : unharmed) {
            const CallLog& seen = others.at(subject->component());
            EXPECT_EQ(seen.failures(), 0U) << subject->component() << ": " << seen.text() << "\n" << seen.messages();
            EXPECT_GE(seen.calls(), 20U) << subject->component();
            // Half of the calls as fast as nearly all were before; a single one may meet a pause of its server's own.
            EXPECT_LE(seen.quantile_ms(0.5), baseline.at(subject->component()) + 50) << subject->component();
            EXPECT_LE(seen.quantile_ms(0.99), (3 * baseline.at(subject->component())) + 1000) << subject->component();
            EXPECT_EQ(subject->stats().circuit, "closed") << subject->component();
        }
    }
};

using Cell = std::tuple<std::string, Fault>;

/// Each store and each fault once or twice, or the cells that these leave.
std::vector<Cell> cells(bool usual)
{
    static const std::set<Cell> chosen{
        {"postgresql", Fault::black_holed},
        {"postgresql", Fault::refused},
        {"postgresql_cluster", Fault::slow},
        {"http_qdrant", Fault::flapping},
        {"distributed_qdrant", Fault::refused},
        {"http_chromadb", Fault::half_closed},
        {"redis", Fault::deaf},
        {"redis", Fault::slow},
        {"neo4j", Fault::black_holed},
        {"neo4j", Fault::half_closed},
    };
    std::vector<Cell> out;
    for (const char* store :
         {"postgresql", "postgresql_cluster", "http_qdrant", "distributed_qdrant", "http_chromadb", "redis", "neo4j"})
        for (const Fault fault :
             {Fault::slow, Fault::flapping, Fault::black_holed, Fault::refused, Fault::half_closed, Fault::deaf})
            if (const Cell cell(store, fault); chosen.contains(cell) == usual)
                out.push_back(cell);
    return out;
}

std::string name_of(const testing::TestParamInfo<Cell>& cell)
{
    return std::get<0>(cell.param) + "_" + to_string(std::get<1>(cell.param));
}

// CTest gives what begins with "Other" the label "thorough".
INSTANTIATE_TEST_SUITE_P(Cells, ChaosMatrix, testing::ValuesIn(cells(true)), name_of);
INSTANTIATE_TEST_SUITE_P(OtherCells, ChaosMatrix, testing::ValuesIn(cells(false)), name_of);

TEST_P(ChaosMatrix, AFaultComesAndGoes)
{
    open(type());

    // As it should be.
    start_callers(8, Milliseconds(10));
    start_bystanders();
    const auto everybody_has = [&](std::size_t calls) {
        return std::all_of(others.begin(), others.end(), [&](const auto& other) {
            return other.first == harmed->component() || other.second.calls() >= calls;
        });
    };
    ASSERT_TRUE(eventually([&] {
        if (log.failures() > 0)
            log.clear(); // a server that is late when it is warming up
        return log.calls() >= 100 && everybody_has(50);
    })) << log.messages();
    std::map<std::string, double> baseline;
    for (auto& [component, seen] : others) {
        baseline[component] = seen.quantile_ms(0.99);
        seen.clear();
    }
    log.clear();
    machine.clear();

    // The fault.
    const ChaosObserver::Counts before = counts();
    const std::size_t accepted_before = faulty().accepted();
    faulty().begin(fault());
    ASSERT_TRUE(eventually([&] { return counts().opened >= before.opened + least_openings() && log.calls() >= 300; }))
        << log.text() << "\n"
        << log.messages() << json::serialize(harmed->stats().to_json());
    const double longest = log.longest_ms();
    const std::string during = log.text();
    const std::string messages = log.messages();
    const ChaosObserver::Counts after = counts();
    const std::size_t connections = faulty().accepted() - accepted_before;
    const std::uint64_t calls = after.calls - before.calls;
    const std::uint64_t attempts = after.attempts - before.attempts;
    if (fault() == Fault::flapping) {
        EXPECT_TRUE(log.failures() > 0 || least_openings() == 0);
    } else {
        EXPECT_LE(static_cast<double>(attempts), 1.1 * static_cast<double>(calls));
        EXPECT_LE(static_cast<double>(connections), 1.1 * static_cast<double>(calls));
    }
    std::string health = "comes and goes";
    if (fault() != Fault::flapping)
        health = health_while_it_lasts();

    // It is over.
    const Clock::time_point over = Clock::now();
    faulty().end();
    const std::size_t healed_at = log.calls() - log.failures();
    ASSERT_TRUE(eventually([&] { return circuit_is("closed") && log.calls() - log.failures() > healed_at; }));
    const double recovery = milliseconds_since(over);
    EXPECT_TRUE(counts().closed > before.closed || counts().opened == before.opened);
    stop_all();
    if (machine_was_in_time()) {
        EXPECT_LE(longest, static_cast<double>((deadline + grace()).count()) + slack_ms);
        EXPECT_LE(recovery, static_cast<double>((longest_probe() + breaker_open).count()) + slack_ms);
        expect_unharmed(baseline);
    }
    EXPECT_TRUE(eventually([&] { return run(storage->health()).status == HealthStatus::ok; }));
    written.check(run(chaos_subject(*direct, harmed->component())->stored()));
    EXPECT_GE(written.acknowledged(), 20U);
    if (fault() == Fault::half_closed && (type() == "neo4j" || type() == "postgresql")) {
        EXPECT_TRUE(was_heard(type() == "neo4j" ? "bolt" : type())) << "connections broke, and nobody said so";
    }

    std::cout << std::fixed << std::setprecision(0) << "| " << type() << " | " << fault() << " | " << during << " | "
              << calls << " calls, " << after.let_in - before.let_in << " let in, " << attempts << " attempts, "
              << connections << " connections | opened " << after.opened - before.opened << " | back after " << recovery
              << " ms | " << health << " |\n";
    std::cout << messages;
    RecordProperty("recovery_ms", static_cast<int>(recovery));
    RecordProperty("attempts", static_cast<int>(attempts));
    RecordProperty("calls", static_cast<int>(calls));
}

} // namespace
} // namespace whisperstore::test
