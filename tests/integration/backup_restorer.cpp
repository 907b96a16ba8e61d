// backup_restorer DIRECTORY BACKUP: restores a backup into the storage layer of a data directory, to be killed
// meanwhile.
#include "support/layer.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/prctl.h>

int main(int count, char** values)
{
    using namespace whisperstore;
    if (count != 3)
        return 2;
    // It does not outlive the test.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        const auto storage = blocking::run(initialize_storage_layer(test::laptop_configuration(values[1])));
        std::printf("begins\n");
        std::fflush(stdout);
        blocking::run(UnifiedBackupManager().restore_from_backup(values[2], *storage));
        std::printf("done\n");
        std::fflush(stdout);
        blocking::run(storage->close());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
