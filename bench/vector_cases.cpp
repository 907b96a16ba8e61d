// The embedded vector store beside hnswlib by itself.

#include "harness.hpp"
#include "raw_hnsw.hpp"
#include "vector/local_qdrant/archive.hpp"
#include "vector/local_qdrant/collection.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/vector/local_qdrant_manager.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cmath>
#include <limits>
#include <malloc.h>
#include <random>
#include <set>
#include <thread>

namespace whisperstore::bench {

namespace {

using namespace local_qdrant;

constexpr std::size_t dimension = 384;
constexpr std::size_t users = 1000;
constexpr std::size_t types = 5;
constexpr std::size_t limit = 10;
constexpr double nothing = std::numeric_limits<double>::quiet_NaN();
constexpr double wanted_recall = 0.99;

/// The vectors of a thousand topics, as alike within a topic as sentences about one thing are: 0.5 to 0.6.
class Topics
{
public:
    Topics() : random_(1), centers_(topics * dimension)
    {
        for (float& component : centers_)
            component = normal_(random_);
    }
    void next(float* vector)
    {
        const float* const center = centers_.data() + random_() % topics * dimension;
        double squares = 0;
        for (std::size_t i = 0; i < dimension; ++i) {
            vector[i] = center[i] + normal_(random_);
            squares += static_cast<double>(vector[i]) * static_cast<double>(vector[i]);
        }
        for (std::size_t i = 0; i < dimension; ++i)
            vector[i] = static_cast<float>(static_cast<double>(vector[i]) / std::sqrt(squares));
    }

private:
    static constexpr std::size_t topics = 1000;
    std::mt19937 random_;
    std::normal_distribution<float> normal_;
    std::vector<float> centers_;
};

std::string id_of(std::size_t i) { return std::string("memory-").append(std::to_string(i)); }
std::string user_of(std::size_t i) { return std::string("user-").append(std::to_string(i % users)); }
std::string type_of(std::size_t i) { return std::string("type-").append(std::to_string(i / users % types)); }

VectorDocument document_of(std::size_t i, std::span<const float> vector)
{
    VectorDocument document;
    document.id = id_of(i);
    document.content = std::string(100, static_cast<char>('a' + i % 26));
    document.embedding.assign(vector.begin(), vector.end());
    document.metadata["user_id"] = user_of(i);
    document.metadata["type"] = type_of(i);
    document.metadata["day"] = static_cast<std::int64_t>(i % 365);
    return document;
}

awaitable<void> store_documents(Collection& collection, const std::vector<float>& vectors, std::size_t& next,
                                std::size_t end)
{
    while (next < end) {
        const std::size_t i = next++;
        std::vector<VectorDocument> one;
        one.push_back(document_of(i, std::span(vectors).subspan(i * dimension, dimension)));
        co_await collection.store(std::move(one), OperationContext());
    }
}

class VectorBench
{
public:
    explicit VectorBench(const Settings& settings)
        : settings_(settings),
          count_(std::max<std::size_t>(static_cast<std::size_t>(settings.scale * 100'000), 2000)),
          database_(fresh_folder(settings, "vectors") / "memories.db"),
          vectors_((count_ + extra()) * dimension),
          queries_(queries * dimension)
    {
        Topics topics;
        for (std::size_t i = 0; i < count_ + extra(); ++i)
            topics.next(vectors_.data() + i * dimension);
        for (std::size_t i = 0; i < queries; ++i)
            topics.next(queries_.data() + i * dimension);
    }

    std::vector<Result> run()
    {
        writes();
        index_cpu();
        opening();
        searches();
        payloads();
        return std::move(results_);
    }

private:
    static constexpr std::size_t queries = 200;
    static constexpr std::size_t in_flight = 64;
    std::size_t extra() const noexcept { return count_ / 10; }

    void add(std::string name, double ours, double reference, std::string unit, std::string note)
    {
        results_.push_back(Result{std::move(name), ours, reference, std::move(unit), std::move(note)});
    }

    std::unique_ptr<Collection> open()
    {
        Collection::Options options;
        options.file = database_;
        options.pool = std::make_shared<SearchPool>(1);
        options.build_thread = build_thread_ = std::make_shared<BuildThread>();
        options.graph_threshold = std::min<std::size_t>(20'000, count_ / 5);
        return std::make_unique<Collection>("memories", std::move(options), nullptr);
    }
    void close(std::unique_ptr<Collection>& collection)
    {
        collection->close();
        build_thread_->stop();
        collection.reset();
    }
    static void wait_for_graphs(const Collection& collection)
    {
        while (collection.graphs().busy())
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    double store_rate(Collection& collection, std::size_t begin, std::size_t end)
    {
        asio::io_context io(1);
        std::size_t next = begin;
        for (std::size_t i = 0; i < in_flight; ++i)
            asio::co_spawn(io, store_documents(collection, vectors_, next, end), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
        return rate(end - begin, [&] { io.run(); });
    }

    void writes()
    {
        CollectionConfig config;
        config.embedding_dimension = dimension;
        make_collection_file(database_, "memories", config);
        auto collection = open();
        const std::size_t first = std::min<std::size_t>(count_ / 10, 10'000);
        const double idle = store_rate(*collection, 0, first);
        add("vector_upsert_64", idle, nothing, "documents/s",
            "durable (synchronous=FULL), 64 in flight, no graph is built");
        for (std::size_t i = first; i < count_; i += 500) {
            std::vector<VectorDocument> batch;
            for (std::size_t k = i; k < std::min(i + 500, count_); ++k)
                batch.push_back(document_of(k, std::span(vectors_).subspan(k * dimension, dimension)));
            blocking::run(collection->store(std::move(batch), OperationContext()));
        }
        // Until the graphs are complete, or there are no more documents to write.
        std::size_t written = count_;
        std::vector<double> rates;
        while (collection->graphs().busy() && written + 1000 <= count_ + extra()) {
            rates.push_back(store_rate(*collection, written, written + 1000));
            written += 1000;
        }
        add("vector_upsert_64_while_building", rates.empty() ? nothing : median(rates), idle, "documents/s",
            "the reference is the rate without a build, on as many processors");
        // From here on there are `count_` documents: what came on top is deleted.
        std::vector<std::size_t> more(written - count_);
        asio::io_context io(1);
        for (std::size_t i = count_; i < written; ++i)
            asio::co_spawn(io, collection->remove(id_of(i), OperationContext()), [](std::exception_ptr error, bool) {
                if (error)
                    std::rethrow_exception(error);
            });
        io.run();
        close(collection);
    }

    void index_cpu()
    {
        for (const auto& [number, file] : graph_files(database_))
            std::filesystem::remove(file);
        auto collection = open();
        const double before = cpu_seconds();
        wait_for_graphs(*collection);
        const double ours = cpu_seconds() - before;
        if (!collection->graphs().last_failure().empty())
            throw std::runtime_error(collection->graphs().last_failure());
        close(collection);

        raw_ = std::make_unique<RawHnsw>(dimension, count_);
        const double raw_before = thread_cpu_seconds();
        for (std::size_t i = 0; i < count_; ++i)
            raw_->add(vectors_.data() + i * dimension, i);
        add("vector_index_cpu", ours, thread_cpu_seconds() - raw_before, "s",
            "all graphs from nothing, files included; the reference is hnswlib (M 16, ef_construction 200), floats");
    }

    void opening()
    {
        std::vector<double> times;
        std::vector<double> shares;
        for (std::size_t round = 0; round < settings_.rounds; ++round) {
            ::malloc_trim(0);
            const std::size_t before = resident_bytes();
            std::unique_ptr<Collection> collection;
            times.push_back(milliseconds([&] { collection = open(); }) / 1000);
            ::malloc_trim(0);
            shares.push_back(static_cast<double>(resident_bytes() - before) /
                             static_cast<double>(count_ * dimension * sizeof(float)));
            close(collection);
        }
        add("vector_reopen", median(times), nothing, "s", "opening with graph files until searches can begin");
        add("vector_resident", median(shares), 1, "of vectors",
            "resident memory that opening took, by the bytes of the float vectors");
    }

    /// The best by comparing all, of those that `match`.
    template <typename Match>
    std::vector<std::set<std::size_t>> truth(Match match) const
    {
        const DotProduct dot = fastest_dot_product();
        std::vector<std::set<std::size_t>> best(queries);
        std::vector<std::pair<float, std::size_t>> scored;
        for (std::size_t q = 0; q < queries; ++q) {
            scored.clear();
            for (std::size_t i = 0; i < count_; ++i)
                if (match(i))
                    scored.emplace_back(-dot(query(q), vectors_.data() + i * dimension, dimension), i);
            std::ranges::partial_sort(scored, scored.begin() + limit);
            for (std::size_t k = 0; k < limit; ++k)
                best[q].insert(scored[k].second);
        }
        return best;
    }
    const float* query(std::size_t q) const { return queries_.data() + q % queries * dimension; }

    struct Measured
    {
        double milliseconds = 0; // of CPU a query
        double recall = 0;
    };
    /// `search(q)` returns the numbers of what it found.
    template <typename Search>
    Measured measure(const std::vector<std::set<std::size_t>>& best, Search search) const
    {
        std::vector<std::vector<std::size_t>> found(queries);
        std::vector<double> times;
        for (std::size_t round = 0; round < settings_.rounds; ++round) {
            const double before = thread_cpu_seconds();
            for (std::size_t q = 0; q < queries; ++q)
                found[q] = search(q);
            times.push_back((thread_cpu_seconds() - before) * 1000 / queries);
        }
        std::size_t hits = 0;
        for (std::size_t q = 0; q < queries; ++q)
            for (const std::size_t each : found[q])
                hits += best[q].count(each);
        return {median(times), static_cast<double>(hits) / static_cast<double>(queries * limit)};
    }
    /// With the smallest of some breadths that finds enough.
    template <typename Search>
    Measured at_wanted_recall(const std::vector<std::set<std::size_t>>& best, std::size_t& ef, Search search) const
    {
        Measured measured;
        for (const std::size_t each : {16UL, 24UL, 32UL, 48UL, 64UL, 96UL, 128UL, 192UL, 256UL}) {
            ef = each;
            measured = measure(best, [&](std::size_t q) { return search(q, ef); });
            if (measured.recall >= wanted_recall)
                break;
        }
        return measured;
    }

    static std::string with_recall(std::string note, std::size_t ef, double recall, const char* of = "")
    {
        char text[64];
        std::snprintf(text, sizeof(text), "%srecall %.4f at ef %zu", of, recall, ef);
        return note.append(note.empty() ? "" : "; ").append(text);
    }

    /// Ids and scores, without a manager around: what the graphs and the inverted index are for.
    void searches()
    {
        sqlite::OpenOptions options;
        options.path = database_;
        options.read_only = true;
        sqlite::Connection connection(options);
        const auto index = std::make_shared<LiveIndex>(dimension);
        index->load(connection, nullptr);
        GraphKeeper::Options graphs;
        graphs.database = database_;
        GraphKeeper(index, graphs).attach();
        const auto search = [&](std::size_t q, const Filter& filter, std::size_t ef) {
            const Selection selection(*index->get(), filter);
            const SearchPlan plan = plan_search(selection, limit, ef);
            AlignedFloats padded_query(dimension);
            std::copy_n(query(q), dimension, padded_query.data());
            std::vector<std::size_t> found;
            for (const Hit& hit : most_similar(selection, padded_query.data(), limit, plan, nullptr))
                found.push_back(static_cast<std::size_t>(hit.seq) - 1); // versions were given out in order
            return found;
        };
        constexpr std::size_t default_ef = 64;

        const auto all = truth([](std::size_t) { return true; });
        std::size_t our_ef = 0;
        std::size_t raw_ef = 0;
        const Measured raw = at_wanted_recall(
            all, raw_ef, [&](std::size_t q, std::size_t ef) { return raw_->search(query(q), limit, ef); });
        const Measured ours =
            at_wanted_recall(all, our_ef, [&](std::size_t q, std::size_t ef) { return search(q, Filter(), ef); });
        add("vector_unfiltered", ours.milliseconds, raw.milliseconds, "ms CPU",
            with_recall(with_recall("top 10", our_ef, ours.recall), raw_ef, raw.recall, "hnswlib "));
        const Measured usual = measure(all, [&](std::size_t q) { return search(q, Filter(), default_ef); });
        add("vector_unfiltered_default", usual.milliseconds, nothing, "ms CPU",
            with_recall("", default_ef, usual.recall));

        const Filter type = filter::eq("type", type_of(0));
        const auto typed = truth([](std::size_t i) { return type_of(i) == type_of(0); });
        const Measured filtered = measure(typed, [&](std::size_t q) { return search(q, type, default_ef); });
        add("vector_filter_20_percent", filtered.milliseconds, nothing, "ms CPU",
            with_recall("", default_ef, filtered.recall));

        std::vector<Filter> one_user;
        for (std::size_t q = 0; q < queries; ++q)
            one_user.push_back(filter::eq("user_id", user_of(q * 37)));
        const Measured user = measure(all, [&](std::size_t q) { return search(q, one_user[q], default_ef); });
        add("vector_one_user", user.milliseconds, nothing, "ms CPU",
            "ids and scores of the ten best of one user's 1/1000");
    }

    /// As an application asks.
    void payloads()
    {
        VectorDatabaseConfig config;
        config.persist_directory = database_.parent_path();
        LocalQdrantManager manager(config);
        blocking::run(manager.initialize());
        const auto search = [&](const std::function<Filter(std::size_t)>& filter) {
            asio::io_context io(1);
            std::vector<double> times;
            const auto all = [&]() -> awaitable<void> {
                for (std::size_t round = 0; round <= settings_.rounds; ++round) {
                    const double before = thread_cpu_seconds();
                    for (std::size_t q = 0; q < queries; ++q) {
                        Filter own = filter(q);
                        const auto found = co_await manager.search_similar("memories", std::span(query(q), dimension),
                                                                           limit, std::move(own));
                        if (found.size() != limit)
                            throw std::runtime_error("a search found too little");
                    }
                    if (round > 0)
                        times.push_back((thread_cpu_seconds() - before) * 1000 / queries);
                }
            };
            asio::co_spawn(io, all(), [](std::exception_ptr error) {
                if (error)
                    std::rethrow_exception(error);
            });
            io.run();
            return median(times);
        };
        add("vector_one_user_payloads", search([](std::size_t q) { return filter::eq("user_id", user_of(q * 37)); }),
            nothing, "ms CPU", "with id, score, content and metadata of the ten best, through the interface");
        add("vector_unfiltered_payloads", search([](std::size_t) { return Filter(); }), nothing, "ms CPU",
            "as before, of all users");
        blocking::run(manager.cleanup());
    }

    const Settings& settings_;
    const std::size_t count_;
    const std::filesystem::path database_;
    std::vector<float> vectors_;
    std::vector<float> queries_;
    std::shared_ptr<BuildThread> build_thread_;
    std::unique_ptr<RawHnsw> raw_;
    std::vector<Result> results_;
};

} // namespace

std::vector<Case> vector_cases()
{
    return {
        {"vector",
         "100,000 × 384 (times --scale) in 1,000 topics, of 1,000 users and 5 types: writing, indexing, opening and "
         "searching; the reference is hnswlib by itself, on one thread",
         [](const Settings& settings) { return VectorBench(settings).run(); }}};
}

} // namespace whisperstore::bench
