#include "database/sqlite_archive.hpp"

#include "database/archive/archive_format.hpp"
#include "database/archive/archive_indexes.hpp"
#include "sqlite/early_write_back.hpp"

#include <sqlite3.h>

#include <chrono>
#include <future>
#include <memory>
#include <utility>

namespace whisperstore {

namespace {

void set_number(sqlite::Connection& connection, const std::string& pragma, std::int64_t value)
{
    connection.execute("PRAGMA " + pragma + "=" + std::to_string(value));
}

/// One statement, so one snapshot, however many writes come meanwhile.
void vacuum_into(sqlite::Connection& source, const std::filesystem::path& target)
{
    source.execute("PRAGMA query_only=OFF");
    sqlite::Statement copy = source.prepare_once("VACUUM INTO ?1");
    const std::string path = target.string();
    copy.bind_text(1, path);
    copy.run();
}

/// Both connections get the same snapshot, however many writes come meanwhile.
void hold_one_snapshot(sqlite::Connection& one, sqlite::Connection& other, const sqlite::Stopper& stopper)
{
    sqlite::Connection watching(one.options());
    while (true) {
        const std::int64_t before = watching.query_int("PRAGMA data_version");
        archive::hold_snapshot(one);
        archive::hold_snapshot(other);
        if (watching.query_int("PRAGMA data_version") == before)
            return;
        one.execute("ROLLBACK");
        other.execute("ROLLBACK");
        if (stopper.stopped()) // who runs the thread makes `timeout` or `cancelled` of it
            throw sqlite::make_error(SQLITE_INTERRUPT, "interrupted", one.options().path, one.options().backend);
    }
}

/// Whether others have committed since it was asked last.
class Writers
{
public:
    explicit Writers(const sqlite::OpenOptions& reading) : connection_(std::make_shared<sqlite::Connection>(reading)) {}

    bool operator()()
    {
        try {
            const std::int64_t version = connection_->query_int("PRAGMA data_version");
            return std::exchange(version_, version) != version;
        } catch (const StorageError&) {
            return true; // whoever keeps us from asking does something with it
        }
    }

private:
    std::shared_ptr<sqlite::Connection> connection_;
    std::int64_t version_ = 0;
};

/// A check of a snapshot that runs beside other work, and ends with it.
class StructureCheck
{
public:
    explicit StructureCheck(std::unique_ptr<sqlite::Connection> connection) : connection_(std::move(connection)) {}
    ~StructureCheck() { stopper_.stop(); }
    StructureCheck(const StructureCheck&) = delete;
    StructureCheck& operator=(const StructureCheck&) = delete;

    sqlite::Connection& connection() noexcept { return *connection_; }

    void begin()
    {
        result_ = std::async(std::launch::async, [this] {
            const sqlite::Stopper::Scope scope(stopper_, *connection_);
            return sqlite::check_structure(*connection_);
        });
    }

    /// Throws StorageError corrupt.
    void wait(const sqlite::Stopper& stopper)
    {
        while (result_.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready)
            if (stopper.stopped())
                stopper_.stop();
        if (const std::string wrong = result_.get(); !wrong.empty())
            throw StorageError(StorageErrc::corrupt, "the database is damaged and was not backed up: " + wrong);
    }

private:
    const std::unique_ptr<sqlite::Connection> connection_;
    sqlite::Stopper stopper_;
    std::future<std::string> result_; // its destructor waits for the end
};

/// A restore copies the encoding as well, and connections that are open would refuse to read from then
/// on. So does an attached database, also for a damaged mark that a first opening takes for UTF-8.
void check_encoding(sqlite::Connection& live, const std::filesystem::path& file)
{
    sqlite::Statement attach = live.prepare_once("ATTACH ?1 AS archive");
    const std::string path = file.string();
    attach.bind_text(1, path);
    try {
        attach.run();
    } catch (const StorageError& error) {
        if (!error.native_code().starts_with("SQLITE_ERROR"))
            throw;
        throw StorageError(StorageErrc::version_mismatch,
                           file.string() + " cannot be read beside the database, whose text encoding is " +
                               live.query_text("PRAGMA encoding") + ": " + error.message());
    }
}

} // namespace

void mark_database(sqlite::Connection& connection)
{
    if (connection.query_int("PRAGMA application_id") == archive::application_id) {
        archive::check_format(connection);
        if (connection.query_int("PRAGMA user_version") == archive::format_with_index_list)
            throw StorageError(StorageErrc::version_mismatch,
                               connection.options().path.string() +
                                   " is an archive of another database, without its indexes: restore it instead");
    } else if (!connection.options().read_only && connection.query_int("SELECT count(*) FROM sqlite_schema") == 0) {
        set_number(connection, "application_id", archive::application_id);
    }
}

void write_archive(const sqlite::OpenOptions& live, const std::filesystem::path& file, sqlite::Stopper& stopper)
{
    sqlite::PartialFile partial(file, live.backend); // created first, so that it is never readable by others
    sqlite::OpenOptions reading = live;
    reading.read_only = true;
    sqlite::Connection source(reading);
    // What is checked is what is copied, by another thread at the same time.
    StructureCheck check(std::make_unique<sqlite::Connection>(reading));
    hold_one_snapshot(source, check.connection(), stopper);
    check.begin();

    sqlite::OpenOptions making = live;
    making.path = partial.path();
    making.read_only = false;
    making.archive = true;
    making.synchronous = "OFF"; // it is synced as a whole when it is finished
    making.page_size = static_cast<int>(source.query_int("PRAGMA page_size"));
    {
        // Page by page: VACUUM INTO builds every index anew, which takes many times as long.
        sqlite::EarlyWriteBack write_back(partial.path(), Writers(reading));
        {
            sqlite::Connection copy(making);
            const sqlite::Stopper::Scope scope(stopper, copy);
            sqlite::copy_database(source, copy);
        }
        write_back.finish(stopper);
    }
    archive::mark(*std::make_unique<sqlite::Connection>(making)); // anew: it becomes a file that needs no other
    check.wait(stopper);
    partial.publish();
}

CheckedArchive check_archive(const std::filesystem::path& file, const sqlite::OpenOptions& live,
                             sqlite::Stopper& stopper)
{
    std::error_code unknown; // told below
    if (std::filesystem::equivalent(file, live.path, unknown))
        throw StorageError(StorageErrc::invalid_argument,
                           file.string() + " is the database itself, not a backup of it");
    CheckedArchive checked;
    checked.connection = sqlite::open_for_check(file, live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        archive::hold_snapshot(*checked.connection);
        archive::check_content(*checked.connection);
    }

    sqlite::OpenOptions reading = live;
    reading.read_only = true;
    sqlite::Connection beside(reading);
    check_encoding(beside, file);
    const std::int64_t page_size = beside.query_int("PRAGMA main.page_size");
    const bool has_definitions = archive::has_definitions(*checked.connection);
    const bool lists_indexes = archive::has_index_list(*checked.connection);
    if (checked.connection->query_int("PRAGMA page_size") == page_size && !has_definitions && !lists_indexes)
        return checked;

    // A database in write-ahead logging keeps its page size, so the archive is rebuilt with it. What only PostgreSQL
    // understands is of no use here, and would soon be untrue.
    checked.rebuilt = std::make_unique<sqlite::PartialFile>(live.path.string() + ".restore", live.backend);
    {
        const sqlite::Stopper::Scope scope(stopper, *checked.connection);
        checked.connection->execute("COMMIT"); // VACUUM has a snapshot of its own
        set_number(*checked.connection, "page_size", page_size);
        vacuum_into(*checked.connection, checked.rebuilt->path());
    }
    if (has_definitions || lists_indexes) {
        sqlite::OpenOptions options = live;
        options.path = checked.rebuilt->path();
        options.archive = true;
        options.synchronous = "OFF"; // it is not needed after a crash
        sqlite::Connection rebuilt(options);
        const sqlite::Stopper::Scope scope(stopper, rebuilt);
        if (has_definitions)
            rebuilt.execute("DROP TABLE " + std::string(archive::definitions_table));
        if (lists_indexes)
            archive::make_listed_indexes(rebuilt);
    }
    checked.connection = sqlite::open_for_check(checked.rebuilt->path(), live.backend);
    archive::hold_snapshot(*checked.connection);
    return checked;
}

void take_over(sqlite::Connection& from, sqlite::Connection& live)
{
    try {
        sqlite::copy_database(from, live);
    } catch (const StorageError& error) {
        throw sqlite::commit_error(error);
    }
    // The log now holds the whole database. If it cannot be emptied yet, it will be later.
    sqlite3_wal_checkpoint_v2(live.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
}

} // namespace whisperstore
