#include "core/text.hpp"
#include "database/migration_script.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/database/migration_folder.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t largest_script = 64 * 1024 * 1024;

StorageError invalid(std::string message) { return StorageError(StorageErrc::invalid_argument, std::move(message)); }

StorageError same_version(const fs::path& a, const fs::path& b)
{
    return invalid("two migrations have the same version: '" + a.filename().string() + "' and '" +
                   b.filename().string() + "'; give one of them a version of its own");
}

/// Takes a suffix away.
bool take_end(std::string_view& name, std::string_view suffix)
{
    if (!name.ends_with(suffix))
        return false;
    name.remove_suffix(suffix.size());
    return true;
}

/// What the name of a file says.
struct ScriptName
{
    std::string version;
    std::string name;
    bool undoes = false;
    std::optional<SqlDialect> dialect;
};

ScriptName read_name(const std::string& file)
{
    ScriptName out;
    std::string_view rest = file;
    rest.remove_suffix(std::string_view(".sql").size());
    if (take_end(rest, ".sqlite"))
        out.dialect = SqlDialect::sqlite;
    else if (take_end(rest, ".postgresql"))
        out.dialect = SqlDialect::postgresql;
    out.undoes = take_end(rest, ".down");
    if (!out.undoes)
        take_end(rest, ".up");
    const std::size_t end = rest.find('_');
    out.version = rest.substr(0, std::min(end, rest.size()));
    if (end != std::string_view::npos)
        out.name = rest.substr(end + 1);
    const bool is_plain = out.name.find('.') == std::string::npos; // ".dwon.sql" is no name
    if (!is_migration_version(out.version) || out.name.empty() || !is_plain)
        throw invalid("'" + file +
                      "' is not the name of a migration: VERSION_NAME.up.sql, VERSION_NAME.down.sql and "
                      "VERSION_NAME.sql are, with .sqlite.sql or .postgresql.sql at the end for one database alone; "
                      "VERSION is numbers with dots, as in 0012_add_topics.up.sql");
    std::replace(out.name.begin(), out.name.end(), '_', ' ');
    return out;
}

std::string read_script(const fs::path& file)
{
    std::error_code error;
    const std::uintmax_t size = fs::file_size(file, error);
    std::ifstream in(file, std::ios::binary);
    if (error || !in)
        throw StorageError(StorageErrc::permission, "cannot read the migration " + file.string());
    if (size > largest_script)
        throw invalid("the migration " + file.string() + " is larger than 64 MB");
    std::string text(std::istreambuf_iterator<char>(in), {});
    if (in.bad())
        throw StorageError(StorageErrc::unavailable, "cannot read the migration " + file.string());
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark))
        text.erase(0, byte_order_mark.size());
    text::check(text, "the migration " + file.string());
    return text;
}

/// The scripts of one version and direction: one for all databases, and those for one alone.
class Variants
{
public:
    void add(const ScriptName& name, const fs::path& file)
    {
        const int place = name.dialect ? static_cast<int>(*name.dialect) : common;
        const auto [at, is_new] = files_.emplace(place, file);
        if (!is_new)
            throw same_version(at->second, file);
    }
    bool empty() const noexcept { return files_.empty(); }
    /// Null where there is none for it.
    const fs::path* find(SqlDialect dialect) const
    {
        auto at = files_.find(static_cast<int>(dialect));
        if (at == files_.end())
            at = files_.find(common);
        return at == files_.end() ? nullptr : &at->second;
    }
    std::vector<fs::path> all() const
    {
        std::vector<fs::path> list;
        for (const auto& [place, file] : files_)
            list.push_back(file);
        return list;
    }

private:
    static constexpr int common = -1;
    std::map<int, fs::path> files_;
};

/// All files of one version.
struct Group
{
    std::string version;
    std::string name;
    fs::path first; ///< the first one found
    Variants up;
    Variants down;
};

std::vector<fs::path> scripts_in(const fs::path& folder)
{
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
        const std::string name = at->path().filename().string();
        if (name.ends_with(".sql") && !name.starts_with('.') && !at->is_directory())
            files.push_back(at->path());
    }
    if (error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory)
        throw StorageError(StorageErrc::not_found, "there is no folder of migrations at " + folder.string());
    if (error)
        throw StorageError(StorageErrc::permission,
                           "cannot read the folder of migrations " + folder.string() + ": " + error.message());
    std::sort(files.begin(), files.end()); // so that messages do not depend on the file system
    return files;
}

Migration migration_of(const Group& group, SqlDialect dialect)
{
    if (group.up.empty())
        throw invalid("'" + group.first.filename().string() +
                      "' undoes a migration that is not there: " + group.version + " has no .up.sql script");
    const fs::path* const up = group.up.find(dialect);
    if (!up)
        throw invalid("migration " + group.version + " has no script for " + std::string(to_string(dialect)) +
                      " beside '" + group.first.filename().string() +
                      "'; where there is nothing to do give one with a comment only");
    Migration migration;
    migration.version = group.version;
    migration.name = group.name;
    migration.script = read_script(*up);
    for (const fs::path& other : group.up.all())
        if (other != *up)
            migration.other_checksums.push_back(migration_checksum(read_script(other)));
    if (const fs::path* const down = group.down.find(dialect)) {
        migration.undo_script = read_script(*down);
        if (migration.undo_script.empty())
            migration.undo_script.push_back('\n'); // nothing to do is a way back, too
    }
    return migration;
}

} // namespace

std::vector<Migration> read_migration_folder(const fs::path& folder, SqlDialect dialect)
{
    std::map<Version, Group> groups;
    for (const fs::path& file : scripts_in(folder)) {
        const ScriptName name = read_name(file.filename().string());
        Group& group = groups[migration_version(name.version)];
        if (group.first.empty()) {
            group.version = name.version;
            group.name = name.name;
            group.first = file;
        } else if (group.name != name.name) {
            throw same_version(group.first, file);
        }
        (name.undoes ? group.down : group.up).add(name, file);
    }
    std::vector<Migration> migrations;
    for (const auto& [version, group] : groups)
        migrations.push_back(migration_of(group, dialect));
    return migrations;
}

} // namespace whisperstore
