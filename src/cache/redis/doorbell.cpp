#include "cache/redis/doorbell.hpp"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace whisperstore::redis {

namespace {

int make_bell()
{
    const int bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0)
        throw std::system_error(errno, std::generic_category(), "eventfd");
    return bell;
}

} // namespace

Doorbell::Doorbell(EventLoop& loop) : bell_(make_bell()), descriptor_(loop.executor(), bell_) {}

Doorbell::~Doorbell()
{
    stop();
    ::close(bell_);
}

void Doorbell::ring() const noexcept
{
    // It can only fail when it has rung so often that a number of 64 bits is full: it is heard all the same.
    const std::uint64_t once = 1;
    [[maybe_unused]] const auto written = ::write(bell_, &once, sizeof(once));
}

void Doorbell::hear() const noexcept
{
    // Nothing to read: it was heard before.
    std::uint64_t times = 0;
    [[maybe_unused]] const auto read = ::read(bell_, &times, sizeof(times));
}

void Doorbell::stop()
{
    if (descriptor_.is_open())
        descriptor_.release();
}

} // namespace whisperstore::redis
