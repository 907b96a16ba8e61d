#include "crash/writer.hpp"

namespace whisperstore::test {

Actor::Actor(const WriterArguments& arguments, const Reporter& reporter, int number)
    : reporter_(reporter),
      number_(number),
      round_(static_cast<std::uint64_t>(arguments.round)),
      random_(arguments.seed * 1'000 + static_cast<std::uint64_t>(number)),
      version_(static_cast<std::int64_t>(round_ + 1) * 1'000'000)
{
}

std::string Actor::name(std::string_view prefix, std::uint64_t index) const
{
    return std::string(prefix) + std::to_string(number_) + "-" + std::to_string(index);
}

awaitable<void> Actor::tell(std::vector<Change> changes, awaitable<void> call, bool parts)
{
    const Operation operation{static_cast<std::uint64_t>(number_) * 1'000'000 + ++operations_, std::move(changes),
                              parts};
    reporter_.begins(operation);
    co_await std::move(call);
    reporter_.done(operation);
}

} // namespace whisperstore::test
