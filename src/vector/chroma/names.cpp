#include "vector/chroma/names.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <array>
#include <utility>

namespace whisperstore::chroma {

namespace {

constexpr std::string_view begin_mark = "n.";
constexpr std::string_view end_mark = ".n";
constexpr std::size_t shortest = 3;
constexpr std::string_view restore_prefix = "whisperstore.restore.";
constexpr std::array<std::pair<std::string_view, RestorePart>, 3> restore_parts{
    std::pair{std::string_view("staged."), RestorePart::staged},
    std::pair{std::string_view("retired."), RestorePart::retired},
    std::pair{std::string_view("decision."), RestorePart::decision}};

bool is_letter_or_digit(char c) noexcept
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_plain(std::string_view name) noexcept
{
    return name.size() >= shortest && is_letter_or_digit(name.front()) && is_letter_or_digit(name.back());
}

bool is_ours(std::string_view name)
{
    try {
        check_collection_name(name);
        return true;
    } catch (const StorageError&) {
        return false; // somebody else's
    }
}

std::string restore_name(std::string_view part, std::string_view token)
{
    std::string name(restore_prefix);
    return name.append(part).append(token);
}

std::string numbered(std::string name, std::size_t number) { return name.append(".").append(std::to_string(number)); }

} // namespace

std::string server_name(std::string_view collection)
{
    check_collection_name(collection);
    if (is_plain(collection))
        return std::string(collection);
    std::string name(begin_mark);
    return name.append(collection).append(end_mark);
}

std::optional<std::string> collection_of(std::string_view server_name)
{
    if (is_plain(server_name) && is_ours(server_name))
        return std::string(server_name);
    if (server_name.size() <= begin_mark.size() + end_mark.size() || !server_name.starts_with(begin_mark) ||
        !server_name.ends_with(end_mark))
        return std::nullopt;
    const std::string_view inside =
        server_name.substr(begin_mark.size(), server_name.size() - begin_mark.size() - end_mark.size());
    if (is_plain(inside) || !is_ours(inside))
        return std::nullopt; // it would have two names
    return std::string(inside);
}

std::string staged_name(std::string_view token, std::size_t number)
{
    return numbered(restore_name("staged.", token), number);
}
std::string retired_name(std::string_view token, std::size_t number)
{
    return numbered(restore_name("retired.", token), number);
}
std::string decision_name(std::string_view token) { return restore_name("decision.", token); }

RestoreName restore_part(std::string_view server_name)
{
    if (!server_name.starts_with(restore_prefix))
        return {};
    server_name.remove_prefix(restore_prefix.size());
    for (const auto& [prefix, part] : restore_parts)
        if (server_name.starts_with(prefix)) {
            const std::string_view rest = server_name.substr(prefix.size());
            return RestoreName{part, std::string(rest.substr(0, rest.find('.')))};
        }
    return {};
}

} // namespace whisperstore::chroma
