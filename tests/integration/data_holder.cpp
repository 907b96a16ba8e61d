// data_holder DIRECTORY: opens the storage layer of a data directory, says so, and keeps it until the
// process is killed.
#include "support/layer.hpp"

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/prctl.h>
#include <unistd.h>

int main(int count, char** values)
{
    if (count != 2)
        return 2;
    // It does not outlive the test.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        const auto storage = whisperstore::blocking::run(
            whisperstore::initialize_storage_layer(whisperstore::test::laptop_configuration(values[1])));
        std::printf("open in %d\n", static_cast<int>(::getpid()));
        std::fflush(stdout);
        while (true)
            ::pause();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
