#include "vector/local_qdrant/write_jobs.hpp"

namespace whisperstore::local_qdrant {

StoreJob::StoreJob(std::shared_ptr<LiveIndex> index, std::vector<VectorDocument> unit_documents)
    : WriteJob(Mode::group), index_(std::move(index))
{
    // All that can be done beforehand is done here, on the caller's thread.
    rows_.reserve(unit_documents.size());
    written_.reserve(unit_documents.size());
    for (VectorDocument& document : unit_documents) {
        rows_.push_back(make_row(document));
        WrittenDocument written;
        written.id = std::move(document.id);
        written.metadata = PackedMetadata(document.metadata, *index_->paths());
        written.embedding = std::move(document.embedding);
        written_.push_back(std::move(written));
    }
}

void StoreJob::run(sqlite::Connection& connection)
{
    for (std::size_t i = 0; i < rows_.size(); ++i)
        written_[i].seq = write_row(connection, 1, rows_[i]);
}

void StoreJob::committed() noexcept { index_->publish(std::move(written_), {}); }

DeleteJob::DeleteJob(std::shared_ptr<LiveIndex> index, std::string id)
    : WriteJob(Mode::group), index_(std::move(index)), id_(std::move(id))
{
}

void DeleteJob::run(sqlite::Connection& connection)
{
    removed_.clear();
    const std::int64_t seq = version_of(connection, id_);
    if (seq != 0 && delete_version(connection, seq))
        removed_.push_back(seq);
}

void DeleteJob::committed() noexcept
{
    if (existed())
        index_->publish({}, removed_);
}

DeleteMatchingJob::DeleteMatchingJob(std::shared_ptr<LiveIndex> index, Filter filter)
    : WriteJob(Mode::group), index_(std::move(index)), filter_(std::move(filter))
{
}

void DeleteMatchingJob::run(sqlite::Connection& connection)
{
    removed_.clear();
    const CheckPoint check = [this] {
        if (abort_reason() != AbortReason::none)
            throw abort_error(abort_reason(), "the search for what to delete");
    };
    std::vector<std::int64_t> doomed;
    {
        const Selection selection(*index_->get(), filter_);
        selection.for_each(check, [&](Slot slot) { doomed.push_back(selection.snapshot().document(slot).seq); });
    }
    {
        // The index knows what is committed; earlier members of this group commit are in the file only.
        sqlite::Statement newer = connection.prepare("SELECT seq, id, metadata FROM documents WHERE seq > ?1");
        newer.bind(1, index_->last_seq());
        while (newer.step())
            if (filter_.matches(decode_metadata(connection, newer.column_text(2), newer.column_text(1))))
                doomed.push_back(newer.column_int(0));
    }
    for (const std::int64_t seq : doomed)
        if (delete_version(connection, seq)) // or an earlier member has replaced or deleted it
            removed_.push_back(seq);
}

void DeleteMatchingJob::committed() noexcept
{
    if (!removed_.empty())
        index_->publish({}, removed_);
}

} // namespace whisperstore::local_qdrant
