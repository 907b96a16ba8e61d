#include "vector/local_qdrant/live_index.hpp"

namespace whisperstore::local_qdrant {

namespace {
constexpr std::int64_t rows_between_checks = 1024;
}

LiveIndex::LiveIndex(std::size_t dimension)
    : dimension_(dimension), index_(std::make_shared<VectorIndex>(dimension, paths_))
{
}

std::shared_ptr<const VectorIndex> LiveIndex::get() const
{
    const std::lock_guard lock(mutex_);
    return index_;
}

std::shared_ptr<VectorIndex> LiveIndex::writable() const
{
    const std::lock_guard lock(mutex_);
    return index_;
}

void LiveIndex::publish(std::vector<WrittenDocument> written, const std::vector<std::int64_t>& removed) noexcept
{
    if (broken())
        return; // load() will read it
    try {
        for (WrittenDocument& document : written) {
            marks_.documents = document.seq;
            index_->stage(std::move(document.id), document.seq, std::move(document.metadata), document.embedding);
        }
        for (const std::int64_t seq : removed)
            index_->stage_removal(seq);
        index_->publish();
    } catch (...) {
        // The transaction is committed: it cannot fail any more. The next operation reads it from the file.
        broken_.store(true, std::memory_order_release);
        return;
    }
    if (listener_)
        listener_();
}

void LiveIndex::stage_after(sqlite::Connection& connection, VectorIndex& index, std::int64_t seq,
                            const CheckPoint& check)
{
    sqlite::Statement rows =
        connection.prepare("SELECT seq, id, embedding, metadata FROM documents WHERE seq > ?1 ORDER BY seq");
    rows.bind(1, seq);
    for (std::int64_t read = 0; rows.step(); ++read) {
        if (read % rows_between_checks == 0 && check)
            check();
        std::string id(rows.column_text(1));
        const std::vector<float> embedding = decode_embedding(connection, rows.column_blob(2), dimension_, id);
        PackedMetadata metadata(decode_metadata(connection, rows.column_text(3), id), *paths_);
        index.stage(std::move(id), rows.column_int(0), std::move(metadata), embedding);
    }
}

void LiveIndex::load_in_transaction(sqlite::Connection& connection, const CheckPoint& check)
{
    const ChangeMarks marks = read_marks(connection);
    auto fresh = std::make_shared<VectorIndex>(dimension_, paths_);
    stage_after(connection, *fresh, 0, check);
    fresh->publish();
    marks_ = marks;
    const std::lock_guard lock(mutex_);
    index_ = std::move(fresh);
}

void LiveIndex::load(sqlite::Connection& connection, const CheckPoint& check)
{
    connection.execute("BEGIN");
    load_in_transaction(connection, check);
    connection.execute("COMMIT");
    broken_.store(false, std::memory_order_release);
}

void LiveIndex::catch_up(sqlite::Connection& connection)
{
    const ChangeMarks marks = read_marks(connection);
    if (marks == marks_ && !broken())
        return;
    const std::int64_t first_kept = connection.query_int("SELECT min(change) FROM deletions");
    const bool all_deletions_known = marks.deletions == marks_.deletions || first_kept <= marks_.deletions + 1;
    if (!all_deletions_known || broken()) {
        load_in_transaction(connection, nullptr);
        broken_.store(false, std::memory_order_release);
        return;
    }
    broken_.store(true, std::memory_order_release); // until all of it is in
    stage_after(connection, *index_, marks_.documents, nullptr);
    sqlite::Statement deletions = connection.prepare("SELECT seq FROM deletions WHERE change > ?1");
    deletions.bind(1, marks_.deletions);
    while (deletions.step())
        index_->stage_removal(deletions.column_int(0));
    index_->publish();
    marks_ = marks;
    broken_.store(false, std::memory_order_release);
}

} // namespace whisperstore::local_qdrant
