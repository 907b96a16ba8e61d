#include "vector/local_qdrant/write_jobs.hpp"

namespace whisperstore::local_qdrant {

namespace {

/// delete_version() of a document and of its words.
bool remove_version(sqlite::Connection& connection, WordIndex& words, std::int64_t seq)
{
    if (words.active())
        words.forget(connection, seq);
    return delete_version(connection, seq);
}

} // namespace

StoreJob::StoreJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words,
                   std::vector<VectorDocument> unit_documents)
    : WriteJob(Mode::group), index_(std::move(index)), words_(std::move(words))
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
    replaced_ = false;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (words_->active()) {
            if (const std::int64_t old = version_of(connection, rows_[i].id)) {
                words_->forget(connection, old);
                replaced_ = true;
            }
        }
        written_[i].seq = write_row(connection, 1, rows_[i]);
        if (words_->active())
            words_->add(connection, written_[i].seq, rows_[i].content, rows_[i].about);
    }
}

void StoreJob::committed() noexcept
{
    if (replaced_)
        words_->forgotten();
    index_->publish(std::move(written_), {});
}

DeleteJob::DeleteJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words, std::string id)
    : WriteJob(Mode::group), index_(std::move(index)), words_(std::move(words)), id_(std::move(id))
{
}

void DeleteJob::run(sqlite::Connection& connection)
{
    removed_.clear();
    const std::int64_t seq = version_of(connection, id_);
    if (seq != 0 && remove_version(connection, *words_, seq))
        removed_.push_back(seq);
}

void DeleteJob::committed() noexcept
{
    if (!existed())
        return;
    if (words_->active())
        words_->forgotten();
    index_->publish({}, removed_);
}

DeleteMatchingJob::DeleteMatchingJob(std::shared_ptr<LiveIndex> index, std::shared_ptr<WordIndex> words, Filter filter)
    : WriteJob(Mode::group), index_(std::move(index)), words_(std::move(words)), filter_(std::move(filter))
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
        if (remove_version(connection, *words_, seq)) // or an earlier member has replaced or deleted it
            removed_.push_back(seq);
}

void DeleteMatchingJob::committed() noexcept
{
    if (removed_.empty())
        return;
    if (words_->active())
        words_->forgotten();
    index_->publish({}, removed_);
}

} // namespace whisperstore::local_qdrant
