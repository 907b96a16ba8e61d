// crash_writer WHAT DIRECTORY SEED ROUND: writes into the stores of DIRECTORY and reports on
// descriptor 3 until it is killed.
#include "crash/stores.hpp"
#include "crash/writer.hpp"
#include "support/layer.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <csignal>
#include <cstdlib>
#include <future>
#include <sys/prctl.h>
#include <unistd.h>

namespace whisperstore::test {

namespace {

constexpr int report_descriptor = 3;
constexpr int actors_of_a_kind = 4;

/// Ends the program at once when a coroutine fails: the others would go on for ever.
awaitable<void> ending_on_failure(awaitable<void> work, const Reporter& reporter)
{
    try {
        co_await std::move(work);
    } catch (const std::exception& error) {
        reporter.failed(error.what());
        std::_Exit(1);
    }
}

/// Holds what is written to, and the coroutines that do it.
class Program
{
public:
    explicit Program(WriterArguments arguments) : arguments_(std::move(arguments)), reporter_(report_descriptor) {}

    void run()
    {
        if (arguments_.what == "database" || arguments_.what == "graph")
            open_database();
        else if (arguments_.what == "vectors")
            open_vectors(vectors_in(arguments_.directory));
        else if (arguments_.what == "chroma")
            open_vectors(chroma_in(arguments_.directory));
        else
            open_layer();
        reporter_.ready();
        pool_.join();
    }

private:
    template <typename Store, typename Write>
    void start_actors(Store& store, Write write)
    {
        for (int i = 0; i < actors_of_a_kind; ++i)
            start(write(store, actor()));
    }
    void start(awaitable<void> work)
    {
        works_.push_back(asio::co_spawn(pool_, ending_on_failure(std::move(work), reporter_), asio::use_future));
    }
    Actor actor() { return Actor(arguments_, reporter_, next_actor_++); }
    void wait(awaitable<void> work) { asio::co_spawn(pool_, std::move(work), asio::use_future).get(); }

    void open_database()
    {
        database_ = database_in(arguments_.directory);
        wait(open(*database_));
        if (arguments_.what == "database") {
            start_actors(*database_, write_database);
            return;
        }
        graph_ = graph_on(database_);
        wait(graph_->initialize());
        start_actors(*graph_, write_graph);
    }
    void open_vectors(std::shared_ptr<VectorDatabaseManager> vectors)
    {
        vectors_ = std::move(vectors);
        wait(open(*vectors_));
        start_actors(*vectors_, write_vectors);
    }
    void open_layer()
    {
        storage_ = asio::co_spawn(pool_, initialize_storage_layer(laptop_configuration(arguments_.directory / "data")),
                                  asio::use_future)
                       .get();
        if (arguments_.what == "restore") {
            start(restore_backups(*storage_, arguments_.directory, actor()));
        } else if (arguments_.what == "import") {
            start(import_file(*storage_, arguments_.directory, actor()));
        } else if (arguments_.what == "backup") {
            wait(create_entries(storage_->database()));
            wait(create_entries(storage_->vector_db()));
            start_actors(storage_->database(), write_database);
            start_actors(storage_->vector_db(), write_vectors);
            start(write_backups(*storage_, arguments_.directory, actor()));
        } else {
            throw StorageError(StorageErrc::invalid_argument, "nothing is known about " + arguments_.what);
        }
    }

    const WriterArguments arguments_;
    const Reporter reporter_;
    asio::thread_pool pool_{2};
    std::shared_ptr<AbstractDatabaseAdapter> database_;
    std::shared_ptr<VectorDatabaseManager> vectors_;
    std::shared_ptr<GraphDatabaseManager> graph_;
    std::shared_ptr<StorageLayer> storage_;
    std::vector<std::future<void>> works_;
    int next_actor_ = 0;
};

} // namespace

} // namespace whisperstore::test

int main(int count, char** values)
{
    using namespace whisperstore::test;
    if (count != 5)
        return 2;
    // No writer outlives a test that was itself ended.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    WriterArguments arguments{values[1], values[2], std::strtoull(values[3], nullptr, 10), std::atoi(values[4])};
    try {
        Program(std::move(arguments)).run();
    } catch (const std::exception& error) {
        Reporter(report_descriptor).failed(error.what());
        std::_Exit(1);
    }
    return 0;
}
