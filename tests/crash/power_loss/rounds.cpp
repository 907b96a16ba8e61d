#include "crash/power_loss/rounds.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace whisperstore::test {

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t usual)
{
    const char* text = std::getenv(variable);
    return text && *text ? std::strtoull(text, nullptr, 10) : usual;
}

} // namespace

Rounds::Rounds(std::string_view name, std::size_t usual)
    : name_(name),
      target_(number_from("WHISPERSTORE_POWER_LOSS_ROUNDS", usual)),
      seed_(number_from("WHISPERSTORE_POWER_LOSS_SEED", 20260131)),
      random_(seed_)
{
}

Rounds::~Rounds()
{
    std::cout << "power loss, " << name_ << ": rounds " << rounds_ << ", counted " << counted_
              << ", acknowledged writes checked " << acknowledged_ << ", lost or half done in " << failed_
              << " rounds (" << dropped_ << " writes to the disk dropped, " << torn_ << " torn)\n";
    testing::Test::RecordProperty("counted_rounds", std::to_string(counted_));
    testing::Test::RecordProperty("rounds", std::to_string(rounds_));
    testing::Test::RecordProperty("wrong_rounds", std::to_string(failed_));
}

bool Rounds::enough() const noexcept { return counted_ >= target_ || testing::Test::HasFailure(); }

bool Rounds::run(const Snapshot& snapshot, const std::filesystem::path& folder, std::uint64_t acknowledged,
                 const std::function<std::string(const std::filesystem::path&)>& check)
{
    const Survival survival = Survival::random(random_);
    const Loss loss = snapshot.lose_power(folder, survival, random_);
    std::string problem;
    try {
        problem = check(folder);
    } catch (const std::exception& error) {
        problem = error.what();
    }
    ++rounds_;
    counted_ += loss.counts ? 1 : 0;
    acknowledged_ += acknowledged;
    dropped_ += loss.dropped_writes;
    torn_ += loss.torn_writes;
    if (problem.empty())
        return true;
    ++failed_;
    ADD_FAILURE() << name_ << ", seed " << seed_ << ", round " << rounds_ << " (operation " << snapshot.sequence << "; "
                  << loss.to_string() << "): " << problem;
    return false;
}

} // namespace whisperstore::test
