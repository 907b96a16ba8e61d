#include "vector/local_qdrant/stoppable.hpp"

#include "vector/local_qdrant/collection_file.hpp"

namespace whisperstore::local_qdrant {

void check_stop(const sqlite::Stopper& stopper) { vector_archive::check_stop(stopper, backend); }

awaitable<void> run_stoppable(std::function<void(sqlite::Stopper&)> work, OperationContext context)
{
    auto stopper = std::make_shared<sqlite::Stopper>();
    std::function<void()> blocking = [work = std::move(work), stopper] { work(*stopper); };
    std::function<void()> interrupt = [stopper] { stopper->stop(); };
    co_await sqlite::run_on_thread(std::move(blocking), std::move(context), std::move(interrupt));
}

} // namespace whisperstore::local_qdrant
