#include "protocol/bolt/responses.hpp"

#include "core/text.hpp"
#include "protocol/bolt/failure.hpp"

#include <algorithm>

namespace whisperstore::bolt {

Response read_response(std::string_view message)
{
    Unpacker in(message);
    const auto [tag, fields] = in.structure();
    Response out;
    switch (tag) {
    case 0x70:
        out.kind = ResponseKind::success;
        break;
    case 0x71:
        out.kind = ResponseKind::record;
        break;
    case 0x7E:
        out.kind = ResponseKind::ignored;
        break;
    case 0x7F:
        out.kind = ResponseKind::failure;
        break;
    default:
        throw Malformed{"the server sends a message of an unknown kind"};
    }
    // Neo4j sends IGNORED without its map.
    if (fields > 1 || (fields == 0 && out.kind != ResponseKind::ignored))
        throw Malformed{"the server sends a message with a wrong number of fields"};
    out.body = message.substr(2);
    return out;
}

std::vector<Value> read_record(std::string_view body, Dialect dialect)
{
    Unpacker in(body, dialect);
    std::vector<Value> values(in.list_size());
    for (Value& value : values)
        value = in.value();
    if (!in.done())
        throw Malformed{"a record is longer than its values"};
    return values;
}

Map read_metadata(std::string_view body, Dialect dialect)
{
    Unpacker in(body, dialect);
    Map map = in.map();
    if (!in.done())
        throw Malformed{"an answer is longer than its map"};
    return map;
}

std::optional<std::int64_t> find_int(const Map& map, std::string_view name)
{
    const Value* value = map.find(name);
    const auto* integer = value ? value->get_if<std::int64_t>() : nullptr;
    return integer ? std::optional(*integer) : std::nullopt;
}

bool find_flag(const Map& map, std::string_view name)
{
    const Value* value = map.find(name);
    const auto* flag = value ? value->get_if<bool>() : nullptr;
    return flag && *flag;
}

std::string_view find_text(const Map& map, std::string_view name)
{
    const Value* value = map.find(name);
    const auto* text = value ? value->get_if<std::string>() : nullptr;
    return text ? std::string_view(*text) : std::string_view();
}

Greeting read_greeting(const Map& metadata)
{
    Greeting out;
    out.agent = find_text(metadata, "server");
    out.connection_id = find_text(metadata, "connection_id");
    if (const Value* hints = metadata.find("hints"))
        if (const auto* map = hints->get_if<Map>()) {
            constexpr std::int64_t longest = 24 * 60 * 60;
            const auto seconds = find_int(*map, "connection.recv_timeout_seconds");
            if (seconds && *seconds > 0)
                out.receive_timeout = std::chrono::seconds(std::min(*seconds, longest));
            out.telemetry = find_flag(*map, "telemetry.enabled");
            out.routes_itself = find_flag(*map, "ssr.enabled");
        }
    if (const Value* patches = metadata.find("patch_bolt"))
        if (const auto* list = patches->get_if<List>())
            for (const Value& patch : *list)
                out.utc_times = out.utc_times || patch == Value("utc");
    return out;
}

namespace {

void count(std::int64_t& counter, const Map& counts, std::string_view name)
{
    counter = find_int(counts, name).value_or(0);
}

Counters read_counters(const Map& counts)
{
    Counters out;
    count(out.nodes_created, counts, "nodes-created");
    count(out.nodes_deleted, counts, "nodes-deleted");
    count(out.relationships_created, counts, "relationships-created");
    count(out.relationships_deleted, counts, "relationships-deleted");
    count(out.properties_set, counts, "properties-set");
    count(out.labels_added, counts, "labels-added");
    count(out.labels_removed, counts, "labels-removed");
    count(out.indexes_added, counts, "indexes-added");
    count(out.indexes_removed, counts, "indexes-removed");
    count(out.constraints_added, counts, "constraints-added");
    count(out.constraints_removed, counts, "constraints-removed");
    count(out.system_updates, counts, "system-updates");
    // Older servers leave them out.
    const bool updated = out.nodes_created + out.nodes_deleted + out.relationships_created + out.relationships_deleted +
                             out.properties_set + out.labels_added + out.labels_removed + out.indexes_added +
                             out.indexes_removed + out.constraints_added + out.constraints_removed >
                         0;
    out.contains_updates = updated || find_flag(counts, "contains-updates");
    out.contains_system_updates = out.system_updates > 0 || find_flag(counts, "contains-system-updates");
    return out;
}

List take_list(Map& metadata, std::string_view name)
{
    const Value* value = metadata.find(name);
    return value && value->get_if<List>() ? *value->get_if<List>() : List();
}

} // namespace

Summary read_summary(Map metadata)
{
    Summary out;
    out.query_type = find_text(metadata, "type");
    out.database = find_text(metadata, "db");
    if (const Value* stats = metadata.find("stats"))
        if (const auto* counts = stats->get_if<Map>())
            out.counters = read_counters(*counts);
    out.notifications = take_list(metadata, "notifications");
    out.statuses = take_list(metadata, "statuses");
    if (const Value* plan = metadata.find("plan"))
        out.plan = *plan;
    if (const Value* profile = metadata.find("profile"))
        out.profile = *profile;
    out.consumed_after = std::chrono::milliseconds(find_int(metadata, "t_last").value_or(0));
    return out;
}

namespace {

/// As codes are: they stand in messages, metrics and logs.
bool is_word(std::string_view text) noexcept
{
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7F'; });
}

/// The server's texts have line breaks around the query they quote.
void one_line(std::string& text)
{
    const bool valid = text::is_valid_utf8(text);
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == '\x7F')
            c = ' ';
        else if (!valid && static_cast<unsigned char>(c) >= 0x80)
            c = '?';
    }
}

} // namespace

ServerFailure read_failure(const Map& metadata)
{
    ServerFailure out;
    out.code = find_text(metadata, "neo4j_code");
    if (out.code.empty())
        out.code = find_text(metadata, "code");
    out.message = find_text(metadata, "message");
    out.gql_status = find_text(metadata, "gql_status");
    if (out.code.empty() || !is_word(out.code))
        out.code = "Neo.DatabaseError.General.UnknownError";
    if (!is_word(out.gql_status))
        out.gql_status.clear();
    if (out.message.empty())
        out.message = "the server reported an error without a message";
    one_line(out.message);
    return out;
}

} // namespace whisperstore::bolt
