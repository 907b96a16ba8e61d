#pragma once
// The index of a collection, kept in step with its file.

#include "vector/local_qdrant/collection_file.hpp"
#include "vector/local_qdrant/index_search.hpp"

namespace whisperstore::local_qdrant {

/// A version of a document that a transaction wrote.
struct WrittenDocument
{
    std::string id;
    std::int64_t seq = 0;
    PackedMetadata metadata;
    std::vector<float> embedding;
};

class LiveIndex
{
public:
    explicit LiveIndex(std::size_t dimension);

    std::shared_ptr<const VectorIndex> get() const;
    /// For its one writer, and for what of it is thread safe.
    std::shared_ptr<VectorIndex> writable() const;
    const std::shared_ptr<PathTable>& paths() const noexcept { return paths_; }
    /// The last version written that the index knows of.
    std::int64_t last_seq() const noexcept { return marks_.documents; }

    /// Takes over what a transaction committed; transactions come in their order, on one thread. When
    /// memory runs out the index is `broken` until it is loaded anew.
    void publish(std::vector<WrittenDocument> written, const std::vector<std::int64_t>& removed) noexcept;
    /// Called after each publish(), on its thread; must not throw. Set before the first one.
    void on_publish(std::function<void()> listener) { listener_ = std::move(listener); }
    bool broken() const noexcept { return broken_.load(std::memory_order_acquire); }

    /// Reads all documents from the file, in one snapshot.
    void load(sqlite::Connection& connection, const CheckPoint& check);
    /// Reads what changed since the last time; `connection` must be in a transaction. Nothing else
    /// may change the index meanwhile.
    void catch_up(sqlite::Connection& connection);
    /// Whether the file is as catch_up() left it.
    bool up_to_date(const ChangeMarks& marks) const noexcept { return marks == marks_; }

private:
    void load_in_transaction(sqlite::Connection& connection, const CheckPoint& check);
    void stage_after(sqlite::Connection& connection, VectorIndex& index, std::int64_t seq, const CheckPoint& check);

    const std::size_t dimension_;
    const std::shared_ptr<PathTable> paths_ = std::make_shared<PathTable>();
    std::function<void()> listener_;
    ChangeMarks marks_;
    std::atomic<bool> broken_{false};
    mutable std::mutex mutex_; // of the pointer
    std::shared_ptr<VectorIndex> index_;
};

} // namespace whisperstore::local_qdrant
