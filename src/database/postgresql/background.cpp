#include "database/postgresql/background.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace whisperstore::postgresql {

void Background::run_blocking(std::function<void()> work) { boost::asio::post(blocking_.executor(), std::move(work)); }

} // namespace whisperstore::postgresql
