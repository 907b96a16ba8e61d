#pragma once
// A collection's index with graphs, without the manager around it.

#include "support/run.hpp"
#include "support/test_directory.hpp"
#include "vector/local_qdrant/archive.hpp"
#include "vector/local_qdrant/graph_keeper.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>

namespace whisperstore::local_qdrant {

/// Unit vectors around some directions, the same for the same seed.
class ClusteredVectors
{
public:
    ClusteredVectors(unsigned seed, std::size_t dimension, std::size_t clusters = 30) : random_(seed)
    {
        for (std::size_t i = 0; i < clusters; ++i)
            directions_.push_back(draw(std::vector<float>(dimension), 1));
    }
    std::vector<float> next()
    {
        const std::vector<float>& direction = directions_[random_() % directions_.size()];
        return draw(direction, 1 / std::sqrt(static_cast<float>(direction.size())));
    }

private:
    std::vector<float> draw(std::vector<float> around, float spread)
    {
        std::normal_distribution<float> normal(0, spread);
        double squares = 0;
        for (float& component : around) {
            component += normal(random_);
            squares += static_cast<double>(component) * static_cast<double>(component);
        }
        for (float& component : around)
            component = static_cast<float>(static_cast<double>(component) / std::sqrt(squares));
        return around;
    }
    std::mt19937 random_;
    std::vector<std::vector<float>> directions_;
};

/// A collection "docs" whose documents have a number `n`, and `fifth`: n % 5 == 0.
class GraphFixture : public testing::Test
{
protected:
    static constexpr std::size_t dimension = 32;
    static constexpr std::size_t threshold = 400;

    GraphFixture()
    {
        CollectionConfig config;
        config.embedding_dimension = dimension;
        make_collection_file(database(), "docs", config);
        open();
    }
    ~GraphFixture() override { close(); }

    std::filesystem::path database() const { return directory / "docs.db"; }
    GraphKeeper::Options options() const
    {
        GraphKeeper::Options options;
        options.database = database();
        options.threshold = threshold;
        options.codes = codes;
        options.thread = thread;
        return options;
    }
    void open()
    {
        sqlite::OpenOptions options;
        options.path = database();
        options.synchronous = "OFF"; // the disk is not what is tested
        file = std::make_unique<sqlite::Connection>(options);
        thread = std::make_shared<BuildThread>(0); // tests wait for it
        index = std::make_shared<LiveIndex>(dimension);
        index->load(*file, nullptr);
        keeper = std::make_shared<GraphKeeper>(index, this->options());
        index->on_publish([keeper = std::weak_ptr(keeper)] {
            if (const auto alive = keeper.lock())
                alive->consider();
        });
        keeper->attach();
    }
    void close()
    {
        keeper->stop();
        thread->stop();
        file.reset();
    }
    void reopen()
    {
        close();
        open();
    }

    /// Inserts or replaces documents begin…end-1 in one transaction.
    void write(std::size_t begin, std::size_t end)
    {
        std::vector<std::pair<std::size_t, std::vector<float>>> numbers;
        for (std::size_t n = begin; n < end; ++n)
            numbers.emplace_back(n, vectors.next());
        write(numbers);
    }
    void write(const std::vector<std::pair<std::size_t, std::vector<float>>>& numbers)
    {
        std::vector<WrittenDocument> written;
        file->execute("BEGIN");
        for (const auto& [n, vector] : numbers) {
            VectorDocument document{id_of(n), "x", vector, json::object()};
            document.metadata["n"] = n;
            document.metadata["fifth"] = n % 5 == 0;
            written.push_back(WrittenDocument{document.id, write_row(*file, 1, make_row(document)),
                                              PackedMetadata(document.metadata, *index->paths()), vector});
            model[n] = vector;
        }
        file->execute("COMMIT");
        index->publish(std::move(written), {});
    }
    void remove(std::size_t begin, std::size_t end)
    {
        std::vector<std::int64_t> removed;
        for (std::size_t n = begin; n < end; ++n) {
            removed.push_back(version_of(*file, id_of(n)));
            EXPECT_TRUE(delete_version(*file, removed.back()));
            model.erase(n);
        }
        index->publish({}, removed);
    }
    void settle()
    {
        ASSERT_TRUE(test::eventually([&] { return !keeper->busy(); }, std::chrono::minutes(2)));
        ASSERT_EQ(keeper->last_failure(), "");
    }
    std::size_t graph_count() const { return index->get()->snapshot().graphs().size(); }

    static std::string id_of(std::size_t n)
    {
        std::string digits = std::to_string(n);
        return std::string("d").append(6 - digits.size(), '0').append(digits);
    }
    static std::size_t number_of(const std::string& id) { return std::stoul(id.substr(1)); }

    struct Found
    {
        std::string id;
        double score = 0;
    };
    /// By the plan that a search would have; `by_graph` says which it was.
    std::vector<Found> search(const std::vector<float>& query, std::size_t limit, const Filter& filter = Filter())
    {
        AlignedFloats padded_query(padded(dimension));
        std::ranges::copy(query, padded_query.data());
        const Selection selection(*index->get(), filter);
        const SearchPlan plan = plan_search(selection, limit, breadth);
        by_graph = plan.by_graph;
        std::vector<Found> found;
        for (const Hit& hit : most_similar(selection, padded_query.data(), limit, plan, nullptr)) {
            sqlite::Statement row = file->prepare("SELECT id FROM documents WHERE seq = ?1");
            row.bind(1, hit.seq);
            EXPECT_TRUE(row.step()) << "a version that is gone was found";
            found.push_back(Found{std::string(row.column_text(0)), hit.score});
        }
        return found;
    }
    std::vector<Found> exact(const std::vector<float>& query, std::size_t limit, bool fifth_only = false) const
    {
        std::vector<Found> all;
        for (const auto& [n, vector] : model) {
            if (fifth_only && n % 5 != 0)
                continue;
            double score = 0;
            for (std::size_t i = 0; i < dimension; ++i)
                score += static_cast<double>(vector[i]) * static_cast<double>(query[i]);
            all.push_back(Found{id_of(n), score});
        }
        std::ranges::sort(
            all, [](const Found& a, const Found& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; });
        all.resize(std::min(limit, all.size()));
        return all;
    }
    /// Share of the ten best that searches find; what they find must be there, match, and have its exact score.
    double recall(bool fifth_only = false)
    {
        ClusteredVectors queries = vectors; // from the same clusters
        std::size_t expected = 0;
        std::size_t found = 0;
        for (int i = 0; i < 50; ++i) {
            const std::vector<float> query = queries.next();
            std::set<std::string> best;
            for (const Found& each : exact(query, 10, fifth_only))
                best.insert(each.id);
            expected += best.size();
            const auto results = search(query, 10, fifth_only ? filter::eq("fifth", true) : Filter());
            EXPECT_EQ(results.size(), best.size());
            for (std::size_t k = 0; k < results.size(); ++k) {
                found += best.count(results[k].id);
                const auto known = model.find(number_of(results[k].id));
                if (known == model.end()) {
                    ADD_FAILURE() << results[k].id << " was deleted";
                    continue;
                }
                EXPECT_TRUE(!fifth_only || known->first % 5 == 0);
                double score = 0;
                for (std::size_t c = 0; c < dimension; ++c)
                    score += static_cast<double>(known->second[c]) * static_cast<double>(query[c]);
                EXPECT_NEAR(results[k].score, score, 1e-5);
                EXPECT_TRUE(k == 0 || results[k - 1].score >= results[k].score);
            }
        }
        return static_cast<double>(found) / static_cast<double>(expected);
    }

    test::TestDirectory directory;
    bool codes = true;
    std::size_t breadth = 64;
    bool by_graph = false;
    ClusteredVectors vectors{7, dimension};
    std::map<std::size_t, std::vector<float>> model;
    std::unique_ptr<sqlite::Connection> file;
    std::shared_ptr<BuildThread> thread;
    std::shared_ptr<LiveIndex> index;
    std::shared_ptr<GraphKeeper> keeper;
};

} // namespace whisperstore::local_qdrant
