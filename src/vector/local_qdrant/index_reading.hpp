#pragma once
// The reads that first look into the index and then fetch rows from the file.

#include "vector/local_qdrant/collection_file.hpp"
#include "vector/local_qdrant/index_search.hpp"

#include <boost/unordered/unordered_flat_set.hpp>

namespace whisperstore::local_qdrant {

/// One such read. It may be begun anew: when a document that the index named has been replaced
/// before its row was read.
class IndexReading
{
public:
    explicit IndexReading(Filter filter) : filter_(std::move(filter)) {}
    IndexReading(const IndexReading&) = delete;
    IndexReading& operator=(const IndexReading&) = delete;
    virtual ~IndexReading() = default;

    void begin(const VectorIndex& index)
    {
        selection_.emplace(index, filter_);
        plan();
    }
    /// Lets the snapshot go.
    void end() noexcept { selection_.reset(); }
    /// How much find() has to compute, in products of floats.
    virtual std::size_t effort() const noexcept { return selection_->effort() * effort_of_filter; }
    virtual void find(const CheckPoint& check) = 0;
    /// Rows to read.
    virtual std::size_t rows() const noexcept { return 0; }
    /// Reads them; false when one is gone.
    virtual bool read(sqlite::Connection&) { return true; }

protected:
    /// Decides how to find().
    virtual void plan() {}
    static constexpr std::size_t effort_of_filter = 64;
    const Selection& selection() const noexcept { return *selection_; }

private:
    const Filter filter_;
    std::optional<Selection> selection_;
};

class SimilarReading final : public IndexReading
{
public:
    /// `breadth` is that of plan_search().
    SimilarReading(Filter filter, std::span<const float> unit_embedding, std::size_t limit, std::size_t breadth);
    std::size_t effort() const noexcept override { return plan_.effort; }
    void find(const CheckPoint& check) override;
    std::size_t rows() const noexcept override { return hits_.size(); }
    bool read(sqlite::Connection& connection) override;

    std::vector<SearchResult> results;

private:
    void plan() override { plan_ = plan_search(selection(), limit_, breadth_); }

    AlignedFloats query_;
    const std::size_t limit_;
    const std::size_t breadth_;
    SearchPlan plan_;
    std::vector<Hit> hits_;
};

/// The most similar documents, and those with the rarest words of a query.
class CandidateReading final : public IndexReading
{
public:
    CandidateReading(CandidateQuery query, std::span<const float> unit_embedding, std::size_t breadth);
    /// A word of a query may be in any number of documents: never on a caller's thread.
    std::size_t effort() const noexcept override { return SIZE_MAX; }
    void find(const CheckPoint& check) override;
    std::size_t rows() const noexcept override { return SIZE_MAX; }
    bool read(sqlite::Connection& connection) override;

    SearchCandidates answer;

private:
    void plan() override { plan_ = plan_search(selection(), query_.dense_limit, breadth_); }
    bool admits(sqlite::Connection& connection, std::int64_t seq) const;
    bool read_in_transaction(sqlite::Connection& connection);

    const CandidateQuery query_;
    const std::size_t dimension_;
    const std::size_t breadth_;
    AlignedFloats unit_;
    SearchPlan plan_;
    std::vector<Hit> hits_;
    boost::unordered_flat_set<std::int64_t> selected_; // what matches the filter
    std::int64_t newest_ = 0;                          // that the index knew of
    std::uint64_t documents_ = 0;
};

class CountReading final : public IndexReading
{
public:
    using IndexReading::IndexReading;
    std::size_t effort() const noexcept override;
    void find(const CheckPoint& check) override;

    std::uint64_t count = 0;
};

/// The first documents by id, after one.
class PageReading final : public IndexReading
{
public:
    PageReading(Filter filter, std::size_t dimension, std::string after, std::size_t limit);
    void find(const CheckPoint& check) override;
    std::size_t rows() const noexcept override { return seqs_.size(); }
    bool read(sqlite::Connection& connection) override;

    std::vector<VectorDocument> documents;

private:
    const std::size_t dimension_;
    const std::string after_;
    const std::size_t limit_;
    std::vector<std::int64_t> seqs_;
};

} // namespace whisperstore::local_qdrant
