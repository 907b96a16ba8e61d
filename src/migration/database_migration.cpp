#include "migration/measured_snapshot.hpp"
#include "migration/portable_rows.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <algorithm>
#include <chrono>
#include <map>

namespace whisperstore {

namespace {

using Clock = std::chrono::steady_clock;
using Snapshot = std::shared_ptr<DatabaseSnapshot>;
/// How many rows tables have.
using Counts = std::map<std::string, std::uint64_t, std::less<>>;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// A database that has rows here alone is a new one: they are the versions of the portable schema.
constexpr std::string_view versions_table = "schema_migrations";

awaitable<Counts> count_rows(Snapshot snapshot, std::vector<PortableTable> tables)
{
    Counts counts;
    for (const PortableTable& table : tables) {
        const std::uint64_t rows = co_await snapshot->count(table);
        counts.emplace(table.name, rows);
    }
    co_return counts;
}

std::string filled_tables(const Counts& counts)
{
    std::string names;
    for (const auto& [name, rows] : counts)
        if (rows > 0 && name != versions_table)
            names.append(names.empty() ? "" : ", ").append(name);
    return names;
}

/// Whether the target has as many rows in each table as the source, and none in others.
bool same_counts(const Counts& source, const Counts& target)
{
    const auto count_of = [](const Counts& counts, const std::string& table) {
        const auto found = counts.find(table);
        return found == counts.end() ? 0 : found->second;
    };
    return std::all_of(source.begin(), source.end(),
                       [&](const auto& one) { return count_of(target, one.first) == one.second; }) &&
           std::all_of(target.begin(), target.end(),
                       [&](const auto& one) { return count_of(source, one.first) == one.second; });
}

LoadMode mode_of(ExistingData existing) noexcept
{
    switch (existing) {
    case ExistingData::refuse:
        return LoadMode::into_empty;
    case ExistingData::merge:
        return LoadMode::merge;
    case ExistingData::replace:
        break;
    }
    return LoadMode::replace;
}

StorageError difference(const MigratedItem& source, const std::string& target_hash, std::uint64_t target_rows)
{
    return StorageError(StorageErrc::corrupt, "the table " + source.name + " differs: the source has " +
                                                  std::to_string(source.rows) + " rows of hash " + source.content_hash +
                                                  ", the target " + std::to_string(target_rows) + " of hash " +
                                                  target_hash);
}

/// Looks at the rows of a merge before it is committed.
class MergeCheck
{
public:
    explicit MergeCheck(std::shared_ptr<const MeasuredSnapshot> from) : from_(std::move(from)) {}

    void operator()(const PortableTable& table, const Rows& rows)
    {
        if (!rows.empty())
            return add_rows(*hash_, table, rows);
        const ContentHash hash = std::move(*hash_);
        *hash_ = ContentHash();
        const MigratedItem* moved = from_->find(table.name);
        if (moved && (moved->rows != hash.rows() || moved->content_hash != hash.hex()))
            throw difference(*moved, hash.hex(), hash.rows()).prefixed("the merge was undone: ");
    }

private:
    std::shared_ptr<const MeasuredSnapshot> from_;
    std::shared_ptr<ContentHash> hash_ = std::make_shared<ContentHash>();
};

/// One migration of a database.
class DatabaseMigration
{
public:
    DatabaseMigration(AbstractDatabaseAdapter& source, AbstractDatabaseAdapter& target, MigrationOptions options,
                      OperationContext context)
        : source_(source), target_(target), options_(std::move(options)), context_(std::move(context))
    {
        report_.component = "database";
        report_.source = source.database_type();
        report_.target = target.database_type();
        report_.dry_run = options_.dry_run;
    }

    awaitable<MigrationReport> run()
    {
        const Clock::time_point start = Clock::now();
        from_ = co_await source_.open_snapshot(context_);
        choose_contents();
        counts_ = co_await count_rows(from_, contents_.tables);
        for (const auto& [name, rows] : counts_)
            rows_in_total_ += rows;
        co_await look_at_target();
        if (!report_.already_there) {
            if (options_.dry_run)
                plan();
            else
                co_await copy();
            report_.copy_seconds = seconds_since(start);
            if (options_.verify && !options_.dry_run && !report_.verified)
                co_await verify();
        }
        co_await from_->close();
        report_.seconds = seconds_since(start);
        co_return std::move(report_);
    }

private:
    bool merges() const noexcept { return options_.existing == ExistingData::merge; }

    /// What of the source is to be moved, and what not.
    void choose_contents()
    {
        contents_ = from_->contents();
        const bool in_its_own_words = source_.dialect() == target_.dialect() && !merges();
        const bool as_a_file = in_its_own_words && source_.dialect() == SqlDialect::sqlite;
        for (const archive::LeftOut& one : contents_.left_out)
            if (!as_a_file && (one.has_rows || !in_its_own_words))
                report_.not_moved.push_back(UnmovedItem{one.name, one.reason});
        if (!in_its_own_words)
            name_foreign_keys();
        if (!merges())
            return;
        contents_.definitions.clear();
        std::erase_if(contents_.tables, [this](const PortableTable& table) {
            if (table.primary_key.empty())
                report_.not_moved.push_back(
                    UnmovedItem{"the table " + table.name, "it has no primary key, so its rows cannot be merged"});
            return table.primary_key.empty();
        });
    }

    /// Those that the target cannot be told.
    void name_foreign_keys()
    {
        for (const PortableTable& table : contents_.tables)
            for (const PortableForeignKey& key : foreign_keys_left_out(table, target_.dialect()))
                report_.not_moved.push_back(UnmovedItem{
                    "the foreign key (" + quote_identifiers(key.columns) + ") of the table " + table.name + " to " +
                        key.table,
                    "SQLite adds one to a table of the portable schema only with a new column that has no default"});
    }

    /// Finds out whether there is anything to do, and whether it may be done.
    awaitable<void> look_at_target()
    {
        const Snapshot there = co_await target_.open_snapshot(context_);
        if (there->store() == from_->store())
            throw StorageError(StorageErrc::invalid_argument, "source and target are the same database");
        const Counts counts = co_await count_rows(there, there->contents().tables);
        if (same_counts(counts_, counts))
            co_await compare(there);
        co_await there->close();
        const std::string filled = filled_tables(counts);
        if (!report_.already_there && options_.existing == ExistingData::refuse && !filled.empty())
            throw StorageError(StorageErrc::already_exists, "the target has other rows already, in " + filled +
                                                                ": merge the source into it, or replace it");
        const std::string lost = what_would_be_lost(there->contents());
        if (!report_.already_there && options_.existing == ExistingData::refuse && !lost.empty())
            throw StorageError(StorageErrc::already_exists,
                               "the target has what the source has not, and would lose it: " + lost +
                                   "; merge the source into it, or replace it");
    }

    /// What else is in the target besides the portable schema and tables of the source.
    std::string what_would_be_lost(const archive::Contents& target) const
    {
        const archive::Contents& source = from_->contents();
        std::string names;
        for (const PortableTable& table : target.tables)
            if (!core_table(table) && std::none_of(source.tables.begin(), source.tables.end(),
                                                   [&](const PortableTable& one) { return one.name == table.name; }))
                names.append(names.empty() ? "" : ", ").append("the table ").append(table.name);
        for (const archive::LeftOut& one : target.left_out)
            if (std::none_of(source.left_out.begin(), source.left_out.end(),
                             [&](const archive::LeftOut& other) { return other.name == one.name; }))
                names.append(names.empty() ? "" : ", ").append(one.name);
        return names;
    }

    /// Where there are as many rows as in the source: whether they are the same.
    awaitable<void> compare(Snapshot there)
    {
        const PieceRead read = progress("verify");
        std::vector<MigratedItem> items;
        for (const PortableTable& table : contents_.tables) {
            const MigratedItem source = co_await measure(from_, table, PieceRead(), context_);
            items.push_back(source);
            const std::optional<PortableTable> target = same_table(*there, table);
            if (source.rows == 0)
                continue;
            if (!target)
                co_return;
            const MigratedItem found = co_await measure(there, table, read, context_);
            if (found != source)
                co_return;
        }
        report_.items = std::move(items);
        report_.already_there = true;
        report_.verified = true;
    }

    /// The target's table of that name, if it has all the columns.
    static std::optional<PortableTable> same_table(const DatabaseSnapshot& there, const PortableTable& table)
    {
        for (const PortableTable& one : there.contents().tables)
            if (one.name == table.name && std::all_of(table.columns.begin(), table.columns.end(),
                                                      [&](const auto& column) { return one.find(column.name); }))
                return one;
        return std::nullopt;
    }

    void plan()
    {
        for (const PortableTable& table : contents_.tables)
            report_.items.push_back(MigratedItem{table.name, counts_[table.name], 0, std::string()});
    }

    PieceRead progress(std::string_view phase)
    {
        if (!options_.progress)
            return PieceRead();
        const auto so_far = std::make_shared<MigrationProgress>();
        so_far->phase = phase;
        so_far->rows_in_total = rows_in_total_;
        const auto tell = options_.progress;
        return [so_far, tell](std::string_view table, std::uint64_t rows, std::uint64_t bytes) {
            so_far->item = table;
            so_far->rows += rows;
            so_far->bytes += bytes;
            tell(*so_far);
        };
    }

    awaitable<void> copy()
    {
        const PieceRead read = progress("copy");
        const auto measured = std::make_shared<MeasuredSnapshot>(from_, contents_, read, context_);
        LoadOptions load;
        load.mode = mode_of(options_.existing);
        if (merges() && options_.verify)
            load.merged = MergeCheck(measured);
        co_await target_.load_snapshot(measured, std::move(load), context_);
        report_.verified = merges() && options_.verify;
        for (const PortableTable& table : contents_.tables) {
            const MigratedItem* item = measured->find(table.name);
            if (!item)
                throw StorageError(StorageErrc::corrupt, "the rows of the table " + table.name + " were not read");
            report_.items.push_back(*item);
        }
    }

    awaitable<void> verify()
    {
        const Snapshot there = co_await target_.open_snapshot(context_);
        const PieceRead read = progress("verify");
        for (std::size_t i = 0; i < contents_.tables.size(); ++i) {
            const PortableTable& table = contents_.tables[i];
            const MigratedItem& source = report_.items[i];
            if (!same_table(*there, table))
                throw StorageError(StorageErrc::corrupt, "the target has no table " + table.name +
                                                             ", or not all of its columns" + std::string(others));
            const MigratedItem found = co_await measure(there, table, read, context_);
            if (found.rows != source.rows || found.content_hash != source.content_hash)
                throw StorageError(
                    StorageErrc::corrupt,
                    std::string(difference(source, found.content_hash, found.rows).message()).append(others));
        }
        co_await there->close();
        report_.verified = true;
    }

    static constexpr std::string_view others =
        "; that may also be so because others have written to the target meanwhile";

    AbstractDatabaseAdapter& source_;
    AbstractDatabaseAdapter& target_;
    const MigrationOptions options_;
    const OperationContext context_;
    MigrationReport report_;
    Snapshot from_;
    archive::Contents contents_;
    Counts counts_; ///< of what is to be moved
    std::uint64_t rows_in_total_ = 0;
};

} // namespace

awaitable<MigrationReport> StorageMigrationManager::migrate_database(AbstractDatabaseAdapter& source_adapter,
                                                                     AbstractDatabaseAdapter& target_adapter,
                                                                     MigrationOptions options, OperationContext context)
{
    DatabaseMigration migration(source_adapter, target_adapter, std::move(options), std::move(context));
    MigrationReport report = co_await migration.run();
    co_return report;
}

} // namespace whisperstore
