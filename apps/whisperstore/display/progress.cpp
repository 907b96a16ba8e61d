#include "display/progress.hpp"

#include "display/text_layout.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

constexpr auto redraw_after = std::chrono::milliseconds(50);
constexpr auto spinner_after = std::chrono::milliseconds(500);
constexpr auto spinner_step = std::chrono::milliseconds(100);

/// Replaces the terminal's current line. Whether it arrives is of no importance.
void draw(const Terminal& terminal, const std::string& text) noexcept
{
    const std::string line = "\r\x1b[K" + fit(text, terminal.width > 1 ? terminal.width - 1 : 1);
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void erase() noexcept
{
    constexpr std::string_view nothing = "\r\x1b[K";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, nothing.data(), nothing.size());
}

} // namespace

ProgressBar::ProgressBar(std::string title, Amount amount)
    : title_(std::move(title)), amount_(amount), terminal_(Terminal::of(STDERR_FILENO))
{
}

ProgressBar::~ProgressBar()
{
    if (visible_)
        erase();
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::uint64_t bytes) noexcept
{
    const auto now = Clock::now();
    if (!terminal_.is_terminal || (now - drawn_ < redraw_after && (done < total || total == 0)))
        return;
    drawn_ = now;
    visible_ = true;
    try {
        draw(terminal_, line(done, total, bytes));
    } catch (const std::bad_alloc&) {
        return; // a line less to look at
    }
}

std::string ProgressBar::shown(std::uint64_t amount) const
{
    return amount_ == Amount::bytes ? file_size(amount) : grouped(amount);
}

std::string ProgressBar::line(std::uint64_t done, std::uint64_t total, std::uint64_t bytes) const
{
    const double part = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
    const double taken = std::chrono::duration<double>(Clock::now() - started_).count();
    std::string amount = shown(done);
    if (total > 0)
        amount.append(" of ").append(shown(total));
    if (bytes > 0)
        amount.append("  ").append(file_size(bytes));
    if (taken > 1 && done > 0)
        amount.append("  ").append(shown(static_cast<std::uint64_t>(static_cast<double>(done) / taken))).append("/s");
    if (total == 0)
        return done == 0 ? title_ + " …" : title_ + "  " + amount;
    std::string numbers = pad_left(fixed(part * 100, 0), 3).append(" %  ").append(amount);
    if (taken > 2 && done > 0 && done < total)
        numbers.append("  ").append(duration(taken / part - taken)).append(" left");
    const std::size_t others = display_width(title_) + display_width(numbers) + 8;
    const std::size_t width = std::clamp<std::size_t>(terminal_.width > others ? terminal_.width - others : 0, 10, 40);
    return title_ + "  ▕" + bar(part, width) + "▏ " + numbers;
}

struct Spinner::State
{
    State(boost::asio::io_context& io, std::string text, const Terminal& where)
        : timer(io), title(std::move(text)), terminal(where)
    {
    }
    boost::asio::steady_timer timer;
    std::string title;
    Terminal terminal;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
    std::size_t steps = 0;
    bool done = false;
};

Spinner::Spinner(boost::asio::io_context& io, std::string title)
{
    const Terminal terminal = Terminal::of(STDERR_FILENO);
    if (!terminal.is_terminal)
        return;
    state_ = std::make_shared<State>(io, std::move(title), terminal);
    state_->timer.expires_after(spinner_after);
    turn(state_);
}

Spinner::~Spinner()
{
    if (!state_)
        return;
    state_->done = true;
    state_->timer.cancel();
    if (state_->steps > 0)
        erase();
}

void Spinner::turn(const std::shared_ptr<State>& state)
{
    state->timer.async_wait([state](const boost::system::error_code& error) {
        if (error || state->done)
            return;
        static constexpr std::array<std::string_view, 10> frames = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
        const double taken = std::chrono::duration<double>(std::chrono::steady_clock::now() - state->started).count();
        draw(state->terminal,
             std::string(frames[state->steps++ % frames.size()]) + " " + state->title + "  " + duration(taken));
        state->timer.expires_after(spinner_step);
        turn(state);
    });
}

} // namespace whisperstore::cli
