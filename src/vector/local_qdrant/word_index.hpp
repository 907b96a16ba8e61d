#pragma once
// The index of the words of a collection's documents: FTS5 in the collection's own file, changed in the transaction of
// the documents, so that both always agree.

#include "vector/local_qdrant/collection_file.hpp"
#include "vector/local_qdrant/index_search.hpp"

#include <atomic>
#include <functional>

namespace whisperstore::local_qdrant {

/// Of one open collection. All but active() and has_erasures() for the writer's thread.
class WordIndex
{
public:
    /// Whether there is one, as far as the writer knows. Any thread.
    bool active() const noexcept { return active_.load(std::memory_order_acquire); }
    /// Whether words of deleted texts may still be in the file. Any thread.
    bool has_erasures() const noexcept { return erasures_.load(std::memory_order_acquire); }

    /// At the opening for writing: finds the index, makes it where it is wanted and missing, and erases what a process
    /// that ended early left.
    void open(sqlite::Connection& connection, bool wanted);
    /// Makes it from the documents, where it is missing. In a transaction; found() follows its commit.
    void make(sqlite::Connection& connection);
    void found() noexcept { active_.store(true, std::memory_order_release); }

    /// \name In the transaction of the document
    ///@{
    void add(sqlite::Connection& connection, std::int64_t seq, std::string_view content, std::string_view about);
    /// Before the row of the document goes.
    void forget(sqlite::Connection& connection, std::int64_t seq);
    ///@}
    /// After the commit of a transaction that forgot.
    void forgotten() noexcept { erasures_.store(true, std::memory_order_release); }
    /// Takes the words of deleted texts out of the file, for good. Outside of transactions. Costs about a second a
    /// million documents.
    void erase(sqlite::Connection& connection);

private:
    std::atomic<bool> active_{false};
    std::atomic<bool> erasures_{false};
};

/// Whether a file has an index of words.
bool has_word_index(sqlite::Connection& connection);

/// What words a query looks up.
struct WordLookup
{
    const std::vector<std::string>* words = nullptr;
    std::size_t limit = 0;
    /// Whether a document may be in the answer.
    std::function<bool(std::int64_t seq)> admits;
};
struct WordMatches
{
    std::vector<std::int64_t> seqs; ///< those with the rarest words first
    std::vector<std::uint64_t> word_documents;
};
/// Looks words up. In a transaction.
WordMatches look_up_words(sqlite::Connection& connection, const WordLookup& lookup, std::uint64_t documents);

} // namespace whisperstore::local_qdrant
