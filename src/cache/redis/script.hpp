#pragma once
// The Lua scripts that make each operation one atomic step on the server.

#include <string>
#include <vector>

namespace whisperstore::redis {

struct Script
{
    std::string text;
    std::string sha1;
};

/// See docs/redis.md for the keys and their contents.
struct Scripts
{
    Script get;
    Script add;
    Script remove;
    Script clear;
    Script begin;
    Script fill;
    Script stats;
    Script dump;
    Script load;

    /// The same for every cache.
    static const Scripts& all();
    std::vector<const Script*> list() const;
};

} // namespace whisperstore::redis
