#pragma once
/// \file
/// The coroutine type of every operation.

#include <boost/asio/awaitable.hpp>

namespace whisperstore {

namespace asio = boost::asio;

/// Every operation of whisperstore returns one of these. The operation starts when it is awaited
/// and resumes on the executor of the awaiting coroutine.
template <typename T = void>
using awaitable = asio::awaitable<T>;

} // namespace whisperstore
