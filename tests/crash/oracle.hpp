#pragma once
// Knows what must be found after a crash.

#include "crash/killed_writer.hpp"
#include "crash/operations.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace whisperstore::test {

/// Keeps the acknowledged state over all rounds of one store and compares what is found with it.
class Oracle
{
public:
    /// \param name of the store in messages and in the summary.
    explicit Oracle(std::string name) : name_(std::move(name)) {}
    /// Prints the summary line.
    ~Oracle();
    Oracle(const Oracle&) = delete;
    Oracle& operator=(const Oracle&) = delete;

    /// What is there before the first round.
    void begin_with(Entries entries) { entries_ = std::move(entries); }

    /// Takes a round's reports and compares: acknowledged changes are all there, of the others each
    /// operation wholly or not at all, nothing else. What is found is the base of the next round.
    void check(const WriterRun& run, const Entries& found);

    /// Counts something acknowledged that was looked for in another way.
    void expect(bool is_there, const std::string& what);

    const Entries& entries() const noexcept { return entries_; }

private:
    void settle(const Operation& operation, const Entries& found);
    void lost(const std::string& what);

    std::string name_;
    Entries entries_;
    std::uint64_t rounds_ = 0;
    std::uint64_t acknowledged_ = 0;
    std::uint64_t compared_ = 0;
    std::uint64_t in_flight_ = 0;
    std::uint64_t in_flight_there_ = 0;
    std::uint64_t lost_ = 0;
};

} // namespace whisperstore::test
