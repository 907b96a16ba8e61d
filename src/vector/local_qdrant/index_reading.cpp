#include "vector/local_qdrant/index_reading.hpp"

#include "vector/local_qdrant/word_index.hpp"

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

CandidateReading::CandidateReading(CandidateQuery query, std::span<const float> unit_embedding, std::size_t breadth)
    : IndexReading(query.filters),
      query_(std::move(query)),
      dimension_(unit_embedding.size()),
      breadth_(breadth),
      unit_(padded(unit_embedding.size()))
{
    std::ranges::copy(unit_embedding, unit_.data());
}

void CandidateReading::find(const CheckPoint& check)
{
    hits_.clear();
    if (query_.dense_limit > 0)
        hits_ = most_similar(selection(), unit_.data(), query_.dense_limit, plan_, check);
    const VectorIndex::Snapshot& snapshot = selection().snapshot();
    newest_ = snapshot.newest();
    documents_ = snapshot.documents();
    selected_.clear();
    if (!selection().everything() && !query_.words.empty())
        selection().for_each(check, [&](Slot slot) { selected_.insert(snapshot.document(slot).seq); });
}

bool CandidateReading::admits(sqlite::Connection& connection, std::int64_t seq) const
{
    if (query_.filters.matches_everything() || selected_.contains(seq))
        return true;
    if (seq <= newest_)
        return false;
    // Written since the index was asked.
    sqlite::Statement row = connection.prepare("SELECT metadata, id FROM documents WHERE seq = ?1");
    row.bind(1, seq);
    return row.step() && query_.filters.matches(decode_metadata(connection, row.column_text(0), row.column_text(1)));
}

bool CandidateReading::read(sqlite::Connection& connection)
{
    const bool own_transaction = !connection.in_transaction();
    if (own_transaction)
        connection.prepare("BEGIN").run();
    const bool complete = read_in_transaction(connection);
    if (own_transaction)
        connection.prepare("COMMIT").run();
    return complete;
}

bool CandidateReading::read_in_transaction(sqlite::Connection& connection)
{
    answer = SearchCandidates();
    answer.documents = documents_;
    std::vector<std::int64_t> seqs;
    for (const Hit& hit : hits_)
        seqs.push_back(hit.seq);
    if (has_word_index(connection)) {
        WordLookup lookup;
        lookup.words = &query_.words;
        lookup.limit = query_.lexical_limit;
        lookup.admits = [&](std::int64_t seq) { return admits(connection, seq); };
        WordMatches matches = look_up_words(connection, lookup, documents_);
        answer.lexical = true;
        answer.word_documents = std::move(matches.word_documents);
        for (const std::int64_t seq : matches.seqs)
            if (std::ranges::find(seqs, seq) == seqs.end())
                seqs.push_back(seq);
    }
    const bool complete = read_versions(connection, seqs, [&](const sqlite::Statement& row, std::size_t i) {
        SearchCandidate candidate;
        candidate.document = read_document(connection, row, 0, dimension_);
        candidate.similarity = i < hits_.size() ? hits_[i].score : 0;
        if (i >= hits_.size())
            for (std::size_t k = 0; k < dimension_; ++k)
                candidate.similarity +=
                    static_cast<double>(unit_.data()[k]) * static_cast<double>(candidate.document.embedding[k]);
        answer.candidates.push_back(std::move(candidate));
    });
    std::ranges::sort(answer.candidates, [](const SearchCandidate& a, const SearchCandidate& b) {
        return a.similarity != b.similarity ? a.similarity > b.similarity : a.document.id < b.document.id;
    });
    return complete;
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
