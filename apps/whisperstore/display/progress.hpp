#pragma once
// Signs of life on standard error while long work runs; nothing where that is no terminal.

#include "display/terminal.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace whisperstore::cli {

/// A bar for work whose amount is known. The line is taken away at the end.
class ProgressBar
{
public:
    enum class Amount : std::uint8_t
    {
        items,
        bytes,
    };
    /// \param amount what is done of the total
    explicit ProgressBar(std::string title, Amount amount = Amount::items);
    ~ProgressBar();
    ProgressBar(const ProgressBar&) = delete;
    ProgressBar& operator=(const ProgressBar&) = delete;

    /// Draws at most twenty times a second.
    /// \param total 0: not known, \param bytes beside items, 0: not told.
    void update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes = 0) noexcept;

private:
    using Clock = std::chrono::steady_clock;
    std::string line(std::uint64_t done, std::uint64_t total, std::uint64_t bytes) const;
    std::string shown(std::uint64_t amount) const;

    std::string title_;
    Amount amount_;
    Terminal terminal_;
    Clock::time_point started_ = Clock::now();
    Clock::time_point drawn_{};
    bool visible_ = false;
};

/// A spinner with the time taken, for work whose amount is not known; appears after half a second.
/// It turns while the io_context runs.
class Spinner
{
public:
    Spinner(boost::asio::io_context& io, std::string title);
    ~Spinner();
    Spinner(const Spinner&) = delete;
    Spinner& operator=(const Spinner&) = delete;

private:
    struct State;
    static void turn(const std::shared_ptr<State>& state);
    std::shared_ptr<State> state_; // null where there is no terminal
};

} // namespace whisperstore::cli
