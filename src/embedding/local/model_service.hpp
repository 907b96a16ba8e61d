#pragma once
// A model and the thread that works with it, shared by the providers of a process.

#include "embedding/local/embedding_model.hpp"

#include <whisperstore/core/async.hpp>
#include <whisperstore/core/operation_context.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace whisperstore::local_embedding {

class ModelService
{
public:
    /// The service of a key: the one there is, or a new one. Nothing is loaded yet.
    static std::shared_ptr<ModelService> shared(ModelKey key);

    explicit ModelService(ModelKey key);
    /// Waits for the inference or load under way.
    ~ModelService();
    ModelService(const ModelService&) = delete;
    ModelService& operator=(const ModelService&) = delete;

    struct Request
    {
        std::vector<std::string> texts;
        std::size_t dimension = 0;  ///< what the caller expects
        std::size_t batch_size = 1; ///< texts of it that are embedded in one turn
    };
    /// The vectors of the texts, computed on the service's thread. The caller keeps the service alive.
    awaitable<std::vector<std::vector<float>>> embed(Request request, OperationContext context);

private:
    class Job;
    class Queue;

    void start_thread();

    std::shared_ptr<Queue> queue_; // the thread's, too: it may outlive the service by a moment
    std::thread thread_;
    std::mutex start_;
};

} // namespace whisperstore::local_embedding
