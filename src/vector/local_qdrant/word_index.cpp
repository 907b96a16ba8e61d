#include "vector/local_qdrant/word_index.hpp"

#include "sqlite/words.hpp"
#include "vector/about_text.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace whisperstore::local_qdrant {

namespace {

// The names carry the version of what is indexed (about_text(), the tokenizer): another version is another table.
//
// The table keeps no texts: these are in `documents`. Nor does it keep where in a text a word stands (`detail`) or how
// long texts are (`columnsize`): candidates are chosen by the rarity of their words, and ranked by their texts.
constexpr std::string_view make_tables = R"sql(
CREATE VIRTUAL TABLE words_1 USING fts5(content, about, content='', columnsize=0, detail=none, tokenize='{}');
CREATE TABLE words_1_erasures (pending INTEGER NOT NULL) STRICT;
INSERT INTO words_1_erasures VALUES (0);
)sql";
constexpr std::int64_t format_with_words = 2;

std::string make_script()
{
    std::string script(make_tables);
    return script.replace(script.find("{}"), 2, sqlite::word_index_tokenizer);
}

/// A word as an FTS5 string: nothing in it is an operator.
std::string fts_string(std::string_view word)
{
    std::string text = "\"";
    for (const char c : word)
        text.append(c == '"' ? 2 : 1, c);
    return text + '"';
}

using Scores = boost::unordered_flat_map<std::int64_t, double>;

/// A part of a word of the query that the index may know.
struct Part
{
    std::size_t word = 0; ///< its place in the query
    std::string match;
    std::uint64_t documents = 0; ///< that contain it
};

std::vector<Part> count_parts(sqlite::Connection& connection, const std::vector<std::string>& words)
{
    const sqlite::Words forms(sqlite::Words::Forms::kept);
    std::vector<Part> parts;
    sqlite::Statement count = connection.prepare("SELECT count(*) FROM words_1 WHERE words_1 MATCH ?1");
    for (std::size_t i = 0; i < words.size(); ++i)
        for (const std::string& form : forms.of(words[i])) {
            Part part;
            part.word = i;
            part.match = fts_string(form);
            count.reset();
            count.bind_text(1, part.match);
            if (count.step())
                part.documents = static_cast<std::uint64_t>(count.column_int(0));
            parts.push_back(std::move(part));
        }
    return parts;
}

} // namespace

bool has_word_index(sqlite::Connection& connection)
{
    sqlite::Statement find = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'words_1'");
    return find.step();
}

void WordIndex::open(sqlite::Connection& connection, bool wanted)
{
    if (has_word_index(connection)) {
        found();
        if (connection.query_int("SELECT pending FROM words_1_erasures") != 0)
            erase(connection);
    } else if (wanted) {
        connection.execute("BEGIN IMMEDIATE");
        try {
            make(connection);
            connection.execute("COMMIT");
        } catch (...) {
            if (connection.in_transaction())
                connection.execute("ROLLBACK");
            throw;
        }
        found();
    }
}

void WordIndex::make(sqlite::Connection& connection)
{
    if (has_word_index(connection))
        return;
    connection.execute(make_script());
    // Programs that do not know the index would write documents without their words.
    connection.execute("PRAGMA user_version=" + std::to_string(format_with_words));
    sqlite::Statement rows = connection.prepare("SELECT seq, content, metadata, id FROM documents ORDER BY seq");
    while (rows.step())
        add(connection, rows.column_int(0), rows.column_text(1),
            about_text(decode_metadata(connection, rows.column_text(2), rows.column_text(3))));
}

void WordIndex::add(sqlite::Connection& connection, std::int64_t seq, std::string_view content, std::string_view about)
{
    sqlite::Statement insert = connection.prepare("INSERT INTO words_1 (rowid, content, about) VALUES (?1, ?2, ?3)");
    insert.bind(1, seq);
    insert.bind_text(2, content);
    insert.bind_text(3, about);
    insert.run();
}

void WordIndex::forget(sqlite::Connection& connection, std::int64_t seq)
{
    // A table without texts has to be told which words go.
    sqlite::Statement row = connection.prepare("SELECT content, metadata, id FROM documents WHERE seq = ?1");
    row.bind(1, seq);
    if (!row.step())
        return;
    const std::string about = about_text(decode_metadata(connection, row.column_text(1), row.column_text(2)));
    sqlite::Statement remove =
        connection.prepare("INSERT INTO words_1 (words_1, rowid, content, about) VALUES ('delete', ?1, ?2, ?3)");
    remove.bind(1, seq);
    remove.bind_text(2, row.column_text(0));
    remove.bind_text(3, about);
    remove.run();
    if (!has_erasures())
        connection.execute("UPDATE words_1_erasures SET pending = 1");
}

void WordIndex::erase(sqlite::Connection& connection)
{
    // What was deleted stays in FTS5's segments, beside a mark that it is deleted, until these are merged.
    connection.execute("BEGIN IMMEDIATE");
    try {
        connection.execute("INSERT INTO words_1 (words_1) VALUES ('optimize');"
                           "UPDATE words_1_erasures SET pending = 0");
        connection.execute("COMMIT");
    } catch (...) {
        if (connection.in_transaction())
            connection.execute("ROLLBACK");
        throw;
    }
    erasures_.store(false, std::memory_order_release);
}

WordMatches look_up_words(sqlite::Connection& connection, const WordLookup& lookup, std::uint64_t documents)
{
    WordMatches matches;
    matches.word_documents.assign(lookup.words->size(), 0);
    std::vector<Part> parts = count_parts(connection, *lookup.words);
    for (const Part& part : parts) {
        std::uint64_t& count = matches.word_documents[part.word];
        count = std::max(count, part.documents);
    }
    // The rarest first: once there are enough candidates, the most common words add nothing but time. How much they
    // tell candidates apart is the ranking's affair.
    std::ranges::stable_sort(parts, {}, &Part::documents);
    Scores scores;
    sqlite::Statement rows = connection.prepare("SELECT rowid FROM words_1 WHERE words_1 MATCH ?1");
    for (const Part& part : parts) {
        const bool common = part.documents > std::max<std::uint64_t>(documents / 8, 1000);
        if (part.documents == 0 || (common && scores.size() >= lookup.limit))
            continue;
        const double rarity =
            std::log(1 + (static_cast<double>(documents) + 0.5) / (static_cast<double>(part.documents) + 0.5));
        rows.reset();
        rows.bind_text(1, part.match);
        while (rows.step()) {
            const std::int64_t seq = rows.column_int(0);
            if (const auto known = scores.find(seq); known != scores.end())
                known->second += rarity;
            else if (lookup.admits(seq))
                scores.emplace(seq, rarity);
        }
    }
    std::vector<std::pair<double, std::int64_t>> order;
    order.reserve(scores.size());
    for (const auto& [seq, score] : scores)
        order.emplace_back(score, seq);
    // Of equals the newest.
    const auto end = order.begin() + static_cast<std::ptrdiff_t>(std::min(lookup.limit, order.size()));
    std::ranges::partial_sort(order, end, std::greater<>());
    for (auto one = order.begin(); one != end; ++one)
        matches.seqs.push_back(one->second);
    return matches;
}

} // namespace whisperstore::local_qdrant
