#pragma once
// The writes of a collection: each changes the file in the group commit and, once that is committed,
// the index.

#include "sqlite/store.hpp"
#include "vector/local_qdrant/live_index.hpp"
#include "vector/local_qdrant/word_index.hpp"

namespace whisperstore::local_qdrant {

class StoreJob final : public sqlite::WriteJob
{
public:
    StoreJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words,
             std::vector<VectorDocument> unit_documents);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;

private:
    const std::shared_ptr<LiveIndex> index_;
    const std::shared_ptr<WordIndex> words_;
    std::vector<DocumentRow> rows_;
    bool replaced_ = false;
    std::vector<WrittenDocument> written_;
};

class DeleteJob final : public sqlite::WriteJob
{
public:
    DeleteJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words, std::string id);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;
    bool existed() const noexcept { return !removed_.empty(); }

private:
    const std::shared_ptr<LiveIndex> index_;
    const std::shared_ptr<WordIndex> words_;
    const std::string id_;
    std::vector<std::int64_t> removed_;
};

class DeleteMatchingJob final : public sqlite::WriteJob
{
public:
    DeleteMatchingJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words, Filter filter);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;
    std::uint64_t count() const noexcept { return removed_.size(); }

private:
    const std::shared_ptr<LiveIndex> index_;
    const std::shared_ptr<WordIndex> words_;
    const Filter filter_;
    std::vector<std::int64_t> removed_;
};

/// Takes the words of deleted texts out of the file.
class EraseWordsJob final : public sqlite::WriteJob
{
public:
    explicit EraseWordsJob(std::shared_ptr<WordIndex> words) : WriteJob(Mode::exclusive), words_(std::move(words)) {}
    void run(sqlite::Connection& connection) override { words_->erase(connection); }

private:
    const std::shared_ptr<WordIndex> words_;
};

} // namespace whisperstore::local_qdrant
