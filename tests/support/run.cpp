#include "support/run.hpp"

#include "core/hash.hpp"

#include <thread>

namespace whisperstore::test {

namespace {

/// Threads that end when nobody posts to them any more, a worker on its way out included; or else after
/// a while, when a test left something waiting for ever.
class Pool
{
public:
    ~Pool()
    {
        std::promise<void> joined;
        std::thread watch([this, ended = joined.get_future()] {
            if (ended.wait_for(std::chrono::seconds(5)) != std::future_status::ready)
                threads.stop();
        });
        threads.join();
        joined.set_value();
        watch.join();
    }
    asio::thread_pool threads{2};
};

} // namespace

asio::thread_pool& pool()
{
    // Used first, OpenSSL ends last: then what it keeps for each of the threads is freed when they end.
    static const std::string openssl = sha256_hex("");
    static Pool all;
    return all.threads;
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds limit)
{
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end)
            return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return true;
}

StorageError error_of(const std::function<void()>& action)
{
    try {
        action();
    } catch (const StorageError& error) {
        return error;
    } catch (const std::exception& error) {
        ADD_FAILURE() << "expected a StorageError, got: " << error.what();
        return StorageError(StorageErrc::closed, "another exception");
    }
    ADD_FAILURE() << "expected a StorageError, nothing was thrown";
    return StorageError(StorageErrc::closed, "no exception");
}

} // namespace whisperstore::test
