#include <whisperstore/core/blocking.hpp>

namespace whisperstore::blocking::detail {

namespace {

// The context of this thread while nobody uses it. Making one costs more than a small read.
thread_local std::unique_ptr<asio::io_context> idle_context;

} // namespace

ThreadContext::ThreadContext() : io_(std::move(idle_context))
{
    if (io_)
        io_->restart();
    else
        io_ = std::make_unique<asio::io_context>(1);
}

ThreadContext::~ThreadContext() { idle_context = std::move(io_); }

} // namespace whisperstore::blocking::detail
