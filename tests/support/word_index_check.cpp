#include "support/word_index_check.hpp"

#include "sqlite/connection.hpp"
#include "sqlite/words.hpp"
#include "vector/about_text.hpp"

#include <map>
#include <set>

namespace whisperstore::test {

namespace {

using Index = std::map<std::int64_t, std::set<std::string>>;

Index of_documents(sqlite::Connection& connection)
{
    const sqlite::Words words(sqlite::Words::Forms::joined);
    Index index;
    sqlite::Statement rows = connection.prepare("SELECT seq, content, metadata FROM documents");
    while (rows.step()) {
        const json::object metadata = parse_json_object(rows.column_text(2), "metadata");
        for (const std::string& text : {std::string(rows.column_text(1)), about_text(metadata)})
            for (std::string& word : words.of(text))
                index[rows.column_int(0)].insert(std::move(word));
    }
    return index;
}

Index of_table(sqlite::Connection& connection)
{
    connection.execute("CREATE VIRTUAL TABLE temp.occurrences USING fts5vocab('main', 'words_1', 'instance')");
    Index index;
    sqlite::Statement rows = connection.prepare("SELECT doc, term FROM occurrences");
    while (rows.step())
        index[rows.column_int(0)].emplace(rows.column_text(1));
    return index;
}

} // namespace

std::string word_index_difference(const std::filesystem::path& collection_file)
{
    sqlite::OpenOptions options;
    options.path = collection_file;
    sqlite::Connection connection(options);
    connection.execute("INSERT INTO words_1 (words_1) VALUES ('integrity-check')");
    const Index expected = of_documents(connection);
    const Index found = of_table(connection);
    for (const auto& [seq, words] : expected)
        if (!found.contains(seq) || found.at(seq) != words)
            return "document " + std::to_string(seq) + " is indexed by other words than it has";
    for (const auto& [seq, words] : found)
        if (!expected.contains(seq))
            return "the index has words of " + std::to_string(seq) + ", which is no document";
    return {};
}

} // namespace whisperstore::test
