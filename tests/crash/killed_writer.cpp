#include "crash/killed_writer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <map>
#include <poll.h>
#include <random>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace whisperstore::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int report_descriptor = 3;

/// The writer's process and the end of its pipe that is read here.
class Child
{
public:
    Child(const std::vector<std::string>& arguments)
    {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0)
            throw std::system_error(errno, std::generic_category(), "pipe2");
        reading_ = ends[0];
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], report_descriptor);
        std::vector<char*> argv;
        for (const std::string& argument : arguments)
            argv.push_back(const_cast<char*>(argument.c_str()));
        argv.push_back(nullptr);
        const int failed = ::posix_spawn(&process_, argv.front(), &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        if (failed != 0)
            throw std::system_error(failed, std::generic_category(), "posix_spawn " + arguments.front());
    }
    ~Child()
    {
        kill();
        ::close(reading_);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Ends the process; true when the signal is what ended it.
    bool kill()
    {
        if (process_ == 0)
            return false;
        ::kill(process_, SIGKILL);
        int status = 0;
        ::waitpid(process_, &status, 0);
        process_ = 0;
        return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }

    enum class Read
    {
        some,
        nothing, ///< until the time passed
        end,
    };
    /// Appends what comes in to `text`, waiting until `until` at most.
    Read read(std::string& text, Clock::time_point until) const
    {
        const auto left = std::max(std::chrono::nanoseconds(until - Clock::now()), std::chrono::nanoseconds(0));
        const timespec time{static_cast<std::time_t>(left.count() / 1'000'000'000),
                            static_cast<long>(left.count() % 1'000'000'000)};
        pollfd waiting{reading_, POLLIN, 0};
        if (::ppoll(&waiting, 1, &time, nullptr) <= 0)
            return Read::nothing;
        std::array<char, 65536> buffer{};
        const ssize_t count = ::read(reading_, buffer.data(), buffer.size());
        if (count <= 0)
            return Read::end;
        text.append(buffer.data(), static_cast<std::size_t>(count));
        return Read::some;
    }

private:
    int reading_ = -1;
    pid_t process_ = 0;
};

/// Puts the reports together.
class Log
{
public:
    std::string text; ///< not taken apart yet

    void take()
    {
        std::size_t end = 0;
        while ((end = text.find('\n')) != std::string::npos) {
            take(Report::parse(std::string_view(text).substr(0, end)));
            text.erase(0, end + 1);
        }
    }
    std::size_t acknowledged() const noexcept { return run_.acknowledged.size(); }
    bool ready() const noexcept { return ready_; }
    WriterRun finish()
    {
        for (auto& [id, operation] : running_)
            run_.in_flight.push_back(std::move(operation));
        return std::move(run_);
    }

private:
    void take(Report report)
    {
        switch (report.kind) {
        case Report::Kind::ready:
            ready_ = true;
            break;
        case Report::Kind::begins:
            running_[report.operation.id] = std::move(report.operation);
            break;
        case Report::Kind::done:
            run_.acknowledged.push_back(std::move(running_.extract(report.operation.id).mapped()));
            break;
        case Report::Kind::failed:
            ADD_FAILURE() << "the writer failed by itself: " << report.message;
            break;
        }
    }

    WriterRun run_;
    bool ready_ = false;
    std::map<std::uint64_t, Operation> running_;
};

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise)
{
    const char* text = std::getenv(name);
    return text && *text ? std::strtoull(text, nullptr, 10) : otherwise;
}

} // namespace

WriterRun run_and_kill(const std::string& what, const std::filesystem::path& directory, std::uint64_t seed, int round,
                       KillMoment moment)
{
    const std::vector<std::string> arguments{WHISPERSTORE_CRASH_WRITER, what, directory.string(), std::to_string(seed),
                                             std::to_string(round)};
    Child child(arguments);
    Log log;
    const auto hang = Clock::now() + std::chrono::seconds(120);
    auto read = Child::Read::some;
    while (read == Child::Read::some && (!log.ready() || log.acknowledged() < moment.acknowledgements)) {
        read = child.read(log.text, hang);
        log.take();
    }
    if (read == Child::Read::nothing)
        ADD_FAILURE() << "the writer '" << what << "' stands still after " << log.acknowledged() << " operations";
    const auto until = Clock::now() + moment.then;
    while (read == Child::Read::some && Clock::now() < until) {
        if (child.read(log.text, until) == Child::Read::end)
            read = Child::Read::end;
        log.take();
    }
    const bool killed = child.kill();
    // What it had told before it was killed is still in the pipe.
    while (child.read(log.text, hang) == Child::Read::some) {
    }
    log.take();
    WriterRun run = log.finish();
    run.ended_by_itself = !killed;
    return run;
}

int crash_rounds(int by_default)
{
    return static_cast<int>(
        number_from_environment("WHISPERSTORE_CRASH_ROUNDS", static_cast<std::uint64_t>(by_default)));
}

std::uint64_t crash_seed() { return number_from_environment("WHISPERSTORE_CRASH_SEED", std::random_device()()); }

} // namespace whisperstore::test
