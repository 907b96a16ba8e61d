#include "vector/local_qdrant/index_reading.hpp"

#include <algorithm>

namespace whisperstore::local_qdrant {

namespace {

/// Reads rows by version, all from one snapshot of the file; false when one is gone.
template <typename Take>
bool read_versions(sqlite::Connection& connection, std::span<const std::int64_t> seqs, Take take)
{
    if (seqs.empty())
        return true;
    const bool own_transaction = !connection.in_transaction();
    if (own_transaction)
        connection.prepare("BEGIN").run();
    bool complete = true;
    {
        sqlite::Statement row =
            connection.prepare("SELECT id, embedding, metadata, content FROM documents WHERE seq = ?1");
        for (std::size_t i = 0; complete && i < seqs.size(); ++i) {
            row.reset();
            row.bind(1, seqs[i]);
            complete = row.step();
            if (complete)
                take(row, i);
        }
    }
    if (own_transaction)
        connection.prepare("COMMIT").run();
    return complete;
}

} // namespace

SimilarReading::SimilarReading(Filter filter, std::span<const float> unit_embedding, std::size_t limit,
                               std::size_t breadth)
    : IndexReading(std::move(filter)), query_(padded(unit_embedding.size())), limit_(limit), breadth_(breadth)
{
    std::ranges::copy(unit_embedding, query_.data());
}

void SimilarReading::find(const CheckPoint& check)
{
    hits_ = most_similar(selection(), query_.data(), limit_, plan_, check);
}

bool SimilarReading::read(sqlite::Connection& connection)
{
    results.clear();
    results.reserve(hits_.size());
    std::vector<std::int64_t> seqs;
    seqs.reserve(hits_.size());
    for (const Hit& hit : hits_)
        seqs.push_back(hit.seq);
    return read_versions(connection, seqs, [&](const sqlite::Statement& row, std::size_t i) {
        SearchResult result;
        result.id = row.column_text(0);
        result.metadata = decode_metadata(connection, row.column_text(2), result.id);
        result.content = row.column_text(3);
        result.score = hits_[i].score;
        results.push_back(std::move(result));
    });
}

std::size_t CountReading::effort() const noexcept { return selection().everything() ? 0 : IndexReading::effort(); }

void CountReading::find(const CheckPoint& check)
{
    if (selection().everything()) {
        count = selection().snapshot().documents();
        return;
    }
    count = 0;
    selection().for_each(check, [&](Slot) { ++count; });
}

PageReading::PageReading(Filter filter, std::size_t dimension, std::string after, std::size_t limit)
    : IndexReading(std::move(filter)), dimension_(dimension), after_(std::move(after)), limit_(limit)
{
}

void PageReading::find(const CheckPoint& check)
{
    std::vector<Slot> matches;
    const VectorIndex::Snapshot& snapshot = selection().snapshot();
    selection().for_each(check, [&](Slot slot) {
        if (snapshot.document(slot).id > after_)
            matches.push_back(slot);
    });
    const auto end = matches.begin() + static_cast<std::ptrdiff_t>(std::min(limit_, matches.size()));
    std::ranges::partial_sort(matches, end, {},
                              [&](Slot slot) -> const std::string& { return snapshot.document(slot).id; });
    seqs_.clear();
    for (auto match = matches.begin(); match != end; ++match)
        seqs_.push_back(snapshot.document(*match).seq);
}

bool PageReading::read(sqlite::Connection& connection)
{
    documents.clear();
    return read_versions(connection, seqs_, [&](const sqlite::Statement& row, std::size_t) {
        documents.push_back(read_document(connection, row, 0, dimension_));
    });
}

} // namespace whisperstore::local_qdrant
