#include "sqlite/words.hpp"

#include "sqlite/connection.hpp"

#include <climits>
#include <sqlite3.h>

namespace whisperstore::sqlite {

namespace {

[[noreturn]] void fail(const std::string& why)
{
    throw StorageError(StorageErrc::unsupported, "words of texts cannot be told: " + why + "; SQLite needs FTS5",
                       ErrorDetails{"sqlite"});
}

/// FTS5's interface: https://www.sqlite.org/fts5.html#extending_fts5. It belongs to a connection, which does nothing
/// else; what it tells never changes, so threads may ask it at once.
class Fts5
{
public:
    Fts5()
    {
        sqlite3* handle = nullptr;
        const int code = sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
        connection_.reset(handle);
        if (code != SQLITE_OK)
            throw make_error(code, "a database in memory cannot be opened", {}, "sqlite");
        sqlite3_stmt* statement = nullptr;
        if (sqlite3_prepare_v2(handle, "SELECT fts5(?1)", -1, &statement, nullptr) != SQLITE_OK)
            fail(sqlite3_errmsg(handle));
        sqlite3_bind_pointer(statement, 1, static_cast<void*>(&api_), "fts5_api_ptr", nullptr);
        sqlite3_step(statement);
        sqlite3_finalize(statement);
        if (!api_)
            fail("it does not give its interface");
    }
    void* find(const char* name, fts5_tokenizer& calls) const
    {
        void* context = nullptr;
        if (api_->xFindTokenizer(api_, name, &context, &calls) != SQLITE_OK)
            fail("it has no tokenizer '" + std::string(name) + "'");
        return context;
    }
    static const Fts5& instance()
    {
        static const Fts5 fts5;
        return fts5;
    }

private:
    std::unique_ptr<sqlite3, HandleCloser> connection_;
    fts5_api* api_ = nullptr;
};

int take_word(void* take, int, const char* word, int size, int, int) noexcept
{
    try {
        (*static_cast<const std::function<void(std::string_view)>*>(take))(
            std::string_view(word, static_cast<std::size_t>(size)));
        return SQLITE_OK;
    } catch (...) {
        return SQLITE_NOMEM;
    }
}

} // namespace

struct Words::Tokenizer
{
    fts5_tokenizer calls{};
    Fts5Tokenizer* instance = nullptr;

    explicit Tokenizer(Forms forms)
    {
        // As word_index_tokenizer says.
        const char* arguments[] = {"unicode61", "remove_diacritics", "2"};
        const bool joined = forms == Forms::joined;
        void* const context = Fts5::instance().find(joined ? "porter" : "unicode61", calls);
        if (calls.xCreate(context, joined ? arguments : arguments + 1, joined ? 3 : 2, &instance) != SQLITE_OK)
            fail("its tokenizer cannot be made");
    }
    ~Tokenizer()
    {
        if (instance)
            calls.xDelete(instance);
    }
    Tokenizer(const Tokenizer&) = delete;
    Tokenizer& operator=(const Tokenizer&) = delete;
};

Words::Words(Forms forms) : tokenizer_(std::make_unique<Tokenizer>(forms)) {}
Words::~Words() = default;

void Words::each(std::string_view text, const std::function<void(std::string_view)>& take) const
{
    if (text.size() > INT_MAX)
        throw StorageError(StorageErrc::invalid_argument, "a text has more than 2 GiB");
    void* const context = const_cast<void*>(static_cast<const void*>(&take));
    const int code = tokenizer_->calls.xTokenize(tokenizer_->instance, context, FTS5_TOKENIZE_DOCUMENT, text.data(),
                                                 static_cast<int>(text.size()), take_word);
    if (code != SQLITE_OK)
        throw make_error(code, "a text could not be taken apart", {}, "sqlite");
}

std::vector<std::string> Words::of(std::string_view text) const
{
    std::vector<std::string> words;
    each(text, [&](std::string_view word) { words.emplace_back(word); });
    return words;
}

} // namespace whisperstore::sqlite
