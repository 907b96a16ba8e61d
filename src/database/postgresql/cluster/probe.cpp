#include "database/postgresql/cluster/probe.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <string>

namespace whisperstore::postgresql {

namespace {

/// Takes the words of a probe's answer one after another.
class Words
{
public:
    explicit Words(std::string_view text) noexcept : rest_(text), all_(text) {}

    bool at_end() const noexcept { return rest_.empty(); }
    std::string_view next() noexcept
    {
        const std::size_t end = std::min(rest_.find(' '), rest_.size());
        const std::string_view word = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return word;
    }
    template <typename Number>
    Number number()
    {
        const std::string_view word = next();
        Number value = 0;
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
        if (error != std::errc() || end != word.data() + word.size())
            fail();
        return value;
    }
    LogSequenceNumber lsn()
    {
        const auto value = LogSequenceNumber::parse(next());
        if (!value)
            fail();
        return *value;
    }
    [[noreturn]] void fail() const
    {
        throw StorageError(StorageErrc::unsupported,
                           "the server answered '" + std::string(all_.substr(0, 100)) +
                               "' to the question for its role and place in the log; PostgreSQL 10 or newer is needed");
    }

private:
    std::string_view rest_;
    std::string_view all_;
};

} // namespace

std::string_view to_string(NodeRole role) noexcept
{
    switch (role) {
    case NodeRole::primary:
        return "primary";
    case NodeRole::replica:
        return "replica";
    case NodeRole::unknown:
        break;
    }
    return "unknown";
}

ProbeAnswer parse_probe(std::string_view text)
{
    Words words(text);
    ProbeAnswer answer;
    const std::string_view role = words.next();
    if (role == "primary")
        answer.role = NodeRole::primary;
    else if (role == "replica")
        answer.role = NodeRole::replica;
    else
        words.fail();
    answer.system_identifier = static_cast<std::uint64_t>(words.number<std::int64_t>());
    answer.started_at = words.number<std::int64_t>();
    answer.position.timeline = words.number<std::uint32_t>();
    answer.position.lsn = words.lsn();
    answer.received = words.lsn();
    if (!words.at_end())
        // Clocks that disagree would make it negative.
        answer.replay_age = std::chrono::milliseconds(std::max<std::int64_t>(0, words.number<std::int64_t>()));
    if (!words.at_end())
        words.fail();
    return answer;
}

} // namespace whisperstore::postgresql
