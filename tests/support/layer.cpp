#include "support/layer.hpp"

#include "support/test_directory.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/core/time.hpp>
#include <whisperstore/database/schema.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <random>

namespace whisperstore::test {

namespace {

// Columns that say when and in which order this machine did something, not what was stored.
constexpr std::array<std::string_view, 6> passing_columns{"id",         "created_at",       "updated_at",
                                                          "applied_at", "last_interaction", "execution_time_ms"};

std::string line_of(const Row& row, Columns columns)
{
    json::object out = row.to_json();
    if (columns == Columns::content)
        for (const std::string_view column : passing_columns)
            out.erase(column);
    return json::serialize(out);
}

std::string line_of(const VectorDocument& document)
{
    json::object out;
    out["id"] = document.id;
    out["content"] = document.content;
    out["metadata"] = document.metadata;
    json::array numbers;
    for (const float number : document.embedding)
        numbers.emplace_back(static_cast<double>(number));
    out["embedding"] = std::move(numbers);
    return json::serialize(out);
}

} // namespace

StorageConfiguration laptop_configuration(const std::filesystem::path& data_dir,
                                          const std::map<std::string, std::string>& settings)
{
    ConfigOptions options;
    options.environment = EnvironmentMap();
    options.config_file = std::filesystem::path();
    options.data_dir = data_dir;
    options.laptop_defaults = LaptopDefaults::on;
    options.settings = settings;
    options.settings["WHISPERENGINE_EMBEDDING_TYPE"] = "none"; // whether there is a model here or not
    return AdaptiveConfigManager(std::move(options)).get_storage_configuration();
}

awaitable<Dump> dump_database(AbstractDatabaseAdapter& database, Columns columns)
{
    Dump out;
    for (const Table& table : WhisperEngineSchema::get_core_schema().tables) {
        const QueryResult rows = co_await database.execute_query("SELECT * FROM " + table.name);
        std::vector<std::string>& lines = out[table.name];
        for (const Row& row : rows)
            lines.push_back(line_of(row, columns));
        std::sort(lines.begin(), lines.end());
    }
    co_return out;
}

awaitable<Dump> dump_vectors(VectorDatabaseManager& vectors)
{
    Dump out;
    const std::vector<std::string> collections = co_await vectors.list_collections();
    for (const std::string& name : collections) {
        const CollectionExport exported = co_await vectors.export_collection(name);
        std::vector<std::string>& lines = out["vectors/" + name];
        lines.push_back(json::serialize(exported.metadata.to_json()));
        for (const VectorDocument& document : exported.documents)
            lines.push_back(line_of(document));
        std::sort(lines.begin(), lines.end());
    }
    co_return out;
}

awaitable<Dump> dump(StorageLayer& storage, Columns columns)
{
    Dump out = co_await dump_database(storage.database(), columns);
    out.merge(co_await dump_vectors(storage.vector_db()));
    co_return out;
}

std::string difference(const Dump& a, const Dump& b)
{
    for (const auto& [name, lines] : a) {
        const auto other = b.find(name);
        if (other == b.end())
            return name + " is in the first only";
        if (lines == other->second)
            continue;
        const auto [left, right] =
            std::mismatch(lines.begin(), lines.end(), other->second.begin(), other->second.end());
        return name + ": " + std::to_string(lines.size()) + " and " + std::to_string(other->second.size()) +
               " lines; first difference\n  " + (left == lines.end() ? "(end)" : *left) + "\n  " +
               (right == other->second.end() ? "(end)" : *right);
    }
    for (const auto& [name, lines] : b)
        if (!a.contains(name))
            return name + " is in the second only";
    return {};
}

std::string SampleMessage::line() const
{
    json::object out;
    out["message_id"] = id;
    out["channel_id"] = channel;
    out["user_id"] = user;
    out["username"] = "Name of " + user;
    out["content"] = content;
    out["timestamp"] = format_timestamp(parse_timestamp("2026-01-01T00:00:00Z") + std::chrono::seconds(id));
    if (reply_to)
        out["reply_to"] = *reply_to;
    if (session)
        out["session"] = *session;
    return json::serialize(out) + "\n";
}

std::vector<SampleMessage> sample_messages(std::size_t count, std::int64_t first_id)
{
    std::vector<SampleMessage> messages;
    for (std::size_t i = 0; i < count; ++i) {
        SampleMessage message;
        message.id = first_id + static_cast<std::int64_t>(i);
        message.channel = "channel-" + std::to_string(i % 3);
        message.user = "user-" + std::to_string(i % 5);
        message.content = "message number " + std::to_string(i) + " about topic " + std::to_string(i % 7);
        if (i % 4 != 3)
            message.session = static_cast<int>(i / 30);
        if (i % 10 == 9)
            message.reply_to = message.id - 7;
        messages.push_back(std::move(message));
    }
    return messages;
}

std::vector<float> sample_embedding(std::int64_t number, std::size_t dimension)
{
    std::mt19937_64 random(static_cast<std::uint64_t>(number));
    std::vector<float> embedding(dimension);
    for (float& value : embedding)
        value = static_cast<float>(static_cast<double>(random() >> 11U) / 4503599627370496.0 - 1.0); // [-1, 1)
    return embedding;
}

void write_messages(const std::filesystem::path& path, const std::vector<SampleMessage>& messages)
{
    std::string text;
    for (const SampleMessage& message : messages)
        text += message.line();
    write_file(path, text);
}

void write_embeddings(const std::filesystem::path& path, const std::vector<std::vector<float>>& embeddings)
{
    std::string bytes;
    for (const std::vector<float>& embedding : embeddings)
        bytes.append(reinterpret_cast<const char*>(embedding.data()), embedding.size() * sizeof(float));
    write_file(path, bytes);
}

void write_embeddings(const std::filesystem::path& path, const std::vector<SampleMessage>& messages)
{
    std::vector<std::vector<float>> embeddings;
    for (const SampleMessage& message : messages)
        embeddings.push_back(sample_embedding(message.id));
    write_embeddings(path, embeddings);
}

} // namespace whisperstore::test
