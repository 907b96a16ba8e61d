#include "vector/local_qdrant/store_directory.hpp"

#include "sqlite/files.hpp"
#include "vector/local_qdrant/collection_file.hpp"
#include "vector/local_qdrant/graph_file.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/vector/vector_database_manager.hpp>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <sys/stat.h>

namespace whisperstore::local_qdrant {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view suffix = ".db";
constexpr std::string_view retired_suffix = ".deleted";

void check(const std::error_code& error, const std::string& what)
{
    if (error)
        sqlite::throw_errno(error.value(), "cannot " + what, backend);
}

/// Of a file stream, which only leaves errno behind.
std::error_code last_error() { return {errno != 0 ? errno : EIO, std::generic_category()}; }

void remove_if_there(const fs::path& path)
{
    std::error_code error;
    fs::remove(path, error);
    check(error, "remove " + path.string());
}

void move_file(const fs::path& from, const fs::path& to)
{
    std::error_code error;
    fs::rename(from, to, error);
    check(error, "rename " + from.string() + " to " + to.string());
}

bool is_collection_name(std::string_view name)
{
    try {
        check_collection_name(name);
        return true;
    } catch (const StorageError&) {
        return false; // some other file
    }
}

/// The collection a database file is of; nothing for other files.
std::optional<std::string> collection_of(const fs::path& file)
{
    std::string name = file.filename().string();
    if (!name.ends_with(suffix))
        return std::nullopt;
    name.resize(name.size() - suffix.size());
    return is_collection_name(name) ? std::optional(std::move(name)) : std::nullopt;
}

/// SQLite's files beside a database, and our graphs. They must never meet another database of the same name: SQLite
/// would take the log of the old one for a log of the new one.
void remove_companions(const fs::path& database)
{
    for (const auto& [number, graph] : graph_files(database))
        remove_if_there(graph);
    for (const char* end : {"-wal", "-shm", "-journal"})
        remove_if_there(database.string() + end);
}

} // namespace

StoreDirectory::StoreDirectory(fs::path path) : path_(std::move(path)) {}

fs::path StoreDirectory::file_of(std::string_view collection) const
{
    check_collection_name(collection); // nothing else may become part of a path
    return path_ / (std::string(collection) + std::string(suffix));
}

std::optional<FileIdentity> StoreDirectory::identity_of(std::string_view collection) const
{
    struct stat status{};
    if (::stat(file_of(collection).c_str(), &status) != 0 || !S_ISREG(status.st_mode))
        return std::nullopt;
    return FileIdentity{status.st_dev, status.st_ino};
}

std::vector<std::string> StoreDirectory::names() const
{
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error))
        if (auto name = collection_of(entry->path()))
            names.push_back(std::move(*name));
    check(error, "read the folder " + path_.string());
    std::ranges::sort(names);
    return names;
}

std::uint64_t StoreDirectory::bytes_of(std::string_view collection) const
{
    std::uint64_t bytes = 0;
    const fs::path file = file_of(collection);
    for (const char* end : {"", "-wal"}) {
        std::error_code error; // the log comes and goes
        const std::uintmax_t size = fs::file_size(file.string() + end, error);
        bytes += error ? 0 : size;
    }
    for (const auto& [number, graph] : graph_files(file)) {
        std::error_code error; // and so do graphs
        const std::uintmax_t size = fs::file_size(graph, error);
        bytes += error ? 0 : size;
    }
    return bytes;
}

fs::path StoreDirectory::restore_folder() const { return path_ / ".restore"; }
fs::path StoreDirectory::decision() const { return restore_folder() / "decided"; }
void StoreDirectory::sync() const { sqlite::sync_path(path_, backend); }

bool StoreDirectory::restore_pending() const
{
    std::error_code ignored; // no answer means no
    return fs::exists(decision(), ignored);
}

void StoreDirectory::recover()
{
    if (restore_pending())
        finish_restore();
    else
        abandon_restore();
    std::vector<fs::path> left_over;
    std::error_code error;
    for (fs::directory_iterator entry(path_, error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.ends_with(retired_suffix))
            left_over.push_back(entry->path());
        if (const auto database = database_of_graph(entry->path());
            database && collection_of(*database) && (is_half_written_graph(entry->path()) || !fs::exists(*database)))
            left_over.push_back(entry->path());
        for (const std::string_view companion : {"-wal", "-shm", "-journal"})
            if (name.ends_with(companion)) {
                const fs::path database = path_ / name.substr(0, name.size() - companion.size());
                if (collection_of(database) && !fs::exists(database))
                    left_over.push_back(entry->path());
            }
    }
    check(error, "read the folder " + path_.string());
    for (const fs::path& path : left_over)
        remove_if_there(path);
}

void StoreDirectory::add(std::string_view collection, const std::function<void(const fs::path&)>& fill)
{
    const fs::path file = file_of(collection);
    sqlite::PartialFile partial(file, backend);
    remove_companions(file);
    fill(partial.path());
    partial.publish();
}

void StoreDirectory::remove(std::string_view collection)
{
    const fs::path file = file_of(collection);
    const fs::path retired = file.string() + std::string(retired_suffix);
    // First the name: from then on nobody opens the file without the log that belongs to it.
    move_file(file, retired);
    sync();
    remove_companions(file);
    remove_if_there(retired);
    sync();
}

fs::path StoreDirectory::begin_restore()
{
    abandon_restore();
    sqlite::make_private_directory(restore_folder(), backend);
    return restore_folder();
}

void StoreDirectory::decide_restore(const std::vector<std::string>& collections)
{
    sqlite::sync_path(restore_folder(), backend);
    sqlite::PartialFile partial(decision(), backend);
    {
        errno = 0;
        std::ofstream file(partial.path());
        for (const std::string& name : collections)
            file << name << '\n';
        if (!file.flush())
            check(last_error(), "write " + partial.path().string());
    }
    partial.publish();
    sync();
}

std::vector<std::string> StoreDirectory::decided() const
{
    errno = 0;
    std::ifstream file(decision());
    const bool open = file.is_open();
    std::vector<std::string> names{std::istream_iterator<std::string>(file), {}};
    // A list that cannot be read is not an empty one: what is not in it is removed.
    if (!open || file.bad())
        check(last_error(), "read " + decision().string());
    return names;
}

void StoreDirectory::finish_restore()
{
    const std::vector<std::string> restored = decided();
    for (const std::string& name : names())
        if (std::ranges::find(restored, name) == restored.end())
            remove(name);
    for (const std::string& name : restored) {
        const fs::path made = restore_folder() / file_of(name).filename();
        if (!fs::exists(made))
            continue; // moved before a crash
        if (identity_of(name))
            remove(name);
        remove_companions(file_of(name));
        move_file(made, file_of(name));
    }
    sync();
    // Gone for good, or recover() would after a power loss remove what is created from now on.
    remove_if_there(decision());
    sqlite::sync_path(restore_folder(), backend);
    std::error_code ignored; // nothing of worth is in it, and the next recover() drops it
    fs::remove_all(restore_folder(), ignored);
}

void StoreDirectory::abandon_restore()
{
    std::error_code error;
    if (!fs::exists(restore_folder(), error) && !error)
        return;
    // Never a decision with files missing, not even after a power loss: recover() would take them for moved.
    remove_if_there(decision());
    sqlite::sync_path(restore_folder(), backend);
    fs::remove_all(restore_folder(), error);
    check(error, "remove " + restore_folder().string());
}

} // namespace whisperstore::local_qdrant
