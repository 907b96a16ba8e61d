#include "embedding/local/model_service.hpp"

#include "core/job.hpp"
#include "embedding/local/batch_plan.hpp"

#include <whisperstore/core/error.hpp>

#if defined(__linux__)
#include <pthread.h>
#endif

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace whisperstore::local_embedding {

namespace {

// Texts of one call that are tokenized, and sorted by length, ahead of their inferences.
constexpr std::size_t window_batches = 16;

} // namespace

/// One embed(): its texts, how far it is, and the vectors so far. Used by the service's thread alone once it has begun.
class ModelService::Job final : public whisperstore::Job
{
public:
    explicit Job(Request request) : request_(std::move(request)) { vectors_.resize(request_.texts.size()); }

    bool finished() const noexcept { return pending_.empty() && tokenized_ == request_.texts.size(); }
    bool stopped() const noexcept { return abort_reason() != AbortReason::none; }
    std::size_t dimension() const noexcept { return request_.dimension; }
    std::vector<std::vector<float>> take_vectors() noexcept { return std::move(vectors_); }

    /// A text ready for an inference, and where its vector goes.
    struct Piece
    {
        Job* job = nullptr;
        std::size_t text = 0;
        std::vector<TokenId> tokens;
    };

    /// Moves up to `room` texts of a turn to `out`. The longest of the window come first: so does the memory they need.
    void take_turn(const EmbeddingModel& model, std::size_t room, std::vector<Piece>& out)
    {
        if (pending_.empty())
            tokenize_window(model);
        for (std::size_t i = std::min({room, request_.batch_size, pending_.size()}); i > 0; --i) {
            out.push_back(std::move(pending_.back()));
            pending_.pop_back();
        }
    }
    std::size_t batch_size() const noexcept { return request_.batch_size; }
    void set_vector(std::size_t text, std::vector<float> vector) noexcept { vectors_[text] = std::move(vector); }

private:
    void tokenize_window(const EmbeddingModel& model)
    {
        const std::size_t end = std::min(request_.texts.size(),
                                         tokenized_ + window_batches * std::max<std::size_t>(request_.batch_size, 16));
        for (; tokenized_ < end && !stopped(); ++tokenized_) {
            pending_.push_back({this, tokenized_, model.tokenize(request_.texts[tokenized_])});
            std::string().swap(request_.texts[tokenized_]);
        }
        std::sort(pending_.begin(), pending_.end(), [](const Piece& left, const Piece& right) {
            return std::pair(left.tokens.size(), left.text) < std::pair(right.tokens.size(), right.text);
        });
    }

    Request request_;
    std::size_t tokenized_ = 0;
    std::vector<Piece> pending_;
    std::vector<std::vector<float>> vectors_;
};

/// What the thread works on, and the thread's work.
class ModelService::Queue
{
public:
    explicit Queue(ModelKey key) : key_(std::move(key)) {}

    void post(std::shared_ptr<Job> job)
    {
        {
            const std::lock_guard lock(mutex_);
            waiting_.push_back(std::move(job));
        }
        changed_.notify_one();
    }

    void stop() noexcept
    {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_one();
    }

    void work() noexcept
    {
#if defined(__linux__)
        ::pthread_setname_np(::pthread_self(), "embeddings");
#endif
        while (await_work()) {
            try {
                if (!model_)
                    model_ = std::make_unique<EmbeddingModel>(key_);
                begin_waiting();
                turn();
            } catch (const std::bad_alloc&) {
                fail_all(std::make_exception_ptr(StorageError(StorageErrc::resource_exhausted,
                                                              "there is not enough memory for the embedding model")));
            } catch (...) {
                fail_all(std::current_exception());
            }
        }
        model_.reset();
    }

private:
    /// False when the service ends.
    bool await_work()
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return stopping_ || !waiting_.empty() || !running_.empty(); });
        return !stopping_;
    }

    std::deque<std::shared_ptr<Job>> take_waiting()
    {
        const std::lock_guard lock(mutex_);
        return std::exchange(waiting_, {});
    }

    /// Jobs that were cancelled while they waited have ended already.
    void begin_waiting()
    {
        for (std::shared_ptr<Job>& job : take_waiting())
            if (job->begin())
                admit(std::move(job));
    }

    void admit(std::shared_ptr<Job> job)
    {
        if (job->dimension() != model_->dimension()) {
            job->complete(std::make_exception_ptr(StorageError(
                StorageErrc::version_mismatch, "the embedding model's vectors have " +
                                                   std::to_string(model_->dimension()) + " dimensions, not the " +
                                                   std::to_string(job->dimension()) + " of the configuration")));
            return;
        }
        running_.push_back(std::move(job));
    }

    /// Embeds a batch: of the first job, filled up by those behind it. Then those with texts left go to the end.
    void turn()
    {
        end_stopped_and_finished();
        std::vector<Job::Piece> pieces;
        std::vector<std::shared_ptr<Job>> served;
        const std::size_t size = running_.empty() ? 0 : running_.front()->batch_size();
        while (!running_.empty() && pieces.size() < size) {
            running_.front()->take_turn(*model_, size - pieces.size(), pieces);
            served.push_back(std::move(running_.front()));
            running_.pop_front();
        }
        for (std::shared_ptr<Job>& job : served)
            running_.push_back(std::move(job)); // before the inference: when it throws they are told
        infer(pieces);
        end_stopped_and_finished();
    }

    void infer(const std::vector<Job::Piece>& pieces)
    {
        std::vector<std::size_t> lengths;
        lengths.reserve(pieces.size());
        for (const Job::Piece& piece : pieces)
            lengths.push_back(piece.tokens.size());
        for (std::vector<std::size_t>& inference : plan_inferences(lengths)) {
            std::erase_if(inference, [&](std::size_t place) { return pieces[place].job->stopped(); });
            if (inference.empty())
                continue;
            std::vector<const std::vector<TokenId>*> texts;
            for (const std::size_t place : inference)
                texts.push_back(&pieces[place].tokens);
            std::vector<std::vector<float>> vectors = model_->embed(texts);
            for (std::size_t i = 0; i < inference.size(); ++i)
                pieces[inference[i]].job->set_vector(pieces[inference[i]].text, std::move(vectors[i]));
        }
    }

    /// A stopped job may lack vectors: it never counts as finished.
    void end_stopped_and_finished()
    {
        std::erase_if(running_, [](const std::shared_ptr<Job>& job) {
            const AbortReason reason = job->abort_reason();
            if (reason != AbortReason::none)
                job->complete(std::make_exception_ptr(abort_error(reason, "the embedding")));
            else if (job->finished())
                job->complete();
            else
                return false;
            return true;
        });
    }

    void fail_all(const std::exception_ptr& error)
    {
        for (const std::shared_ptr<Job>& job : take_waiting())
            if (job->begin())
                job->complete(error);
        for (const std::shared_ptr<Job>& job : std::exchange(running_, {}))
            job->complete(error);
    }

    const ModelKey key_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool stopping_ = false;
    std::deque<std::shared_ptr<Job>> waiting_;
    // The thread's own from here on.
    std::deque<std::shared_ptr<Job>> running_;
    std::unique_ptr<EmbeddingModel> model_;
};

std::shared_ptr<ModelService> ModelService::shared(ModelKey key)
{
    static std::mutex mutex;
    static std::map<ModelKey, std::weak_ptr<ModelService>> services;
    const std::lock_guard lock(mutex);
    std::erase_if(services, [](const auto& entry) { return entry.second.expired(); });
    std::weak_ptr<ModelService>& known = services[key];
    std::shared_ptr<ModelService> service = known.lock();
    if (!service) {
        service = std::make_shared<ModelService>(std::move(key));
        known = service;
    }
    return service;
}

ModelService::ModelService(ModelKey key) : queue_(std::make_shared<Queue>(std::move(key))) {}

ModelService::~ModelService()
{
    queue_->stop();
    if (!thread_.joinable())
        return;
    if (thread_.get_id() == std::this_thread::get_id())
        thread_.detach(); // what ended last belonged to a job; the thread ends by itself, with its queue
    else
        thread_.join();
}

void ModelService::start_thread()
{
    const std::lock_guard lock(start_);
    if (thread_.joinable())
        return;
    try {
        thread_ = std::thread([queue = queue_] { queue->work(); });
    } catch (const std::system_error& error) {
        throw StorageError(StorageErrc::resource_exhausted,
                           std::string("no thread can be had for the embedding model: ") + error.what(),
                           ErrorDetails{.retryable = true});
    }
}

awaitable<std::vector<std::vector<float>>> ModelService::embed(Request request, OperationContext context)
{
    auto job = std::make_shared<Job>(std::move(request));
    std::function<void(std::shared_ptr<whisperstore::Job>)> submit = [this,
                                                                      job](const std::shared_ptr<whisperstore::Job>&) {
        start_thread();
        queue_->post(job);
    };
    co_await Job::wait(job, std::move(submit), std::move(context));
    co_return job->take_vectors();
}

} // namespace whisperstore::local_embedding
