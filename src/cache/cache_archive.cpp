#include "cache/cache_archive.hpp"

#include "cache/cached_messages.hpp"
#include "cache/message_json.hpp"

#include <whisperstore/core/error.hpp>

#include <utility>

namespace whisperstore {

namespace {

constexpr std::int64_t application_id = 0x57536368; // "WSch"
constexpr std::int64_t format = 1;

sqlite::OpenOptions making(const std::filesystem::path& path, const std::string& backend)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.archive = true;
    options.synchronous = "OFF"; // it is synced as a whole when it gets its name
    options.backend = backend;
    return options;
}

} // namespace

CacheArchiveWriter::CacheArchiveWriter(const std::filesystem::path& file, const std::string& backend)
    : partial_(file, backend), connection_(std::make_unique<sqlite::Connection>(making(partial_.path(), backend)))
{
    connection_->execute("PRAGMA application_id = " + std::to_string(application_id) +
                         "; PRAGMA user_version = " + std::to_string(format) +
                         "; BEGIN;"
                         "CREATE TABLE channels (number INTEGER PRIMARY KEY, channel_id TEXT NOT NULL UNIQUE, "
                         "warm INTEGER NOT NULL CHECK (warm IN (0, 1)), expires_at TEXT NOT NULL) STRICT;"
                         "CREATE TABLE messages (channel INTEGER NOT NULL REFERENCES channels (number), "
                         "message_id INTEGER NOT NULL, timestamp TEXT NOT NULL, message TEXT NOT NULL, "
                         "PRIMARY KEY (channel, message_id)) STRICT, WITHOUT ROWID;");
}

void CacheArchiveWriter::add(const ArchivedChannel& channel)
{
    const sqlite::Stopper::Scope scope(stopper_, *connection_);
    sqlite::Statement insert =
        connection_->prepare("INSERT INTO channels (number, channel_id, warm, expires_at) VALUES (?1, ?2, ?3, ?4)");
    const std::string expires = format_timestamp(channel.expires);
    insert.bind(1, ++channels_);
    insert.bind_text(2, channel.id);
    insert.bind(3, std::int64_t(channel.warm ? 1 : 0));
    insert.bind_text(4, expires);
    insert.run();
    sqlite::Statement message_row =
        connection_->prepare("INSERT INTO messages (channel, message_id, timestamp, message) VALUES (?1, ?2, ?3, ?4)");
    for (const CachedMessage& message : channel.messages) {
        const std::string time = format_timestamp(message->timestamp);
        const std::string value = encode_message(*message);
        message_row.reset();
        message_row.bind(1, channels_);
        message_row.bind(2, message->message_id);
        message_row.bind_text(3, time);
        message_row.bind_text(4, value);
        message_row.run();
    }
}

void CacheArchiveWriter::finish()
{
    {
        const sqlite::Stopper::Scope scope(stopper_, *connection_);
        connection_->execute("COMMIT");
    }
    connection_.reset();
    partial_.publish();
}

CacheArchiveReader::CacheArchiveReader(std::filesystem::path file, std::string backend)
    : file_(std::move(file)), backend_(std::move(backend))
{
}

void CacheArchiveReader::damaged(const std::string& what) const
{
    throw StorageError(StorageErrc::corrupt, file_.string() + " " + what + "; take another backup");
}

void CacheArchiveReader::open()
{
    connection_ = sqlite::open_for_check(file_, backend_);
    const sqlite::Stopper::Scope scope(stopper_, *connection_);
    connection_->execute("BEGIN");
    if (connection_->query_int("PRAGMA application_id") != application_id)
        damaged("is no archive of a conversation cache");
    if (const std::int64_t version = connection_->query_int("PRAGMA user_version"); version > format)
        throw StorageError(StorageErrc::version_mismatch, file_.string() + " has format " + std::to_string(version) +
                                                              "; this program reads up to " + std::to_string(format));
    sqlite::check_integrity(*connection_);
    while (!read(64).empty())
        ;
    last_ = 0;
}

std::vector<ArchivedChannel> CacheArchiveReader::read(std::size_t most)
{
    std::vector<ArchivedChannel> channels;
    try {
        sqlite::Statement rows =
            connection_->prepare("SELECT number FROM channels WHERE number > ?1 ORDER BY number LIMIT ?2");
        rows.bind(1, last_);
        rows.bind(2, static_cast<std::int64_t>(most));
        while (rows.step()) {
            last_ = rows.column_int(0);
            channels.push_back(read_channel(last_));
        }
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::not_found && error.errc() != StorageErrc::syntax &&
            error.errc() != StorageErrc::invalid_argument)
            throw;
        damaged("holds what cannot be: " + error.message());
    }
    return channels;
}

ArchivedChannel CacheArchiveReader::read_channel(std::int64_t number)
{
    ArchivedChannel channel;
    {
        sqlite::Statement row =
            connection_->prepare("SELECT channel_id, warm, expires_at FROM channels WHERE number = ?1");
        row.bind(1, number);
        row.step();
        channel.id = row.column_text(0);
        channel.warm = row.column_int(1) != 0;
        channel.expires = parse_timestamp(row.column_text(2));
    }
    check_channel_id(channel.id);
    sqlite::Statement rows = connection_->prepare(
        "SELECT message_id, message FROM messages WHERE channel = ?1 ORDER BY timestamp, message_id");
    rows.bind(1, number);
    while (rows.step()) {
        CachedMessage message = decode_message(channel.id, rows.column_text(1));
        if (message->message_id != rows.column_int(0))
            damaged("has message " + std::to_string(message->message_id) + " under another id");
        channel.messages.push_back(std::move(message));
    }
    return channel;
}

} // namespace whisperstore
