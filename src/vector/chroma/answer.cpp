#include "vector/chroma/answer.hpp"

#include "protocol/http/json_cursor.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>
#include <cmath>

namespace whisperstore::chroma {

namespace {

using http::JsonCursor;
using Kind = JsonCursor::Kind;

constexpr std::string_view what = "Chroma's answer";

/// The metadata that a record's own holds.
json::object metadata_of(std::string_view text, std::string_view id)
{
    JsonCursor cursor(text, what);
    std::optional<std::string> own;
    cursor.read_object([&](std::string_view key) {
        if (key == metadata_key && cursor.kind() == Kind::string)
            own = cursor.read_string();
        else
            cursor.skip();
    });
    if (!own) // somebody else's record: as it is
        return parse_json_object(text, what);
    try {
        return parse_json_object(*own, "metadata");
    } catch (const StorageError& error) {
        throw StorageError(StorageErrc::corrupt, "document '" + std::string(id) + "': its '" +
                                                     std::string(metadata_key) +
                                                     "' was changed by somebody else: " + error.message());
    }
}

/// Reads the columns of an answer. /query has each once more in a list, one for each of its vectors: we ask with one.
class Reader
{
public:
    Reader(std::string_view text, bool nested) : cursor_(text, what), nested_(nested) {}

    std::vector<Record> records()
    {
        read();
        std::vector<Record> out(ids_.size());
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            if (metadatas_ && !(*metadatas_)[i].empty())
                out[i].metadata = metadata_of((*metadatas_)[i], ids_[i]);
            if (documents_ && (*documents_)[i])
                out[i].content = std::move(*(*documents_)[i]);
            out[i].bare = documents_ && metadatas_ && !(*documents_)[i] && (*metadatas_)[i].empty();
            if (embeddings_)
                out[i].embedding = std::move((*embeddings_)[i]);
            if (distances_)
                out[i].distance = (*distances_)[i];
            out[i].id = std::move(ids_[i]);
        }
        return out;
    }

    std::vector<RecordKeys> keys()
    {
        read();
        std::vector<RecordKeys> out(ids_.size());
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            out[i].id = std::move(ids_[i]);
            if (!metadatas_ || (*metadatas_)[i].empty())
                continue;
            JsonCursor inner((*metadatas_)[i], what);
            inner.read_object([&](std::string_view key) {
                out[i].keys.emplace(key);
                inner.skip();
            });
        }
        return out;
    }

private:
    void read()
    {
        bool has_ids = false;
        cursor_.read_object([&](std::string_view key) {
            if (key == "ids") {
                has_ids = true;
                column([&] { ids_.push_back(cursor_.read_string()); });
            } else if (key == "documents") {
                optional_column(documents_, [&] { return text(); });
            } else if (key == "metadatas") {
                optional_column(metadatas_, [&] { return object(); });
            } else if (key == "embeddings") {
                optional_column(embeddings_, [&] { return vector(); });
            } else if (key == "distances") {
                optional_column(distances_, [&] { return number(); });
            } else {
                cursor_.skip();
            }
        });
        cursor_.end();
        if (!has_ids)
            cursor_.fail("it has no ids");
        check_size(documents_, "documents");
        check_size(metadatas_, "metadatas");
        check_size(embeddings_, "embeddings");
        check_size(distances_, "distances");
    }

    template <typename Column>
    void check_size(const std::optional<Column>& column, std::string_view name) const
    {
        if (column && column->size() != ids_.size())
            cursor_.fail("it has " + std::to_string(ids_.size()) + " ids and " + std::to_string(column->size()) + " " +
                         std::string(name));
    }

    template <typename Item>
    void column(const Item& item)
    {
        if (!nested_)
            return cursor_.read_array(item);
        std::size_t lists = 0;
        cursor_.read_array([&] {
            if (++lists > 1)
                cursor_.fail("it answers to more than one vector");
            cursor_.read_array(item);
        });
    }

    template <typename T, typename Item>
    void optional_column(std::optional<std::vector<T>>& values, const Item& item)
    {
        if (is_null())
            return;
        values.emplace();
        column([&] { values->push_back(item()); });
    }

    bool is_null()
    {
        if (cursor_.kind() != Kind::null)
            return false;
        cursor_.skip();
        return true;
    }

    std::optional<std::string> text()
    {
        if (is_null())
            return std::nullopt;
        return cursor_.read_string();
    }
    /// As it stands; empty for none.
    std::string_view object() { return is_null() ? std::string_view() : cursor_.read_raw(); }
    std::vector<float> vector()
    {
        std::vector<float> values;
        if (is_null())
            return values;
        values.reserve(longest_);
        cursor_.read_floats(values);
        longest_ = std::max(longest_, values.size());
        return values;
    }
    double number()
    {
        if (cursor_.kind() != Kind::number)
            cursor_.fail("a distance is no number");
        const std::string_view digits = cursor_.read_raw();
        double value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (error != std::errc())
            cursor_.fail("a distance is beyond double");
        return value;
    }

    JsonCursor cursor_;
    bool nested_;
    std::size_t longest_ = 0;
    std::vector<std::string> ids_;
    std::optional<std::vector<std::optional<std::string>>> documents_;
    std::optional<std::vector<std::string_view>> metadatas_;
    std::optional<std::vector<std::vector<float>>> embeddings_;
    std::optional<std::vector<double>> distances_;
};

template <typename Read>
auto understood(const Read& read)
{
    try {
        return read();
    } catch (const StorageError& error) {
        if (error.errc() != StorageErrc::syntax)
            throw;
        throw StorageError(StorageErrc::unavailable,
                           "the server's answer is not understood (" + error.message() + "): is it a Chroma server?");
    }
}

} // namespace

std::vector<Record> parse_get(std::string_view text)
{
    return understood([&] { return Reader(text, false).records(); });
}

std::vector<Record> parse_query(std::string_view text)
{
    return understood([&] { return Reader(text, true).records(); });
}

std::vector<RecordKeys> parse_keys(std::string_view text)
{
    return understood([&] { return Reader(text, false).keys(); });
}

VectorDocument document_of(Record record)
{
    VectorDocument document;
    document.id = std::move(record.id);
    document.content = std::move(record.content);
    document.metadata = std::move(record.metadata);
    document.embedding = std::move(record.embedding);
    double squares = 0;
    for (const float component : document.embedding)
        squares += static_cast<double>(component) * static_cast<double>(component);
    constexpr double rounding = 1e-6;
    if (squares > 0 && std::fabs(squares - 1) > rounding)
        normalize(document.embedding);
    return document;
}

} // namespace whisperstore::chroma
