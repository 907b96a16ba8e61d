// A disk that is full, or broken, at each of the operations of a scenario, once and until it is mended.

#include "crash/power_loss/disk.hpp"
#include "crash/power_loss/power_store.hpp"
#include "crash/power_loss/sqlite_vfs.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <set>

namespace whisperstore::test {

namespace {

namespace fs = std::filesystem;

constexpr int wrong_shown = 10;

struct Subject
{
    std::string name;
    OpenPowerStore open;
    std::uint64_t stride; ///< how many points further the next one visited is, unless the environment says otherwise
};

// GoogleTest would print its bytes.
void PrintTo(const Subject& subject, std::ostream* out) { *out << subject.name; }

/// One pass through everything a store does, with a fault on the way.
class Scenario
{
public:
    Scenario(const Subject& subject, DiskFault fault)
        : subject_(subject),
          disk_(Disk::watch(folder_.path())),
          oracle_(disk_, std::vector<SlotState>(writers)),
          fault_(fault)
    {
        disk_->set_fault(fault);
    }

    /// What was wrong, one line each; empty when nothing was.
    std::string run()
    {
        step("open", [&] { store_ = subject_.open(folder_.path()); });
        write(0, 4);
        step("backup", [&] { test::run(store_->back_up(backup())); });
        const std::vector<SlotState> backed_up = oracle_.states();
        const bool has_backup = fs::exists(backup());
        write(100, 1);
        if (has_backup)
            restore(backed_up);
        write(200, 1);
        check("before closing");
        step("close", [&] { close(); });
        write(300, 1);
        step("backup", [&] { test::run(store_->back_up(folder_ / "backups/1")); });
        step("close", [&] { close(); });
        end();
        return problems_;
    }

    bool struck() const { return struck_; }
    int in_doubt() const { return in_doubt_; }
    int reopened() const { return reopened_; }

private:
    static constexpr std::size_t writers = 2;

    fs::path backup() const { return folder_ / "backups/0"; }

    void close()
    {
        if (store_)
            store_->close();
        store_.reset();
    }

    /// Runs a step, on a store opened again where there is none. After the fault every step must work.
    bool step(const std::string& name, const std::function<void()>& action)
    {
        if (failed_steps_ > 2)
            disk_->lift_fault();
        disk_->take_failed_operations();
        try {
            if (!store_ && name != "open" && name != "close")
                store_ = subject_.open(folder_.path());
            action();
            return true;
        } catch (const StorageError& error) {
            failed_ = disk_->take_failed_operations();
            judge_error(name, error);
            return false;
        }
    }

    void judge_error(const std::string& name, const StorageError& error)
    {
        const auto wrong = [&](const std::string& why) {
            problem(name + ": " + why + ": " + error.what() + " (" + std::string(to_string(error.errc())) + ", " +
                    error.native_code() + ", " + std::string(to_string(error.outcome())) + ")");
        };
        outcome_ = error.outcome();
        if (!disk_->struck())
            return wrong("failed without a fault");
        const bool expected = failed_steps_ == 0 || (fault_.lasting && failed_steps_ <= 2);
        ++failed_steps_;
        if (!expected)
            return wrong("does not work again");
        if (!tells(error.errc()))
            wrong("the code does not tell what happened");
        if (error.outcome() == Outcome::unknown && fault_.error == ENOSPC && failed_ == std::set{DiskOperation::write})
            wrong("no commit is in doubt when a write finds no space");
        if (error.backend().empty() || error.operation().empty())
            wrong("backend or operation are not named");
        if (std::string_view(error.what()).find("initialize again") != std::string_view::npos) {
            ++reopened_;
            mend();
            close();
        }
    }

    void mend()
    {
        disk_->lift_fault();
        failed_steps_ = std::max(failed_steps_, 3);
    }

    bool tells(StorageErrc code) const
    {
        // SQLite says of a file that cannot be created no more than that, and of a failed sync only
        // sometimes why.
        if (code == StorageErrc::permission && failed_.contains(DiskOperation::create))
            return true;
        if (code == StorageErrc::unavailable && failed_.contains(DiskOperation::sync))
            return true;
        return code == (fault_.error == ENOSPC ? StorageErrc::resource_exhausted : StorageErrc::unavailable);
    }

    /// Operations of every writer in turn.
    void write(std::uint64_t seed, int operations)
    {
        for (int i = 0; i < operations; ++i)
            for (std::size_t writer = 0; writer < writers; ++writer) {
                const bool done = step("write " + std::to_string(seed + static_cast<std::uint64_t>(i)), [&] {
                    test::run(store_->write(oracle_, writer, seed + static_cast<std::uint64_t>(i), 1));
                });
                if (!done)
                    settle(writer);
            }
    }

    void restore(const std::vector<SlotState>& backed_up)
    {
        for (std::size_t writer = 0; writer < writers; ++writer)
            oracle_.begin(writer, backed_up[writer]);
        const bool done = step("restore", [&] { test::run(store_->restore(backup())); });
        for (std::size_t writer = 0; writer < writers; ++writer) {
            if (done)
                oracle_.acknowledge(writer);
            else
                settle(writer);
        }
    }

    /// After a failure: nothing was done, unless the error leaves it open.
    void settle(std::size_t writer)
    {
        if (!oracle_.is_open(writer))
            return;
        if (outcome_ == Outcome::unknown) {
            ++in_doubt_;
            mend();
            if (!store_)
                store_ = subject_.open(folder_.path());
            oracle_.settle(writer, store_->read(writers)[writer]);
        } else if (outcome_ == Outcome::applied) {
            oracle_.acknowledge(writer);
        } else {
            oracle_.refused(writer);
        }
    }

    void check(const std::string& when)
    {
        if (disk_->struck())
            disk_->lift_fault();
        try {
            if (!store_)
                store_ = subject_.open(folder_.path());
            const std::string wrong = oracle_.judge(disk_->moment(), store_->read(writers));
            if (!wrong.empty())
                problem(when + ": " + wrong);
        } catch (const std::exception& error) {
            problem(when + ": " + error.what());
        }
    }

    void end()
    {
        struck_ = disk_->struck();
        disk_->lift_fault();
        check("at the end");
        close();
        if (const std::string escaped = disk_->escaped(); !escaped.empty())
            problem(escaped);
        disk_->release();
        check("on another disk"); // the disk is watched no more
        close();
    }

    void problem(const std::string& what) { problems_ += "  " + what + "\n"; }

    const Subject& subject_;
    TestDirectory folder_;
    std::shared_ptr<Disk> disk_;
    Oracle oracle_;
    DiskFault fault_;
    std::unique_ptr<PowerStore> store_;
    int failed_steps_ = 0;
    int in_doubt_ = 0;
    std::set<DiskOperation> failed_; // in the last step that failed
    Outcome outcome_ = Outcome::not_applied;
    bool struck_ = false;
    int reopened_ = 0;
    std::string problems_;
};

class DiskFaults : public testing::TestWithParam<Subject>
{
};

/// The scenario with the fault at every operation that can fail that way.
void fail_everywhere(const Subject& subject, int error)
{
    install_sqlite_vfs();
    DiskFault fault;
    fault.error = error;
    ASSERT_EQ(Scenario(subject, fault).run(), "");

    // WHISPERSTORE_DISK_FAULT_STRIDE: 1 visits every point.
    const char* asked = std::getenv("WHISPERSTORE_DISK_FAULT_STRIDE");
    const std::uint64_t stride = asked ? std::max(std::strtoull(asked, nullptr, 10), 1ULL) : subject.stride;
    const std::string what = subject.name + (error == ENOSPC ? ", disk full" : ", disk broken");
    std::uint64_t points = 0;
    int in_doubt = 0;
    int reopened = 0;
    int wrong = 0;
    for (const bool lasting : {false, true}) {
        fault.lasting = lasting;
        bool struck = true;
        for (fault.at = 1; struck && wrong < wrong_shown; fault.at += stride) {
            Scenario scenario(subject, fault);
            const std::string problems = scenario.run();
            struck = scenario.struck();
            points += struck ? 1 : 0;
            in_doubt += scenario.in_doubt();
            reopened += scenario.reopened();
            if (problems.empty())
                continue;
            ++wrong;
            ADD_FAILURE() << what << " at operation " << fault.at << (lasting ? ", until mended:\n" : ", once:\n")
                          << problems;
        }
    }
    std::cout << what << ": " << points << " points, " << in_doubt << " operations in doubt, " << reopened
              << " stores opened again, " << wrong << " wrong\n";
    testing::Test::RecordProperty("points", std::to_string(points));
}

std::string name_of(const testing::TestParamInfo<Subject>& subject) { return subject.param.name; }

std::vector<Subject> subjects()
{
    return {Subject{"database", database_store("FULL"), 9}, Subject{"vectors", vector_store(), 17},
            Subject{"layer", layer_store(), 29}};
}

} // namespace

TEST_P(DiskFaults, AFullDiskLosesNothingAndIsTold) { fail_everywhere(GetParam(), ENOSPC); }
TEST_P(DiskFaults, ABrokenDiskLosesNothingAndIsTold) { fail_everywhere(GetParam(), EIO); }

INSTANTIATE_TEST_SUITE_P(Stores, DiskFaults, testing::ValuesIn(subjects()), name_of);

} // namespace whisperstore::test
