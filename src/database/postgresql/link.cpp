#include "database/postgresql/link.hpp"

#include "database/postgresql/sqlstate.hpp"

namespace whisperstore::postgresql {

std::string_view field(const PGresult* result, int code) noexcept
{
    const char* text = PQresultErrorField(result, code);
    return text ? std::string_view(text) : std::string_view();
}

bool is_fatal(const PGresult* result) noexcept
{
    const std::string_view severity = field(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity == "FATAL" || severity == "PANIC";
}

StorageError server_error(const PGresult* result)
{
    const std::string_view state = state_of(result);
    const SqlState meaning = classify(state);
    std::string message(field(result, PG_DIAG_MESSAGE_PRIMARY));
    if (message.empty())
        message = "the server reported an error without a message";
    if (const std::string_view detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty())
        message.append("; ").append(detail);
    if (const std::string_view hint = field(result, PG_DIAG_MESSAGE_HINT); !hint.empty())
        message.append(" (").append(hint).append(")");
    if (const std::string_view position = field(result, PG_DIAG_STATEMENT_POSITION);
        !position.empty() && meaning.code == StorageErrc::syntax)
        message.append(" (at character ").append(position).append(")");
    ErrorDetails details;
    details.native_code = state;
    details.retryable = meaning.retryable;
    details.outcome = meaning.code == StorageErrc::outcome_unknown ? Outcome::unknown : Outcome::not_applied;
    return StorageError(meaning.code, std::move(message), std::move(details));
}

std::string last_words(const PGconn* link)
{
    std::string words = link ? PQerrorMessage(link) : "out of memory";
    while (!words.empty() && (words.back() == '\n' || words.back() == ' '))
        words.pop_back();
    for (std::size_t at = words.find('\n'); at != std::string::npos; at = words.find('\n', at)) {
        std::size_t end = at;
        while (end < words.size() && (words[end] == '\n' || words[end] == '\t' || words[end] == ' '))
            ++end;
        words.erase(at, end - at);
        words.insert(at, "; ");
    }
    return words.empty() ? "the connection was lost" : words;
}

void require_sent(PGconn* link, int returned)
{
    if (returned != 1)
        throw Broken{last_words(link), {}};
}

} // namespace whisperstore::postgresql
