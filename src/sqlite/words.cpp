#include "sqlite/words.hpp"

#include "sqlite/connection.hpp"

#include <sqlite3.h>

#include <climits>

namespace whisperstore::sqlite {

namespace {

[[noreturn]] void fail(const std::string& why)
{
    throw StorageError(StorageErrc::unsupported, "words of texts cannot be told: " + why + "; SQLite needs FTS5",
                       ErrorDetails{"sqlite"});
}

/// https://www.sqlite.org/fts5.html#extending_fts5
fts5_api* api_of(sqlite3* connection)
{
    fts5_api* api = nullptr;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr) != SQLITE_OK)
        fail(sqlite3_errmsg(connection));
    sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api), "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
    if (!api)
        fail("it does not give its interface");
    return api;
}

int take_word(void* words, int, const char* word, int size, int, int) noexcept
{
    try {
        static_cast<std::vector<std::string>*>(words)->emplace_back(word, static_cast<std::size_t>(size));
        return SQLITE_OK;
    } catch (...) {
        return SQLITE_NOMEM;
    }
}

} // namespace

struct Words::Tokenizer
{
    std::unique_ptr<sqlite3, HandleCloser> own; // goes last
    fts5_tokenizer calls{};
    Fts5Tokenizer* instance = nullptr;

    Tokenizer(sqlite3* connection, Forms forms)
    {
        if (!connection) {
            sqlite3* handle = nullptr;
            const int code =
                sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
            own.reset(handle);
            if (code != SQLITE_OK)
                throw make_error(code, "a database in memory cannot be opened", {}, "sqlite");
            connection = handle;
        }
        fts5_api* api = api_of(connection);
        void* context = nullptr;
        // As word_index_tokenizer says.
        const char* arguments[] = {"unicode61", "remove_diacritics", "2"};
        const bool joined = forms == Forms::joined;
        if (api->xFindTokenizer(api, joined ? "porter" : "unicode61", &context, &calls) != SQLITE_OK ||
            calls.xCreate(context, joined ? arguments : arguments + 1, joined ? 3 : 2, &instance) != SQLITE_OK)
            fail("it has no such tokenizer");
    }
    ~Tokenizer()
    {
        if (instance)
            calls.xDelete(instance);
    }
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;
};

Words::Words(Forms forms) : Words(nullptr, forms) {}
Words::Words(sqlite3* connection, Forms forms) : tokenizer_(std::make_unique<Tokenizer>(connection, forms)) {}
Words::~Words() = default;

std::vector<std::string> Words::of(std::string_view text) const
{
    std::vector<std::string> words;
    if (text.size() > INT_MAX)
        throw StorageError(StorageErrc::invalid_argument, "a text has more than 2 GiB");
    const int code = tokenizer_->calls.xTokenize(tokenizer_->instance, &words, FTS5_TOKENIZE_DOCUMENT, text.data(),
                                                 static_cast<int>(text.size()), take_word);
    if (code != SQLITE_OK)
        throw make_error(code, "a text could not be taken apart", {}, "sqlite");
    return words;
}

} // namespace whisperstore::sqlite
