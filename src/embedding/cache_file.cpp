#include "embedding/cache_file.hpp"

#include "sqlite/files.hpp"

#include <whisperstore/core/time.hpp>

#include <cstring>
#include <fstream>

namespace whisperstore {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view backend = "embedding_cache";
constexpr std::int64_t application_id = 0x57536563; // "WSec"
constexpr std::int64_t format_version = 1;
constexpr std::size_t few = 16; // are looked up on the caller's thread

std::int64_t moment() { return now().time_since_epoch().count(); }

void make_layout(sqlite::Connection& connection)
{
    connection.execute(R"sql(
CREATE TABLE embeddings (
    number INTEGER PRIMARY KEY,
    model TEXT NOT NULL,
    hash TEXT NOT NULL,
    used INTEGER NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (model, hash)
) STRICT;
CREATE INDEX embeddings_used ON embeddings (used);
)sql");
    connection.execute("PRAGMA application_id=" + std::to_string(application_id) +
                       "; PRAGMA user_version=" + std::to_string(format_version));
}

[[noreturn]] void refuse(const fs::path& path, const std::string& why)
{
    throw StorageError(StorageErrc::invalid_argument,
                       path.string() + " " + why +
                           ", so it is not used as the cache of embeddings: move it away, or "
                           "set the cache's file to another path",
                       ErrorDetails{std::string(backend)});
}

/// SQLite's own header, where both marks stand: a damaged file is told from somebody else's by it.
/// https://www.sqlite.org/fileformat.html#the_database_header
void check_owner(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::array<char, 100> header{};
    file.read(header.data(), header.size());
    const auto number_at = [&](std::size_t place) {
        std::int64_t number = 0;
        for (std::size_t i = 0; i < 4; ++i)
            number = number * 256 + static_cast<unsigned char>(header[place + i]);
        return number;
    };
    if (file.gcount() == 0)
        return; // a crash before anything was in it
    if (file.gcount() < 100 || std::memcmp(header.data(), "SQLite format 3", 16) != 0)
        refuse(path, "is no SQLite database");
    if (number_at(68) != application_id && number_at(68) != 0)
        refuse(path, "is the database of something else");
    if (number_at(68) == application_id && number_at(60) > format_version)
        throw StorageError(StorageErrc::version_mismatch,
                           path.string() + " was written by a newer whisperstore: use that one, or remove the file",
                           ErrorDetails{std::string(backend)});
}

void remove_database(const fs::path& path)
{
    for (const char* end : {"", "-wal", "-shm"}) {
        std::error_code error;
        fs::remove(path.string() + end, error);
        if (error)
            sqlite::throw_errno(error.value(), "cannot remove " + path.string() + end, std::string(backend));
    }
}

} // namespace

struct EmbeddingCacheFile::Shared
{
    std::string model;
    std::size_t most = 0;
    std::int64_t count = -1; // of the writer's thread; negative: not counted yet
    std::mutex mutex;
    std::string failure;

    void tell(std::string why)
    {
        const std::lock_guard lock(mutex);
        failure = std::move(why);
    }
};

/// Nobody waits for it, so it keeps its failure itself.
class EmbeddingCacheFile::AddJob final : public sqlite::WriteJob
{
public:
    AddJob(std::shared_ptr<Shared> shared, Vectors vectors)
        : WriteJob(Mode::group), shared_(std::move(shared)), vectors_(std::move(vectors))
    {
    }
    void run(sqlite::Connection& connection) override
    {
        try {
            write(connection);
        } catch (const StorageError& error) {
            shared_->tell(error.what());
            throw;
        }
    }
    void committed() noexcept override { shared_->count = count_; }

private:
    void write(sqlite::Connection& connection)
    {
        count_ = shared_->count < 0 ? connection.query_int("SELECT count(*) FROM embeddings") : shared_->count;
        sqlite::Statement insert = connection.prepare(
            "INSERT INTO embeddings (model, hash, used, embedding) VALUES (?1, ?2, ?3, ?4) "
            "ON CONFLICT (model, hash) DO UPDATE SET used = excluded.used, embedding = excluded.embedding "
            "WHERE embedding <> excluded.embedding");
        sqlite::Statement known = connection.prepare("SELECT 1 FROM embeddings WHERE model = ?1 AND hash = ?2");
        insert.bind_text(1, shared_->model);
        known.bind_text(1, shared_->model);
        insert.bind(3, moment());
        for (const auto& [hash, vector] : vectors_) {
            known.reset();
            known.bind_text(2, hash);
            if (!known.step())
                ++count_;
            insert.reset();
            insert.bind_text(2, hash);
            insert.bind_blob(4, std::as_bytes(std::span(vector)));
            insert.run();
        }
        const std::int64_t too_many = count_ - static_cast<std::int64_t>(shared_->most);
        if (too_many <= 0)
            return;
        sqlite::Statement remove = connection.prepare(
            "DELETE FROM embeddings WHERE number IN (SELECT number FROM embeddings ORDER BY used, number LIMIT ?1)");
        remove.bind(1, too_many);
        remove.run();
        count_ -= connection.changes();
    }

    const std::shared_ptr<Shared> shared_;
    const Vectors vectors_;
    std::int64_t count_ = 0;
};

class EmbeddingCacheFile::UsedJob final : public sqlite::WriteJob
{
public:
    UsedJob(std::shared_ptr<Shared> shared, std::vector<std::int64_t> numbers)
        : WriteJob(Mode::group), shared_(std::move(shared)), numbers_(std::move(numbers))
    {
    }
    void run(sqlite::Connection& connection) override
    {
        try {
            sqlite::Statement update = connection.prepare("UPDATE embeddings SET used = ?2 WHERE number = ?1");
            update.bind(2, moment());
            for (const std::int64_t number : numbers_) {
                update.reset();
                update.bind(1, number);
                update.run();
            }
        } catch (const StorageError& error) {
            shared_->tell(error.what());
            throw;
        }
    }

private:
    const std::shared_ptr<Shared> shared_;
    const std::vector<std::int64_t> numbers_;
};

EmbeddingCacheFile::EmbeddingCacheFile(Options options)
    : options_(std::move(options)), shared_(std::make_shared<Shared>())
{
    shared_->model = options_.model;
    shared_->most = options_.most;
    if (fs::exists(options_.path))
        check_owner(options_.path);
    else if (options_.read_only)
        throw StorageError(StorageErrc::not_found, options_.path.string() + " is not there yet",
                           ErrorDetails{std::string(backend)});
    try {
        open();
    } catch (const StorageError& error) {
        if (error.errc() == StorageErrc::unavailable && !options_.read_only) {
            options_.read_only = true; // another process writes it
            open();
            return;
        }
        if (error.errc() != StorageErrc::corrupt || options_.read_only)
            throw;
        // It held nothing that cannot be made again.
        store_.reset();
        remove_database(options_.path);
        open();
    }
}

void EmbeddingCacheFile::open()
{
    sqlite::StoreOptions store;
    store.open.path = options_.path;
    store.open.read_only = options_.read_only;
    store.open.synchronous = "NORMAL"; // what a power loss takes is embedded again
    store.open.page_size = 8192;
    store.open.backend = backend;
    store.readers = 1;
    store.what = "embedding cache";
    if (!options_.read_only && options_.path.has_parent_path())
        sqlite::make_private_directory(options_.path.parent_path(), std::string(backend));
    const bool read_only = options_.read_only;
    store_ = std::make_unique<sqlite::Store>(store, [read_only](sqlite::Connection& connection) {
        if (!read_only && connection.query_int("SELECT count(*) FROM sqlite_schema") == 0) {
            connection.execute("BEGIN IMMEDIATE");
            make_layout(connection);
            connection.execute("COMMIT");
        }
        try {
            sqlite::Statement probe = connection.prepare("SELECT model, hash, used, embedding FROM embeddings LIMIT 1");
            probe.step();
        } catch (const StorageError& error) {
            throw StorageError(StorageErrc::corrupt, error.message(), ErrorDetails{std::string(backend)});
        }
    });
}

awaitable<EmbeddingCacheFile::Vectors> EmbeddingCacheFile::find(std::vector<std::string> hashes,
                                                                OperationContext context)
{
    auto found = std::make_shared<Vectors>();
    auto numbers = std::make_shared<std::vector<std::int64_t>>();
    const bool short_work = hashes.size() <= few;
    std::function<void(sqlite::Connection&)> work = [this, hashes = std::move(hashes), found,
                                                     numbers](sqlite::Connection& connection) {
        sqlite::Statement row =
            connection.prepare("SELECT number, embedding FROM embeddings WHERE model = ?1 AND hash = ?2");
        row.bind_text(1, options_.model);
        for (const std::string& hash : hashes) {
            row.reset();
            row.bind_text(2, hash);
            if (!row.step())
                continue;
            const auto bytes = row.column_blob(1);
            if (bytes.size() != options_.dimension * sizeof(float))
                continue; // it will be replaced
            std::vector<float> vector(options_.dimension);
            std::memcpy(vector.data(), bytes.data(), bytes.size());
            numbers->push_back(row.column_int(0));
            found->emplace(hash, std::move(vector));
        }
    };
    if (short_work)
        co_await store_->read_inline(std::move(work), std::move(context));
    else
        co_await store_->read(std::move(work), std::move(context));
    if (!numbers->empty() && !read_only())
        store_->submit_unawaited(std::make_shared<UsedJob>(shared_, std::move(*numbers)));
    co_return std::move(*found);
}

void EmbeddingCacheFile::add(Vectors vectors)
{
    if (!read_only() && !vectors.empty())
        store_->submit_unawaited(std::make_shared<AddJob>(shared_, std::move(vectors)));
}

std::string EmbeddingCacheFile::failure() const
{
    const std::lock_guard lock(shared_->mutex);
    return shared_->failure;
}

} // namespace whisperstore
