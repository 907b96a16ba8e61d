#include "database/migration_script.hpp"

#include "core/hash.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore {

namespace {

constexpr std::string_view header = "-- version:";
constexpr std::string_view no_transaction = "no-transaction";

std::string_view trim(std::string_view text) noexcept
{
    constexpr std::string_view space = " \t\r";
    const std::size_t begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

} // namespace

std::string migration_checksum(std::string_view script)
{
    std::string text;
    text.reserve(script.size());
    for (std::size_t i = 0; i < script.size(); ++i)
        if (script[i] != '\r' || i + 1 == script.size() || script[i + 1] != '\n')
            text.push_back(script[i]);
    return sha256_hex(text);
}

bool runs_in_transaction(std::string_view script) noexcept
{
    while (!script.empty()) {
        const std::size_t end = std::min(script.find('\n'), script.size());
        const std::string_view line = trim(script.substr(0, end));
        script.remove_prefix(std::min(end + 1, script.size()));
        if (line.empty())
            continue;
        if (!line.starts_with("--"))
            return true;
        if (trim(line.substr(2)) == no_transaction)
            return false;
    }
    return true;
}

bool is_migration_version(std::string_view text) noexcept
{
    constexpr std::size_t longest = 100;
    const bool right_letters =
        std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
    return !text.empty() && text.size() <= longest && right_letters && text.front() != '.' && text.back() != '.' &&
           text.find("..") == std::string_view::npos;
}

Version migration_version(std::string_view text)
{
    if (!is_migration_version(text))
        throw StorageError(StorageErrc::invalid_argument,
                           "'" + std::string(text.substr(0, 64)) +
                               "' is not the version of a migration: numbers with dots are, such as 12 or 1.10");
    return Version::parse(text);
}

Migration migration_of_script(std::string script)
{
    Migration migration;
    const std::string_view first = std::string_view(script).substr(0, script.find('\n'));
    if (first.starts_with(header)) {
        const std::string_view facts = trim(first.substr(header.size()));
        const std::size_t end = std::min(facts.find_first_of(" \t"), facts.size());
        migration.version = facts.substr(0, end);
        migration.name = trim(facts.substr(end));
        if (migration.version.empty())
            throw StorageError(
                StorageErrc::invalid_argument,
                "a migration script begins with '-- version:' but names none; write '-- version: 3 add topics'");
    }
    migration.script = std::move(script);
    return migration;
}

std::string migration_title(std::string_view version, std::string_view name)
{
    std::string title = "migration ";
    title.append(version);
    if (!name.empty())
        title.append(" (").append(name).append(")");
    return title;
}

} // namespace whisperstore
