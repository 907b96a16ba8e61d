#include "storage/hybrid_ranking.hpp"

#include "sqlite/words.hpp"
#include "vector/about_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace whisperstore {

namespace {

/// A word of the query in the form that texts are compared in.
struct Term
{
    std::string form;
    std::string word;
    std::uint64_t documents = 0; ///< that contain it
};

/// What of a document the ranking looks at, by the terms' places.
struct Facts
{
    std::vector<double> in_text;
    std::vector<double> about; ///< in name and day, weighted
    double length = 0;         ///< words of the text
};

std::vector<Term> terms_of(const RankingQuery& query, const sqlite::Words& forms)
{
    std::vector<Term> terms;
    for (std::size_t i = 0; i < query.words.size(); ++i)
        for (std::string& form : forms.of(query.words[i])) {
            const std::uint64_t count = i < query.word_documents.size() ? query.word_documents[i] : 0;
            const auto known = std::ranges::find(terms, form, &Term::form);
            if (known == terms.end())
                terms.push_back(Term{std::move(form), query.words[i], count});
            else
                known->documents = std::max(known->documents, count);
        }
    return terms;
}

double dot(std::span<const float> a, std::span<const float> b)
{
    // Sums beside each other, so that the compiler may compute them at once.
    constexpr std::size_t lanes = 16;
    std::array<float, lanes> sums{};
    const std::size_t size = std::min(a.size(), b.size());
    std::size_t i = 0;
    for (; i + lanes <= size; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
            sums[lane] += a[i + lane] * b[i + lane];
    double product = 0;
    for (const float sum : sums)
        product += static_cast<double>(sum);
    for (; i < size; ++i)
        product += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    return product;
}

class Ranking
{
public:
    Ranking(const RankingQuery& query, const std::vector<RankingDocument>& documents, const HybridWeights& weights)
        : query_(query),
          documents_(documents),
          weights_(weights),
          forms_(sqlite::Words::Forms::joined),
          terms_(terms_of(query, forms_))
    {
        for (std::size_t i = 0; i < terms_.size(); ++i)
            places_.emplace(terms_[i].form, i);
        for (const RankingDocument& one : documents_)
            facts_.push_back(facts_of(one.document));
        count_where_unknown();
        for (std::size_t i = 0; i < documents_.size(); ++i)
            average_length_ += length_of(i) / static_cast<double>(documents_.size());
    }

    /// The score of a document by itself, without the bonus of neighbours.
    std::vector<RankedDocument> by_themselves() const
    {
        std::vector<RankedDocument> ranked(documents_.size());
        double most = 0;
        for (std::size_t i = 0; i < documents_.size(); ++i) {
            ranked[i].place = i;
            ranked[i].parts.cosine = dot(documents_[i].document.embedding, query_.embedding);
            ranked[i].parts.similarity = blended_cosine(i, ranked[i].parts.cosine);
            ranked[i].parts.words = words_of(i, ranked[i].parts.matched_words);
            most = std::max(most, ranked[i].parts.words);
        }
        // Without a word to go by the similarity is all there is.
        const double share = most > 0 ? weights_.lexical : 0;
        for (RankedDocument& one : ranked) {
            one.parts.words *= most > 0 ? share / most : 0;
            one.parts.similarity *= 1 - share;
            one.score = one.parts.words + one.parts.similarity;
        }
        return ranked;
    }

private:
    using Around = std::array<std::pair<std::size_t, double>, 5>;

    Facts facts_of(const VectorDocument& document) const
    {
        Facts facts;
        facts.in_text.assign(terms_.size(), 0);
        facts.about.assign(terms_.size(), 0);
        const auto count = [&](const std::string& text, std::vector<double>& counts, double weight) {
            double words = 0;
            forms_.each(text, [&](std::string_view word) {
                words += 1;
                if (const auto place = places_.find(word); place != places_.end())
                    counts[place->second] += weight;
            });
            return words;
        };
        facts.length = count(document.content, facts.in_text, 1);
        count(name_text(document.metadata), facts.about, weights_.name);
        count(day_text(document.metadata), facts.about, weights_.day);
        return facts;
    }

    void count_where_unknown()
    {
        if (!query_.word_documents.empty()) {
            total_ = query_.documents;
            return;
        }
        total_ = documents_.size();
        for (std::size_t term = 0; term < terms_.size(); ++term)
            terms_[term].documents = static_cast<std::uint64_t>(std::ranges::count_if(
                facts_, [&](const Facts& facts) { return facts.in_text[term] + facts.about[term] > 0; }));
    }

    std::size_t before(std::size_t place) const
    {
        return place == no_neighbour ? no_neighbour : documents_[place].previous;
    }
    std::size_t after(std::size_t place) const { return place == no_neighbour ? no_neighbour : documents_[place].next; }
    /// A message and what stands around it, with the weights of their words.
    Around around(std::size_t place) const
    {
        return {{{place, 1.0},
                 {before(place), weights_.near_words},
                 {after(place), weights_.near_words},
                 {before(before(place)), weights_.far_words},
                 {after(after(place)), weights_.far_words}}};
    }

    double length_of(std::size_t place) const
    {
        double length = 0;
        for (const auto& [other, weight] : around(place))
            if (other != no_neighbour)
                length += weight * facts_[other].length;
        return length;
    }

    /// BM25 over the text and the texts around it.
    double words_of(std::size_t place, std::vector<std::string>& matched) const
    {
        const double relative = average_length_ > 0 ? length_of(place) / average_length_ : 1;
        const double held_back = weights_.saturation * (1 - weights_.length + weights_.length * relative);
        double score = 0;
        for (std::size_t term = 0; term < terms_.size(); ++term) {
            double frequency = facts_[place].about[term];
            for (const auto& [other, weight] : around(place))
                if (other != no_neighbour)
                    frequency += weight * facts_[other].in_text[term];
            if (frequency <= 0)
                continue;
            matched.push_back(terms_[term].word);
            score += rarity(terms_[term]) * frequency * (weights_.saturation + 1) / (frequency + held_back);
        }
        return score;
    }

    double rarity(const Term& term) const
    {
        const auto containing = static_cast<double>(term.documents);
        const double others = std::max(static_cast<double>(total_) - containing, 0.0);
        return std::log(1 + (others + 0.5) / (containing + 0.5));
    }

    /// Of the query and the vector with its neighbours' added.
    double blended_cosine(std::size_t place, double cosine) const
    {
        const std::size_t previous = before(place);
        const std::size_t next = after(place);
        if (weights_.near_meaning == 0 || (previous == no_neighbour && next == no_neighbour))
            return cosine;
        std::vector<float> sum = documents_[place].document.embedding;
        for (const std::size_t other : {previous, next})
            if (other != no_neighbour)
                for (std::size_t i = 0; i < sum.size(); ++i)
                    sum[i] += static_cast<float>(weights_.near_meaning) * documents_[other].document.embedding[i];
        const double length = std::sqrt(dot(sum, sum));
        return length > 0 ? dot(sum, query_.embedding) / length : cosine;
    }

    const RankingQuery& query_;
    const std::vector<RankingDocument>& documents_;
    const HybridWeights& weights_;
    const sqlite::Words forms_;
    std::vector<Term> terms_;
    std::map<std::string, std::size_t, std::less<>> places_;
    std::vector<Facts> facts_;
    std::uint64_t total_ = 0;
    double average_length_ = 0;
};

double recency_of(const json::object& metadata, double half_life_days, Timestamp now)
{
    const json::value* time = metadata.if_contains("timestamp");
    const auto parsed = time && time->is_string() ? try_parse_timestamp(time->get_string()) : std::nullopt;
    if (!parsed)
        return 0;
    const double days = std::chrono::duration<double, std::ratio<86'400>>(now - *parsed).count();
    return std::exp2(-std::max(days, 0.0) / half_life_days);
}

double importance_of(const json::object& metadata)
{
    const json::value* value = metadata.if_contains("importance");
    return value && value->is_number() ? value->to_number<double>() : 0;
}

} // namespace

std::vector<RankedDocument> rank_hybrid(const RankingQuery& query, const std::vector<RankingDocument>& documents,
                                        const HybridWeights& weights, Timestamp now, std::size_t limit)
{
    const std::vector<RankedDocument> alone = Ranking(query, documents, weights).by_themselves();
    std::vector<RankedDocument> ranked;
    for (const RankedDocument& one : alone) {
        const RankingDocument& document = documents[one.place];
        if (!document.admitted)
            continue;
        RankedDocument& result = ranked.emplace_back(one);
        double best = 0;
        for (const std::size_t other : {document.previous, document.next})
            if (other != no_neighbour)
                best = std::max(best, alone[other].score);
        result.parts.neighbour = weights.neighbour * best;
        if (weights.recency != 0)
            result.parts.recency =
                weights.recency * recency_of(document.document.metadata, weights.recency_half_life_days, now);
        if (weights.importance != 0)
            result.parts.importance = weights.importance * importance_of(document.document.metadata);
        result.score += result.parts.neighbour + result.parts.recency + result.parts.importance;
    }
    const auto end = ranked.begin() + static_cast<std::ptrdiff_t>(std::min(limit, ranked.size()));
    std::ranges::partial_sort(ranked, end, [&](const RankedDocument& a, const RankedDocument& b) {
        return a.score != b.score ? a.score > b.score : documents[a.place].document.id < documents[b.place].document.id;
    });
    ranked.erase(end, ranked.end());
    return ranked;
}

} // namespace whisperstore
