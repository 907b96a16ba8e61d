#include "commands/command_tree.hpp"

#include "display/text_layout.hpp"

#include <charconv>

namespace whisperstore::cli {

namespace {

template <typename Number>
CLI::Validator between(Number least, Number most, const std::string& range)
{
    CLI::Validator validator;
    validator.operation([least, most, range](const std::string& text) {
        Number number{};
        const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool fits =
            read.ec == std::errc() && read.ptr == text.data() + text.size() && number >= least && number <= most;
        return fits ? std::string() : "'" + text + "' is not " + range;
    });
    return validator;
}

} // namespace

CLI::Validator number_from(double least, double most)
{
    return between(least, most, "a number from " + fixed(least, least < 1 ? 3 : 0) + " to " + fixed(most, 0));
}

CLI::Validator whole_number_from(std::int64_t least, std::int64_t most)
{
    return between(least, most, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
}

} // namespace whisperstore::cli
