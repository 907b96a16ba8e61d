#include "migration/element_index.hpp"

namespace whisperstore::migration {

namespace {

sqlite::OpenOptions options_for(const std::filesystem::path& file)
{
    sqlite::OpenOptions options;
    options.path = file;
    options.archive = true;
    options.synchronous = "OFF"; // it does not outlive the migration
    options.backend = "migration";
    return options;
}

} // namespace

ElementIndex::ElementIndex(const std::filesystem::path& file)
    : connection_(std::make_unique<sqlite::Connection>(options_for(file)))
{
    connection_->execute("PRAGMA journal_mode=OFF; BEGIN;"
                         "CREATE TABLE elements (key TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID");
}

void ElementIndex::put(std::string_view key, std::string_view text)
{
    if (!find(key))
        ++size_;
    sqlite::Statement put = connection_->prepare("INSERT OR REPLACE INTO elements (key, text) VALUES (?1, ?2)");
    put.bind_text(1, key).bind_text(2, text).run();
}

std::optional<std::string> ElementIndex::find(std::string_view key)
{
    sqlite::Statement row = connection_->prepare("SELECT text FROM elements WHERE key = ?1");
    row.bind_text(1, key);
    if (!row.step())
        return std::nullopt;
    return std::string(row.column_text(0));
}

std::vector<ElementIndex::Element> ElementIndex::behind(std::string_view key, std::size_t most)
{
    sqlite::Statement rows =
        connection_->prepare("SELECT key, text FROM elements WHERE key > ?1 ORDER BY key LIMIT ?2");
    rows.bind_text(1, key).bind(2, static_cast<std::int64_t>(most));
    std::vector<Element> elements;
    while (rows.step())
        elements.push_back(Element{std::string(rows.column_text(0)), std::string(rows.column_text(1))});
    return elements;
}

} // namespace whisperstore::migration
