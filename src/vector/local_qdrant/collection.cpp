#include "vector/local_qdrant/collection.hpp"

#include "vector/local_qdrant/archive.hpp"
#include "vector/local_qdrant/write_jobs.hpp"

#include <whisperstore/core/error.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace whisperstore::local_qdrant {

namespace {

constexpr std::size_t readers = 2;
// What a caller's thread computes itself: about 0.2 ms. Waking another thread costs 0.06 ms.
constexpr std::size_t inline_effort = 1'000'000;
constexpr std::size_t inline_rows = 64;
// Reads that never suspended: the executor gets its turn after so many, or after a long one.
constexpr std::uint64_t inline_run = 32;
constexpr auto inline_time = std::chrono::microseconds(200);

using Clock = std::chrono::steady_clock;

/// Looks at a file as it is: opening it for writing would turn any database to write-ahead logging.
void check_before_opening(const std::filesystem::path& file, bool read_only)
{
    try {
        check_marks(*sqlite::open_for_check(file, backend));
    } catch (const StorageError& error) {
        // A crash while a new file was turned to write-ahead logging left a rollback journal, which
        // only a writer can play back.
        if (read_only || !error.native_code().starts_with("SQLITE_READONLY_ROLLBACK"))
            throw;
        sqlite::OpenOptions options;
        options.path = file;
        options.archive = true;
        options.backend = backend;
        sqlite::Connection connection(std::move(options));
        check_marks(connection);
    }
}

} // namespace

Collection::Collection(std::string name, Options options, const CheckPoint& check)
    : name_(std::move(name)), options_(std::move(options))
{
    check_before_opening(options_.file, options_.read_only);
    sqlite::StoreOptions store;
    store.open.path = options_.file;
    store.open.read_only = options_.read_only;
    store.open.synchronous = options_.synchronous;
    store.open.page_size = file_page_size;
    store.open.backend = backend;
    store.readers = readers;
    store.lock_name = "none"; // the manager holds that of the folder
    store.what = "vector collection";
    try {
        store_ = std::make_unique<sqlite::Store>(store, [&](sqlite::Connection& connection) {
            config_ = read_own_collection(connection).config;
            dimension_ = config_.embedding_dimension;
            if (!options_.read_only)
                words_->open(connection, config_.lexical);
            index_ = std::make_shared<LiveIndex>(dimension_);
            index_->load(connection, check);
            connection.execute("PRAGMA shrink_memory"); // of pages that were read once
        });
        GraphKeeper::Options graphs;
        graphs.database = options_.file;
        graphs.threshold = options_.graph_threshold;
        graphs.codes = options_.graph_codes;
        graphs.thread = options_.build_thread;
        graphs_ = std::make_shared<GraphKeeper>(index_, std::move(graphs));
        index_->on_publish([keeper = std::weak_ptr(graphs_)] {
            if (const auto alive = keeper.lock())
                alive->consider();
        });
        graphs_->attach();
    } catch (const StorageError& error) {
        throw as_damage(error, options_.file, backend);
    }
}

Collection::~Collection()
{
    if (graphs_)
        graphs_->stop();
}

void Collection::close() noexcept
{
    graphs_->stop();
    erase_words();
    store_->close();
}

void Collection::erase_words() noexcept
{
    if (!words_->has_erasures())
        return;
    try {
        store_->submit_unawaited(std::make_shared<EraseWordsJob>(words_));
    } catch (const StorageError&) {
        // Closed already; the next opening does it.
    }
}

CollectionConfig Collection::config() const
{
    const std::lock_guard lock(config_mutex_);
    return config_;
}

awaitable<CollectionConfig> Collection::current_config(OperationContext context)
{
    if (!options_.read_only)
        co_return config();
    auto found = std::make_shared<CollectionConfig>();
    std::function<void(sqlite::Connection&)> work = [found](sqlite::Connection& connection) {
        *found = read_own_collection(connection).config;
    };
    co_await store_->read_inline(std::move(work), std::move(context));
    co_return std::move(*found);
}

awaitable<void> Collection::prepare_for_texts(std::string embedding_model, bool lexical, OperationContext context)
{
    CollectionConfig wanted = config();
    check_embedding_model(name_, wanted.embedding_model, embedding_model);
    if (wanted.embedding_model.empty())
        wanted.embedding_model = embedding_model;
    wanted.lexical = wanted.lexical || lexical;
    check_collection_config(wanted);
    std::function<void(sqlite::Connection&)> work = [this, wanted](sqlite::Connection& connection) {
        const CollectionConfig known = config(); // another caller may have been first
        check_embedding_model(name_, known.embedding_model, wanted.embedding_model);
        if (known.embedding_model == wanted.embedding_model && (words_->active() || !wanted.lexical))
            return;
        connection.execute("BEGIN IMMEDIATE");
        try {
            {
                const std::string metadata = stored_metadata(wanted);
                sqlite::Statement update = connection.prepare("UPDATE collections SET metadata = ?1");
                update.bind_text(1, metadata);
                update.run();
            }
            if (wanted.lexical)
                words_->make(connection);
            connection.execute("COMMIT");
        } catch (...) {
            if (connection.in_transaction())
                connection.execute("ROLLBACK");
            throw;
        }
        if (wanted.lexical)
            words_->found();
        const std::lock_guard lock(config_mutex_);
        config_ = wanted;
    };
    if (wanted.embedding_model == config().embedding_model && (words_->active() || !wanted.lexical))
        co_return;
    co_await store_->exclusive(std::move(work), std::move(context));
}

awaitable<SearchCandidates> Collection::candidates(CandidateQuery query, OperationContext context)
{
    check_candidate_query(query);
    check_embedding(query.embedding, dimension_);
    std::vector<float> unit = query.embedding;
    normalize(unit);
    auto reading = std::make_shared<CandidateReading>(std::move(query), unit, options_.breadth);
    co_await read(reading, std::move(context));
    co_return std::move(reading->answer);
}

awaitable<void> Collection::store(std::vector<VectorDocument> documents, OperationContext context)
{
    for (VectorDocument& document : documents) {
        check_document(document, dimension_);
        normalize(document.embedding);
    }
    if (documents.empty())
        co_return;
    auto job = std::make_shared<StoreJob>(index_, words_, std::move(documents));
    co_await store_->submit(std::move(job), std::move(context));
}

awaitable<bool> Collection::remove(std::string id, OperationContext context)
{
    check_document_id(id);
    auto job = std::make_shared<DeleteJob>(index_, words_, std::move(id));
    co_await store_->submit(job, std::move(context));
    co_return job->existed();
}

awaitable<std::uint64_t> Collection::remove_matching(Filter filter, OperationContext context)
{
    if (filter.matches_everything())
        throw StorageError(StorageErrc::invalid_argument,
                           "an empty filter would delete every document: delete the collection instead");
    co_await catch_up(context);
    auto job = std::make_shared<DeleteMatchingJob>(index_, words_, std::move(filter));
    co_await store_->submit(job, std::move(context));
    co_return job->count();
}

/// Read-only, in a transaction, with the lock held.
void Collection::take_changes(sqlite::Connection& connection)
{
    const auto before = index_->get();
    index_->catch_up(connection);
    if (index_->get() != before) // it was read anew
        graphs_->attach();
    else
        graphs_->refresh();
}

/// Read-only: takes in what the writing process committed. Else: mends an index that ran out of memory.
awaitable<void> Collection::catch_up(OperationContext context)
{
    if (options_.read_only) {
        if (const auto lease = store_->readers().try_lease()) {
            const std::unique_lock lock(catching_up_, std::try_to_lock);
            if (lock && !index_->broken() && index_->up_to_date(read_marks(lease->connection())))
                co_return;
        }
        std::function<void(sqlite::Connection&)> work = [this](sqlite::Connection& connection) {
            const std::lock_guard lock(catching_up_);
            connection.execute("BEGIN");
            take_changes(connection);
        };
        co_await store_->read(std::move(work), std::move(context));
    } else if (index_->broken()) {
        std::function<void(sqlite::Connection&)> work = [this](sqlite::Connection& connection) {
            if (!index_->broken())
                return;
            index_->load(connection, nullptr);
            graphs_->attach();
        };
        co_await store_->exclusive(std::move(work), std::move(context));
    }
}

awaitable<void> Collection::read(std::shared_ptr<IndexReading> reading, OperationContext context)
{
    for (int attempt = 0; attempt < options_.attempts; ++attempt) {
        co_await catch_up(context);
        const auto start = Clock::now();
        bool suspended = false;
        reading->begin(*index_->get());
        if (reading->effort() <= inline_effort) {
            reading->find(nullptr);
        } else {
            std::function<void(const CheckPoint&)> work = [reading](const CheckPoint& check) { reading->find(check); };
            co_await options_.pool->run(std::move(work), context);
            suspended = true;
        }
        reading->end();

        auto complete = std::make_shared<bool>(reading->rows() == 0);
        if (!*complete) {
            std::function<void(sqlite::Connection&)> work = [reading, complete](sqlite::Connection& connection) {
                *complete = reading->read(connection);
            };
            if (reading->rows() <= inline_rows) {
                co_await store_->read_inline(std::move(work), context);
            } else {
                co_await store_->read(std::move(work), context);
                suspended = true;
            }
        }
        if (*complete) {
            const bool turn_over =
                inline_reads_.fetch_add(1, std::memory_order_relaxed) % inline_run == inline_run - 1 ||
                Clock::now() - start > inline_time;
            if (!suspended && turn_over)
                co_await asio::post(asio::use_awaitable);
            co_return;
        }
    }
    co_await read_settled(std::move(reading), std::move(context));
}

/// Documents are replaced faster than their rows can be read: once more, where nothing changes meanwhile.
awaitable<void> Collection::read_settled(std::shared_ptr<IndexReading> reading, OperationContext context)
{
    std::function<void(sqlite::Connection&)> work = [this, reading, context](sqlite::Connection& connection) {
        const CheckPoint check = [&] { context.check_deadline(backend, "search"); };
        reading->begin(*index_->get());
        reading->find(check);
        reading->end();
        if (!reading->read(connection))
            throw_corrupt(connection, "has not the rows that it had when it was opened");
    };
    if (!options_.read_only) {
        co_await store_->exclusive(std::move(work), std::move(context));
        co_return;
    }
    std::function<void(sqlite::Connection&)> in_step = [this, work](sqlite::Connection& connection) {
        const std::lock_guard lock(catching_up_);
        connection.execute("BEGIN");
        take_changes(connection);
        work(connection);
    };
    co_await store_->read(std::move(in_step), std::move(context));
}

awaitable<std::vector<SearchResult>> Collection::search(std::span<const float> embedding, std::size_t limit,
                                                        Filter filter, OperationContext context)
{
    check_embedding(embedding, dimension_);
    if (limit == 0)
        co_return std::vector<SearchResult>();
    std::vector<float> query(embedding.begin(), embedding.end());
    normalize(query);
    auto reading = std::make_shared<SimilarReading>(std::move(filter), query, limit, options_.breadth);
    co_await read(reading, std::move(context));
    co_return std::move(reading->results);
}

awaitable<std::uint64_t> Collection::count(Filter filter, OperationContext context)
{
    auto reading = std::make_shared<CountReading>(std::move(filter));
    co_await read(reading, std::move(context));
    co_return reading->count;
}

awaitable<std::vector<VectorDocument>> Collection::get(std::vector<std::string> ids, OperationContext context)
{
    for (const std::string& id : ids)
        check_document_id(id);
    auto found = std::make_shared<std::vector<VectorDocument>>();
    const bool few = ids.size() <= inline_rows;
    std::function<void(sqlite::Connection&)> work = [this, found,
                                                     ids = std::move(ids)](sqlite::Connection& connection) {
        connection.prepare("BEGIN").run();
        {
            sqlite::Statement row = connection.prepare(
                "SELECT id, embedding, metadata, content FROM documents WHERE collection = 1 AND id = ?1");
            for (const std::string& id : ids) {
                row.reset();
                row.bind_text(1, id);
                if (row.step())
                    found->push_back(read_document(connection, row, 0, dimension_));
            }
        }
        connection.prepare("COMMIT").run();
    };
    if (few)
        co_await store_->read_inline(std::move(work), std::move(context));
    else
        co_await store_->read(std::move(work), std::move(context));
    co_return std::move(*found);
}

bool Collection::page_by_index(const Filter& filter, std::size_t page_size) const
{
    if (filter.matches_everything())
        return false;
    // Looking at a candidate costs about a sixtieth of reading and parsing a row. By the index every
    // page looks at all candidates; by rows a page reads what lies between its documents.
    const Selection selection(*index_->get(), filter);
    const double candidates = static_cast<double>(selection.effort());
    const double documents = static_cast<double>(selection.snapshot().documents());
    return candidates * candidates <= 60 * static_cast<double>(page_size) * documents;
}

std::vector<VectorDocument> Collection::page_by_rows(sqlite::Connection& connection, const Filter& filter,
                                                     const std::string& after, std::size_t limit) const
{
    std::vector<VectorDocument> documents;
    sqlite::Statement rows = connection.prepare(
        "SELECT id, embedding, metadata, content FROM documents WHERE collection = 1 AND id > ?1 ORDER BY id");
    rows.bind_text(1, after);
    while (documents.size() < limit && rows.step())
        if (filter.matches_everything() ||
            filter.matches(decode_metadata(connection, rows.column_text(2), rows.column_text(0))))
            documents.push_back(read_document(connection, rows, 0, dimension_));
    return documents;
}

awaitable<Page<VectorDocument>> Collection::scroll(std::size_t page_size, std::optional<PageCursor> cursor,
                                                   Filter filter, OperationContext context)
{
    constexpr std::size_t largest_page = 10'000;
    if (page_size == 0 || page_size > largest_page)
        throw StorageError(StorageErrc::invalid_argument, "page_size is " + std::to_string(page_size) +
                                                              "; allowed are 1 to " + std::to_string(largest_page));
    const std::string listing = "vectors/" + name_;
    std::string after = cursor ? cursor->position(listing) : std::string(); // every id comes after the empty one
    const std::size_t limit = page_size + 1;                                // one more tells whether a page follows

    Page<VectorDocument> page;
    co_await catch_up(context);
    if (page_by_index(filter, page_size)) {
        auto reading = std::make_shared<PageReading>(std::move(filter), dimension_, std::move(after), limit);
        co_await read(reading, std::move(context));
        page.items = std::move(reading->documents);
    } else {
        auto found = std::make_shared<std::vector<VectorDocument>>();
        std::function<void(sqlite::Connection&)> work = [this, filter, after, limit,
                                                         found](sqlite::Connection& connection) {
            *found = page_by_rows(connection, filter, after, limit);
        };
        co_await store_->read(std::move(work), std::move(context));
        page.items = std::move(*found);
    }
    if (page.items.size() == limit) {
        page.items.pop_back();
        page.next = PageCursor::make(listing, page.items.back().id);
    }
    co_return page;
}

} // namespace whisperstore::local_qdrant
