#include "doctor/store_checks.hpp"

#include "display/text_layout.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/schema.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <set>
#include <string>

namespace whisperstore::cli {

namespace {

constexpr std::chrono::seconds most_skew{2};
constexpr std::size_t documents_looked_at = 10'000;
constexpr std::size_t page_size = 500;

awaitable<void> check_health(StorageLayer& storage, Findings& findings, OperationContext context)
{
    const HealthReport report = co_await storage.health(std::move(context));
    for (const ComponentHealth& component : report.components) {
        switch (component.status) {
        case HealthStatus::ok:
            findings.ok(component.component, component.type + " answers in " + duration(component.latency_ms / 1000));
            break;
        case HealthStatus::degraded:
            findings.warning(component.component, component.reason, component.action);
            break;
        case HealthStatus::down:
            findings.problem(component.component, component.reason, component.action);
            break;
        case HealthStatus::disabled:
            findings.note(component.component, "is switched off");
            break;
        }
    }
}

awaitable<void> check_version(AbstractDatabaseAdapter& database, Findings& findings, OperationContext context)
{
    const bool is_sqlite = database.dialect() == SqlDialect::sqlite;
    std::string sql = is_sqlite ? "SELECT sqlite_version()" : "SELECT current_setting('server_version')";
    const QueryResult result = co_await database.execute_query(std::move(sql), Parameters(), std::move(context));
    const std::string version(result.rows[0][std::size_t{0}].as_text());
    const int major = std::atoi(version.c_str());
    if (!is_sqlite && major < 14)
        findings.problem("database version", "PostgreSQL " + version + " is older than 14",
                         "Upgrade the server: older ones are not supported");
    else
        findings.ok("database version", (is_sqlite ? "SQLite " : "PostgreSQL ") + version);
}

awaitable<void> check_schema(AbstractDatabaseAdapter& database, Findings& findings, OperationContext context)
{
    std::string missing;
    const Schema schema = WhisperEngineSchema::get_core_schema();
    for (const Table& table : schema.tables) {
        std::string sql = "SELECT 1 FROM " + table.name + " LIMIT 1";
        try {
            co_await database.execute_query(std::move(sql), Parameters(), context);
        } catch (const StorageError& error) {
            if (error.errc() != StorageErrc::not_found)
                throw;
            missing += (missing.empty() ? "" : ", ") + table.name;
        }
    }
    if (missing.empty())
        findings.ok("schema", "all " + std::to_string(schema.tables.size()) + " tables are there");
    else
        findings.problem("schema", "these tables are missing: " + missing, "Run \"whisperstore init\"");
}

awaitable<void> check_clock(AbstractDatabaseAdapter& database, Findings& findings, OperationContext context)
{
    if (database.dialect() == SqlDialect::sqlite) {
        // The same clock; what it wrote before tells whether it went back.
        const QueryResult newest = co_await database.execute_query("SELECT max(timestamp) AS newest FROM messages",
                                                                   Parameters(), std::move(context));
        const auto text = newest.rows[0]["newest"].as_optional_text();
        if (text && parse_timestamp(*text) > now() + std::chrono::minutes(5))
            findings.warning("clock", "the newest message is of the future: " + std::string(*text),
                             "Set the clock of this machine, or see where that message came from");
        else
            findings.ok("clock", "no message is of the future");
        co_return;
    }
    const Timestamp before = now();
    const QueryResult result =
        co_await database.execute_query("SELECT clock_timestamp() AS time", Parameters(), std::move(context));
    const Timestamp after = now();
    const auto middle = before + (after - before) / 2;
    const auto skew = std::chrono::duration<double>(result.rows[0]["time"].as_timestamp() - middle);
    const std::string told = "the database's clock and this machine's differ by " + duration(std::abs(skew.count()));
    if (std::abs(skew.count()) > std::chrono::duration<double>(most_skew).count())
        findings.warning("clock", told, "Let both keep time by NTP: the order of messages depends on it");
    else
        findings.ok("clock", told);
}

awaitable<std::set<std::string>> known_users(AbstractDatabaseAdapter& database, const std::set<std::string>& users,
                                             OperationContext context)
{
    std::set<std::string> known;
    if (users.empty())
        co_return known;
    std::string sql = "SELECT user_id FROM users WHERE user_id IN (";
    Parameters values;
    for (const std::string& user : users) {
        sql += values.empty() ? "?" : ", ?";
        values.add({}, user);
    }
    sql += ")";
    const QueryResult found = co_await database.execute_query(std::move(sql), std::move(values), std::move(context));
    for (const Row& row : found)
        known.emplace(row["user_id"].as_text());
    co_return known;
}

/// Documents of users that the database does not know, among the first of a collection.
awaitable<void> check_collection(StorageLayer& storage, const std::string& name, Findings& findings,
                                 OperationContext context)
{
    std::size_t seen = 0;
    std::size_t orphans = 0;
    std::string example;
    std::optional<PageCursor> cursor;
    do {
        const Page<VectorDocument> page =
            co_await storage.vector_db().scroll(name, page_size, cursor, Filter(), context);
        std::set<std::string> users;
        const auto user_of = [](const VectorDocument& document) {
            const json::value* user = document.metadata.if_contains("user_id");
            return user && user->is_string() ? std::string(user->get_string()) : std::string();
        };
        for (const VectorDocument& document : page.items)
            if (std::string user = user_of(document); !user.empty())
                users.insert(std::move(user));
        const std::set<std::string> known = co_await known_users(storage.database(), users, context);
        for (const VectorDocument& document : page.items) {
            const std::string user = user_of(document);
            if (user.empty() || known.contains(user))
                continue;
            ++orphans;
            if (example.empty())
                example = user;
        }
        seen += page.items.size();
        cursor = page.next;
    } while (cursor && seen < documents_looked_at);
    const std::string looked_at = cursor ? "the first " + std::to_string(seen) : std::to_string(seen);
    if (orphans != 0)
        findings.warning("orphans",
                         std::to_string(orphans) + " documents of " + name + " (of " + looked_at +
                             ") are of users that the database does not have, such as '" + example + "'",
                         "Add the users, or delete their documents");
    else if (seen != 0)
        findings.ok("orphans", looked_at + " documents of " + name + " are of known users");
}

awaitable<void> check_orphans(StorageLayer& storage, Findings& findings, OperationContext context)
{
    const std::vector<std::string> names = co_await storage.vector_db().list_collections(context);
    for (const std::string& name : names)
        co_await check_collection(storage, name, findings, context);
}

/// One check; what it fails with is a finding.
awaitable<void> guarded(std::string_view check, awaitable<void> work, Findings& findings)
{
    try {
        co_await std::move(work);
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::cancelled)
            throw;
        findings.problem(check, error.what(), "See the error; the other checks went on");
    }
}

} // namespace

awaitable<void> check_stores(StorageLayer& storage, Findings& findings, OperationContext context)
{
    co_await check_health(storage, findings, context);
    if (!storage.has_database())
        co_return;
    AbstractDatabaseAdapter& database = storage.database();
    co_await guarded("database version", check_version(database, findings, context), findings);
    co_await guarded("schema", check_schema(database, findings, context), findings);
    co_await guarded("clock", check_clock(database, findings, context), findings);
    if (storage.has_vector_db())
        co_await guarded("orphans", check_orphans(storage, findings, std::move(context)), findings);
}

awaitable<void> check_backups(const StorageConfiguration& configuration, Findings& findings, OperationContext context)
{
    if (configuration.backup.folder.empty()) {
        findings.note("backups", "none are made by themselves (WHISPERENGINE_BACKUP_DIR)");
        co_return;
    }
    std::vector<ListedBackup> backups;
    try {
        UnifiedBackupManager manager;
        backups = co_await manager.list(configuration.backup.folder, std::move(context));
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found) // no folder, no backup yet
            throw;
    }
    const auto whole =
        std::find_if(backups.begin(), backups.end(), [](const ListedBackup& backup) { return backup.damage.empty(); });
    const std::string action = "Run \"whisperstore backup create\", and see that the application runs";
    if (whole == backups.end()) {
        findings.warning("backups", "there is none in " + configuration.backup.folder.string(), action);
        co_return;
    }
    const auto age = std::chrono::duration<double>(now() - whole->manifest.timestamp);
    const double limit = configuration.database.backup_interval_hours * 3600 * 2;
    const std::string told = "the newest is " + duration(age.count()) + " old";
    if (age.count() > limit)
        findings.warning("backups", told, action);
    else
        findings.ok("backups", told);
}

} // namespace whisperstore::cli
