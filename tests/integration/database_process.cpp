// database_process WHAT PATH [...]: what the tests of faults need another process for. It tells what it
// does line by line on standard output.
//
//   hold PATH             opens the database and keeps it until its input ends
//   insert PATH           inserts 0, 1, 2 ... into t(a) and prints each number that was acknowledged
//   restore PATH ARCHIVE  opens, waits for a line, restores
//   full PATH BYTES       inserts while files may grow to BYTES only, then again without that limit
//   nobody PATH           gives up root's rights, then opens
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/database/sqlite_adapter.hpp>

#include <array>
#include <csignal>
#include <cstdio>
#include <iostream>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using namespace whisperstore;

void tell(const std::string& line) { std::cout << line << std::endl; }

void connect(SQLiteAdapter& database) { blocking::run(database.connect()); }

void insert(SQLiteAdapter& database, int number, const std::string& text)
{
    blocking::run(database.execute_query("INSERT INTO t VALUES (?, ?)", params(arg(number), arg(text))));
}

void hold(SQLiteAdapter& database)
{
    connect(database);
    tell("open " + std::to_string(::getpid()));
    std::string line;
    std::getline(std::cin, line);
}

void insert_for_ever(SQLiteAdapter& database)
{
    connect(database);
    for (int number = 0;; ++number) {
        insert(database, number, "row");
        tell(std::to_string(number));
    }
}

void restore(SQLiteAdapter& database, const std::string& archive)
{
    connect(database);
    tell("open");
    std::string line;
    std::getline(std::cin, line);
    blocking::run(database.restore_database(archive));
    tell("restored");
}

void fill_up(SQLiteAdapter& database, const std::string& bytes)
{
    ::signal(SIGXFSZ, SIG_IGN); // then writing fails with EFBIG
    connect(database);
    rlimit limit{};
    ::getrlimit(RLIMIT_FSIZE, &limit);
    const rlim_t before = limit.rlim_cur;
    limit.rlim_cur = std::stoul(bytes);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int number = 0;
    try {
        for (;; ++number) {
            insert(database, number, std::string(5000, 'x'));
            tell(std::to_string(number));
        }
    } catch (const StorageError& error) {
        tell("error " + std::string(to_string(error.errc())) + " " + std::string(to_string(error.outcome())) + " " +
             error.what());
    }
    limit.rlim_cur = before;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    insert(database, 1000000, "after");
    tell("again");
    blocking::run(database.disconnect());
}

void open_as_nobody(SQLiteAdapter& database)
{
    constexpr uid_t nobody = 65534;
    if (::getuid() == 0 && (::setgid(nobody) != 0 || ::setuid(nobody) != 0))
        throw std::runtime_error("cannot give up root's rights");
    connect(database);
    tell("open");
}

} // namespace

int main(int count, char** values)
{
    if (count < 3)
        return 2;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL); // it does not outlive the test
    const std::string what = values[1];
    const std::string last = values[count - 1];
    try {
        DatabaseConfig config;
        config.connection_string = std::string("sqlite:///") + values[2];
        SQLiteAdapter database(config);
        if (what == "hold")
            hold(database);
        else if (what == "insert")
            insert_for_ever(database);
        else if (what == "restore")
            restore(database, last);
        else if (what == "full")
            fill_up(database, last);
        else if (what == "nobody")
            open_as_nobody(database);
        else
            return 2;
    } catch (const StorageError& error) {
        tell("error " + std::string(to_string(error.errc())) + " " + error.what());
        return 1;
    }
    return 0;
}
