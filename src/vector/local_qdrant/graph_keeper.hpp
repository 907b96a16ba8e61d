#pragma once
// Keeps the graphs of a collection in step with its documents, beside searches and writes.
//
// New documents gather in the tail, which searches compare one by one. When the tail has grown long, its documents are
// put into a graph: a new one, or a copy of one that is not much larger. So few graphs remain, each document is
// put into a graph a few times in its life at most, and a graph that searches use never changes. Documents that went
// stay in their graph as way marks, until there are so many of them that the graph is built anew.

#include "vector/local_qdrant/build_thread.hpp"
#include "vector/local_qdrant/graph_file.hpp"
#include "vector/local_qdrant/live_index.hpp"

namespace whisperstore::local_qdrant {

class GraphKeeper : public std::enable_shared_from_this<GraphKeeper>
{
public:
    struct Options
    {
        std::filesystem::path database;
        std::size_t threshold = 20'000; ///< documents that make a first graph worth while; 0: none is built or read
        bool codes = true;              ///< whether graphs keep a byte for each dimension
        std::shared_ptr<BuildThread> thread; ///< none: files are used, never made (read-only)
    };
    GraphKeeper(std::shared_ptr<LiveIndex> index, Options options);

    /// After the index was loaded: takes what is of use from the files beside the database, and removes the rest where
    /// it may. By the index's writer; blocks while a build stops.
    void attach();
    /// Read-only: as attach(), if other files are there since and the tail has grown long. By the index's writer.
    void refresh();
    /// After a change: begins to build in the background if there is enough to do. Costs nothing when there is not.
    void consider() noexcept;
    /// Ends a running build soon, without its result; later calls do nothing. Blocks.
    void stop() noexcept;

    /// Whether something is being built or waits for it.
    bool busy() const;
    /// Why the last build or its file failed; empty when it did not. It is tried again after the next changes.
    std::string last_failure() const;

private:
    struct KeptSegment
    {
        std::shared_ptr<const GraphSegment> segment;
        std::uint64_t number = 0; ///< of its file; 0: it has none
    };
    struct Work;
    void run() noexcept;
    bool step();
    std::optional<Work> plan_work(const VectorIndex::Snapshot& snapshot, std::vector<TailEntry> tail) const;
    bool work_waits() const;
    bool stopping() const noexcept { return stopping_.load(std::memory_order_relaxed); }
    std::size_t fold_threshold() const noexcept { return std::max<std::size_t>(options_.threshold / 4, 1); }
    void halt(bool for_good) noexcept;

    const std::shared_ptr<LiveIndex> index_;
    const Options options_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::uint64_t> ended_before_{0}; // versions gone when there was nothing to do for the last time
    std::vector<KeptSegment> kept_;              // of the thread that builds, and of attach() while it does not
    std::uint64_t next_number_ = 1;

    mutable std::mutex mutex_; // of what follows
    std::condition_variable idle_;
    bool scheduled_ = false; // posted or running
    bool closed_ = false;
    std::string failure_;
};

} // namespace whisperstore::local_qdrant
