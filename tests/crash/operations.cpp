#include "crash/operations.hpp"

#include <charconv>
#include <functional>
#include <random>
#include <stdexcept>
#include <unistd.h>

namespace whisperstore::test {

namespace {

// The standard fixes what seed_seq and mt19937_64 give, so both processes come to the same.
std::mt19937_64 random_of(std::string_view key, std::int64_t version)
{
    std::seed_seq seed(key.begin(), key.end());
    std::mt19937_64 random(seed);
    return std::mt19937_64(random() + static_cast<std::uint64_t>(version));
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    while (!text.empty()) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    return parts;
}

std::int64_t number_of(std::string_view text)
{
    std::int64_t number = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), number).ptr != text.data() + text.size() ||
        text.empty())
        throw std::runtime_error("not a number in a report: " + std::string(text));
    return number;
}

} // namespace

std::string content_of(std::string_view key, std::int64_t version)
{
    std::mt19937_64 random = random_of(key, version);
    // Mostly short, some over several pages.
    const std::size_t size = random() % 8 == 0 ? 3000 : 20 + random() % 300;
    std::string content = std::to_string(version) + "|" + std::string(key) + "|";
    while (content.size() < size)
        content += static_cast<char>('a' + random() % 26);
    return content;
}

std::optional<std::int64_t> version_of(std::string_view key, std::string_view content)
{
    std::int64_t version = 0;
    std::from_chars(content.data(), content.data() + content.size(), version);
    if (version == 0 || content != content_of(key, version))
        return std::nullopt;
    return version;
}

std::vector<float> embedding_of(std::string_view key, std::int64_t version, std::size_t dimension)
{
    std::mt19937_64 random = random_of(key, version);
    std::vector<float> embedding(dimension);
    for (float& value : embedding)
        value = static_cast<float>(static_cast<double>(random() >> 11U) / 4503599627370496.0 - 1.0); // [-1, 1)
    return embedding;
}

std::string Report::line() const
{
    switch (kind) {
    case Kind::ready:
        return "ready\n";
    case Kind::failed:
        return "failed " + message + "\n";
    case Kind::done:
        return "done " + std::to_string(operation.id) + "\n";
    case Kind::begins:
        break;
    }
    std::string text = (operation.parts ? "parts " : "begins ") + std::to_string(operation.id) + " ";
    for (const Change& change : operation.changes)
        text += change.key + "=" + std::to_string(change.version) + ",";
    text.back() = '\n';
    return text;
}

Report Report::parse(std::string_view line)
{
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    const std::string_view rest = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    Report report;
    if (word == "ready")
        return report;
    if (word == "failed") {
        report.kind = Kind::failed;
        report.message = rest;
        return report;
    }
    const std::vector<std::string_view> parts = split(rest, ' ');
    report.operation.id = static_cast<std::uint64_t>(number_of(parts.at(0)));
    if (word == "done") {
        report.kind = Kind::done;
        return report;
    }
    if (word != "begins" && word != "parts")
        throw std::runtime_error("unknown report: " + std::string(line));
    report.kind = Kind::begins;
    report.operation.parts = word == "parts";
    for (const std::string_view change : split(parts.at(1), ',')) {
        const std::size_t equals = change.find('=');
        report.operation.changes.push_back(
            Change{std::string(change.substr(0, equals)), number_of(change.substr(equals + 1))});
    }
    return report;
}

void Reporter::write(const Report& report) const
{
    // Up to PIPE_BUF bytes arrive in one piece, whoever else writes.
    const std::string line = report.line();
    if (::write(descriptor_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        throw std::runtime_error("the report does not fit into the pipe");
}

void Reporter::ready() const { write(Report()); }

void Reporter::begins(const Operation& operation) const
{
    Report report;
    report.kind = Report::Kind::begins;
    report.operation = operation;
    write(report);
}

void Reporter::done(const Operation& operation) const
{
    Report report;
    report.kind = Report::Kind::done;
    report.operation.id = operation.id;
    write(report);
}

void Reporter::failed(const std::string& message) const
{
    Report report;
    report.kind = Report::Kind::failed;
    report.message = message;
    write(report);
}

} // namespace whisperstore::test
