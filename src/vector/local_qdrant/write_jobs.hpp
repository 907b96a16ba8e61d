#pragma once
// The writes of a collection: each changes the file in the group commit and, once that is committed,
// the index.

#include "sqlite/store.hpp"
#include "vector/local_qdrant/live_index.hpp"

namespace whisperstore::local_qdrant {

class StoreJob final : public sqlite::WriteJob
{
public:
    StoreJob(std::shared_ptr<LiveIndex> index, std::vector<VectorDocument> unit_documents);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;

private:
    const std::shared_ptr<LiveIndex> index_;
    std::vector<DocumentRow> rows_;
    std::vector<WrittenDocument> written_;
};

class DeleteJob final : public sqlite::WriteJob
{
public:
    DeleteJob(std::shared_ptr<LiveIndex> index, std::string id);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;
    bool existed() const noexcept { return !removed_.empty(); }

private:
    const std::shared_ptr<LiveIndex> index_;
    const std::string id_;
    std::vector<std::int64_t> removed_;
};

class DeleteMatchingJob final : public sqlite::WriteJob
{
public:
    DeleteMatchingJob(std::shared_ptr<LiveIndex> index, Filter filter);
    void run(sqlite::Connection& connection) override;
    void committed() noexcept override;
    std::uint64_t count() const noexcept { return removed_.size(); }

private:
    const std::shared_ptr<LiveIndex> index_;
    const Filter filter_;
    std::vector<std::int64_t> removed_;
};

} // namespace whisperstore::local_qdrant
