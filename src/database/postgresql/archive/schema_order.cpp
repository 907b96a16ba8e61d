#include "database/postgresql/archive/schema_order.hpp"

#include <functional>
#include <queue>
#include <set>

namespace whisperstore::postgresql {

std::vector<SchemaObject> in_order(std::vector<SchemaObject> objects,
                                   const std::multimap<SchemaObject::Key, SchemaObject::Key>& needs)
{
    std::map<SchemaObject::Key, std::size_t> places;
    for (std::size_t i = 0; i < objects.size(); ++i)
        places.emplace(objects[i].key, i);
    std::vector<std::size_t> missing(objects.size());
    std::vector<std::vector<std::size_t>> needed_by(objects.size());
    for (const auto& [key, needed] : needs) {
        const auto from = places.find(key);
        const auto to = places.find(needed);
        if (from == places.end() || to == places.end() || from == to)
            continue;
        ++missing[from->second];
        needed_by[to->second].push_back(from->second);
    }
    std::vector<SchemaObject> out;
    out.reserve(objects.size());
    std::set<std::size_t> waiting;
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        if (missing[i] == 0)
            ready.push(i);
        else
            waiting.insert(i);
    }
    while (!ready.empty() || !waiting.empty()) {
        if (ready.empty()) { // a circle: begin it anywhere
            ready.push(*waiting.begin());
            waiting.erase(waiting.begin());
        }
        const std::size_t next = ready.top();
        ready.pop();
        for (const std::size_t other : needed_by[next])
            if (--missing[other] == 0 && waiting.erase(other) > 0)
                ready.push(other);
        out.push_back(std::move(objects[next]));
    }
    return out;
}

} // namespace whisperstore::postgresql
