#include "integration/postgresql/random_script.hpp"

#include <array>
#include <limits>
#include <span>
#include <string_view>

namespace whisperstore::test {

namespace {

constexpr std::int64_t two_to_53 = std::int64_t{1} << 53;

const std::vector<Table>& tables()
{
    static const std::vector<Table> all = [] {
        std::vector<Table> list = WhisperEngineSchema::get_core_schema().tables;
        std::erase_if(list, [](const Table& table) { return table.name == "schema_migrations"; });
        for (Table& table : script_schema().tables)
            list.push_back(std::move(table));
        return list;
    }();
    return all;
}

/// The columns by which the rows of a table are told apart.
std::vector<std::string> key(const Table& table)
{
    return table.primary_key.empty() ? std::vector<std::string>{"id"} : table.primary_key;
}

const Column& column(const Table& table, std::string_view name)
{
    for (const Column& one : table.columns)
        if (one.name == name)
            return one;
    throw std::logic_error("no column " + std::string(name));
}

std::string list(const std::vector<std::string>& names, std::string_view separator = ", ")
{
    std::string out;
    for (const std::string& name : names) {
        out += out.empty() ? std::string_view() : separator;
        out += name;
    }
    return out;
}

std::string all_columns(const Table& table)
{
    std::vector<std::string> names;
    for (const Column& one : table.columns)
        names.push_back(one.name);
    return list(names);
}

} // namespace

Schema script_schema()
{
    const auto of = [](std::string name, ColumnType type, bool required = false) {
        Column made;
        made.name = std::move(name);
        made.type = type;
        made.not_null = required;
        return made;
    };
    Table things;
    things.name = "things";
    things.columns = {of("id", ColumnType::bigint, true),    of("a_text", ColumnType::text),
                      of("an_integer", ColumnType::integer), of("a_bigint", ColumnType::bigint),
                      of("a_real", ColumnType::real),        of("a_boolean", ColumnType::boolean),
                      of("a_time", ColumnType::timestamp)};
    things.primary_key = {"id"};
    things.unique = {"a_text", "an_integer"};

    Table parts;
    parts.name = "parts";
    parts.columns = {of("name", ColumnType::text, true), of("moment", ColumnType::timestamp, true),
                     of("is_real", ColumnType::boolean, true), of("weight", ColumnType::real)};
    parts.columns[3].default_value = "1.5";
    parts.columns[3].has_default = true;
    parts.primary_key = {"moment", "is_real", "name"};
    Index by_weight;
    by_weight.name = "idx_parts_weight";
    by_weight.columns = {"weight", "name"};
    by_weight.unique = true;
    parts.indexes = {by_weight};

    Schema schema;
    schema.name = "script";
    schema.tables = {things, parts};
    return schema;
}

// Few, so that rows meet.
std::string RandomScript::name()
{
    static constexpr std::array<std::string_view, 10> names{"ada", "Ada",     "ada ",  "",   "42",
                                                            "ü",   "u\u0308", "'; --", "\\", "\U0001F312"};
    return std::string(names[below(names.size())]);
}

std::string RandomScript::text()
{
    static constexpr std::array<std::string_view, 18> pieces{"plain",
                                                             "it's",
                                                             "\"quoted\"",
                                                             "back\\slash",
                                                             "\n\t\r",
                                                             "ünïcödé",
                                                             "\U0001F312\U0001F468\u200D\U0001F469",
                                                             "\u0001\u001F\u007F",
                                                             "\U0010FFFF",
                                                             "\uFEFF",
                                                             "$1 ? :name ::text $$",
                                                             "x'); DROP TABLE users; --",
                                                             "%_",
                                                             "{\"a\": [1, null]}",
                                                             "0",
                                                             "-1.5e3",
                                                             "true",
                                                             "   "};
    std::string out;
    for (std::size_t i = below(4); i > 0; --i)
        out += pieces[below(pieces.size())];
    if (chance(2))
        out.append(5000, 'x');
    return out;
}

std::int64_t RandomScript::integer()
{
    static constexpr std::array<std::int64_t, 14> edges{0,
                                                        1,
                                                        -1,
                                                        127,
                                                        -32768,
                                                        65536,
                                                        std::numeric_limits<std::int32_t>::max(),
                                                        std::numeric_limits<std::int32_t>::min(),
                                                        std::int64_t{1} << 31,
                                                        two_to_53,
                                                        two_to_53 + 1,
                                                        -two_to_53 - 1,
                                                        std::numeric_limits<std::int64_t>::max(),
                                                        std::numeric_limits<std::int64_t>::min()};
    return chance(50) ? edges[below(edges.size())] : static_cast<std::int64_t>(below(20));
}

double RandomScript::real()
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    static constexpr std::array<double, 16> edges{
        0.0,  -0.0,  0.1,    0.1 + 0.2, 1.0 / 3, -1.5,     1e15,      1e16,
        1e-7, 1e308, -1e308, 5e-324,    2.5e-5,  infinity, -infinity, 123456789.123456789};
    return chance(60) ? edges[below(edges.size())] : static_cast<double>(below(1000)) / 7;
}

std::string RandomScript::time()
{
    static constexpr std::array<std::string_view, 8> times{
        "2026-01-31T09:05:00.000250Z", "1970-01-01T00:00:00.000000Z", "1969-12-31T23:59:59.999999Z",
        "2024-02-29T23:59:59.000001Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z",
        "1883-11-18T12:03:58.000000Z", "2000-01-01T00:00:00.000000Z"};
    return std::string(times[below(times.size())]);
}

Value RandomScript::value(ColumnType type)
{
    switch (type) {
    case ColumnType::automatic_id: // the largest number of all would be the last that SQLite gives
        return chance(80) ? static_cast<std::int64_t>(below(30)) : std::int64_t{1} << (20 + below(40));
    case ColumnType::bigint:
    case ColumnType::integer:
        return integer();
    case ColumnType::real: // an integer bound to REAL becomes one
        return chance(80) ? Value(real()) : Value(static_cast<std::int64_t>(below(100)));
    case ColumnType::text: // an integer bound to TEXT becomes its decimal text
        return chance(90) ? Value(chance(60) ? name() : text()) : Value(integer());
    case ColumnType::boolean:
        return chance(90) ? Value(chance(50)) : Value(static_cast<std::int64_t>(below(2)));
    case ColumnType::timestamp:
        return time();
    }
    return nullptr;
}

Value RandomScript::misfit(ColumnType type)
{
    static constexpr std::array<std::string_view, 7> texts{
        "not a number", "", "yesterday", "2026-02-30T00:00:00.000000Z", "2026-01-31T09:05:00Z", "1 2", "ümlaut"};
    Blob blob(3, std::byte{0xFF});
    switch (type) {
    case ColumnType::text:
        return blob;
    case ColumnType::boolean:
        return chance(50) ? Value(2) : Value(blob);
    case ColumnType::automatic_id:
    case ColumnType::bigint:
    case ColumnType::integer:
        return chance(50) ? Value(std::string(texts[below(texts.size())])) : Value(1.5);
    default:
        return chance(80) ? Value(std::string(texts[below(texts.size())])) : Value(blob);
    }
}

Step RandomScript::insert()
{
    const Table& table = tables()[below(tables().size())];
    std::vector<std::string> names;
    std::vector<std::string> marks;
    Parameters values;
    // Of two mistakes in one statement each database finds the one it looks for first.
    const std::size_t mistaken = chance(20) ? below(table.columns.size()) : table.columns.size();
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const Column& one = table.columns[i];
        // Times of "now", and numbers that failed inserts have used up, differ.
        const bool must = one.type == ColumnType::automatic_id || one.type == ColumnType::timestamp || one.not_null;
        if (!must && i != mistaken && chance(30))
            continue;
        names.push_back(one.name);
        marks.push_back(":" + one.name);
        Value made = must ? value(one.type) : value_or_null(one.type);
        if (one.references == "users(user_id)" && chance(80))
            made = name();
        if (i == mistaken)
            made = one.not_null && chance(50) ? Value() : misfit(one.type);
        values.add(one.name, std::move(made));
    }
    Step made;
    made.query.sql = "INSERT INTO " + table.name + " (" + list(names) + ") VALUES (" + list(marks) + ")";
    if (chance(25))
        made.query.sql += " ON CONFLICT DO NOTHING";
    if (chance(50))
        made.query.sql += " RETURNING " + all_columns(table);
    made.query.params = std::move(values);
    return made;
}

Step RandomScript::insert_several()
{
    Step made;
    made.query.sql = "INSERT INTO users (user_id, username, created_at, last_seen) VALUES ";
    const std::size_t count = 1 + below(4);
    for (std::size_t i = 0; i < count; ++i) {
        made.query.sql += i == 0 ? "(?, ?, ?, ?)" : ", (?, ?, ?, ?)";
        made.query.params.add("", chance(50) ? Value(name()) : Value(text()));
        made.query.params.add("", value_or_null(ColumnType::text));
        made.query.params.add("", time());
        made.query.params.add("", time());
    }
    return made;
}

Step RandomScript::upsert()
{
    Step made;
    made.query.sql =
        "INSERT INTO system_settings (key, value, updated_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE "
        "SET value = excluded.value || '/' || system_settings.key, updated_at = excluded.updated_at "
        "RETURNING key, value, updated_at";
    made.query.params = params(arg(name()), arg(value_or_null(ColumnType::text)), arg(time()));
    return made;
}

Step RandomScript::update()
{
    const Table& table = tables()[below(tables().size())];
    const Column& changed = table.columns[below(table.columns.size())];
    const std::string where = key(table)[below(key(table).size())];
    Step made;
    made.query.sql = "UPDATE " + table.name + " SET " + changed.name + " = :new WHERE " + where + " = :old";
    if (chance(30))
        made.query.sql += " RETURNING " + all_columns(table);
    made.ordered = false;
    made.query.params = params(arg("new", value_or_null(changed.type)), arg("old", value(column(table, where).type)));
    return made;
}

Step RandomScript::remove()
{
    const Table& table = tables()[below(tables().size())];
    const std::string where = key(table)[below(key(table).size())];
    Step made;
    made.query.sql = "DELETE FROM " + table.name + " WHERE " + where + " = ?";
    made.query.params = params(arg(value(column(table, where).type)));
    return made;
}

Step RandomScript::select()
{
    const Table& table = tables()[below(tables().size())];
    const Column& asked = table.columns[below(table.columns.size())];
    static constexpr std::array<std::string_view, 6> comparisons{"=", "<>", "<", "<=", ">", ">="};
    Step made;
    made.query.sql = "SELECT " + all_columns(table) + " FROM " + table.name;
    const std::size_t kind = below(5);
    if (kind == 0) {
        made.query.sql += " WHERE " + asked.name + " IS NOT NULL";
    } else if (kind == 1) {
        made.query.sql += " WHERE " + asked.name + " IN (?, ?, ?)";
        made.query.params = params(arg(value(asked.type)), arg(value(asked.type)), arg(value(asked.type)));
    } else if (kind == 2) {
        made.query.sql += " WHERE NOT (" + asked.name + " BETWEEN ? AND ?)";
        made.query.params = params(arg(value(asked.type)), arg(value(asked.type)));
    } else if (kind == 3 && asked.type == ColumnType::text) {
        // Only PostgreSQL escapes with a backslash where nothing is said.
        made.query.sql += " WHERE " + asked.name + " LIKE ? ESCAPE '!' AND length(" + asked.name + ") < ?";
        made.query.params = params(arg("%" + name()), arg(static_cast<std::int64_t>(below(20))));
    } else {
        made.query.sql += " WHERE " + asked.name + " " + std::string(comparisons[below(comparisons.size())]) + " :v";
        made.query.params = params(arg("v", value(asked.type)));
    }
    made.query.sql += " ORDER BY " + list(key(table), chance(50) ? " DESC, " : ", ");
    if (chance(30))
        made.query.sql += " LIMIT " + std::to_string(below(5)) + " OFFSET " + std::to_string(below(3));
    return made;
}

Step RandomScript::aggregate()
{
    static constexpr std::array<std::string_view, 8> queries{
        "SELECT count(*) AS n, min(last_seen) AS first, max(last_seen) AS last FROM users",
        "SELECT u.user_id, count(m.message_id) AS n, max(m.content) AS last FROM users u LEFT JOIN messages m "
        "ON m.user_id = u.user_id GROUP BY u.user_id ORDER BY u.user_id",
        "SELECT a_text, min(a_real) AS low, max(an_integer) AS high FROM things WHERE a_text IS NOT NULL GROUP BY "
        "a_text "
        "HAVING count(*) > 0 ORDER BY a_text",
        "SELECT user_id AS id, 'user' AS kind FROM users UNION SELECT node_id, 'node' FROM graph_nodes "
        "ORDER BY id, kind",
        "SELECT user_id, CASE WHEN message_count > 10 THEN 'many' WHEN message_count IS NULL THEN 'unknown' ELSE 'few' "
        "END AS activity, COALESCE(display_name, username) AS name, length(username) AS letters FROM users ORDER BY "
        "user_id",
        "SELECT user_id FROM users WHERE EXISTS (SELECT 1 FROM facts WHERE facts.user_id = users.user_id AND "
        "facts.verified) ORDER BY user_id",
        "WITH told(id) AS (SELECT user_id FROM emotions) SELECT user_id, upper(substr(username, 1, 3)) || '!' AS short "
        "FROM users WHERE user_id NOT IN (SELECT id FROM told) ORDER BY user_id",
        "SELECT count(*) AS n, count(DISTINCT name) AS names, count(weight) AS weights FROM parts WHERE is_real"};
    Step made;
    made.query.sql = queries[below(queries.size())];
    return made;
}

Step RandomScript::mistake()
{
    const std::array<Query, 22> all{
        query("SELECT * FROM nowhere"),
        query("SELECT absent FROM users"),
        query("SELECT user_id FROM users WHERE absent = ?", params(arg(1))),
        query("SELEC user_id FROM users"),
        query("SELECT user_id FROM users WHERE"),
        query("SELECT 'unterminated"),
        query("INSERT INTO users (user_id, username) VALUES ('x')"),
        query("INSERT INTO users (user_id, absent) VALUES ('x', 'y')"),
        query("SELECT ? + 1"),
        query("SELECT user_id FROM users WHERE user_id = ?", params(arg("a"), arg("b"))),
        query("SELECT user_id FROM users WHERE user_id = :a", params(arg("b", "x"))),
        query("SELECT user_id FROM users; SELECT 1"),
        query("UPDATE users SET username = NULL"),
        query("UPDATE users SET username = ?", params(arg(std::string("a\0b", 3)))),
        query("UPDATE users SET username = ?", params(arg("\xff"))),
        query("INSERT INTO users (user_id, username, message_count) VALUES ('new', 'n', 'x')"),
        query("UPDATE emotions SET confidence = ?", params(arg(std::numeric_limits<double>::quiet_NaN()))),
        query("INSERT INTO conversations (user_id, channel_id, message_content) VALUES ('nobody', 'c', 'm')"),
        query("CREATE TABLE users (a TEXT)"),
        query("DROP TABLE nowhere"),
        query("COMMIT"),
        query("")};
    Step made;
    made.query = all[below(all.size())];
    return made;
}

Step RandomScript::step()
{
    const std::size_t kind = below(100);
    if (kind < 38)
        return insert();
    if (kind < 44)
        return insert_several();
    if (kind < 48)
        return upsert();
    if (kind < 60)
        return update();
    if (kind < 67)
        return remove();
    if (kind < 87)
        return select();
    return kind < 94 ? aggregate() : mistake();
}

void RandomScript::add_scope(std::vector<Step>& steps, int depth)
{
    for (std::size_t i = below(5); i > 0; --i) {
        if (depth < 3 && chance(20)) {
            Step begin;
            begin.kind = Step::Kind::begin;
            steps.push_back(std::move(begin));
            add_scope(steps, depth + 1);
        } else {
            steps.push_back(step());
        }
    }
    static constexpr std::array<Step::Kind, 6> ends{Step::Kind::commit, Step::Kind::commit,   Step::Kind::commit,
                                                    Step::Kind::commit, Step::Kind::rollback, Step::Kind::drop};
    Step end;
    end.kind = ends[below(ends.size())];
    steps.push_back(std::move(end));
}

Operation RandomScript::operation()
{
    Operation made;
    const std::size_t kind = below(100);
    if (kind < 80) {
        made.steps.push_back(step());
    } else if (kind < 90) {
        made.kind = Operation::Kind::list;
        for (std::size_t i = below(5); i > 0; --i)
            made.steps.push_back(step());
    } else {
        made.kind = Operation::Kind::scoped;
        add_scope(made.steps, 0);
    }
    return made;
}

std::vector<Operation> RandomScript::make(std::size_t operations)
{
    std::vector<Operation> script;
    while (script.size() < operations)
        script.push_back(operation());
    return script;
}

} // namespace whisperstore::test
