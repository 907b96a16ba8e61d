#include "graph/neo4j/bookmarks.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace whisperstore::graph::neo4j {

namespace {

constexpr std::string_view token_name = "neo4j";
constexpr char between = '\n'; // bookmarks are base64 and the like

bolt::Bookmarks parsed(std::string_view token)
{
    bolt::Bookmarks bookmarks;
    while (!token.empty()) {
        const std::size_t end = std::min(token.find(between), token.size());
        bookmarks.emplace_back(token.substr(0, end));
        token.remove_prefix(std::min(end + 1, token.size()));
    }
    return bookmarks;
}

std::string joined(const bolt::Bookmarks& bookmarks)
{
    std::string token;
    for (const std::string& bookmark : bookmarks) {
        if (!token.empty())
            token.push_back(between);
        token.append(bookmark);
    }
    return token;
}

bool contains(const bolt::Bookmarks& bookmarks, const std::string& one)
{
    return std::find(bookmarks.begin(), bookmarks.end(), one) != bookmarks.end();
}

} // namespace

bolt::Bookmarks bookmarks_of(const Session& session) { return parsed(session.token(token_name)); }

void leave_bookmarks(Session& session, const bolt::Bookmarks& before, const bolt::Bookmarks& after)
{
    session.update_token(token_name, [&](const std::string& token) {
        bolt::Bookmarks bookmarks = after;
        for (std::string& other : parsed(token))
            if (!contains(before, other) && !contains(after, other))
                bookmarks.push_back(std::move(other));
        return joined(bookmarks);
    });
}

} // namespace whisperstore::graph::neo4j
