// backup_restorer DIRECTORY BACKUP [VARIABLE=VALUE]...: restores a backup into the storage layer of a data directory,
// or of what the settings name, to be killed meanwhile. Says what it is at.
#include "support/layer.hpp"

#include <whisperstore/backup/unified_backup_manager.hpp>
#include <whisperstore/core/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <sys/prctl.h>

namespace {

void say(const std::string& line)
{
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
}

} // namespace

int main(int count, char** values)
{
    using namespace whisperstore;
    if (count < 3)
        return 2;
    // It does not outlive the test.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
        std::map<std::string, std::string> settings;
        for (int i = 3; i < count; ++i) {
            const std::string setting = values[i];
            const std::size_t equals = setting.find('=');
            settings[setting.substr(0, equals)] = setting.substr(equals + 1);
        }
        const auto storage = blocking::run(initialize_storage_layer(test::laptop_configuration(values[1], settings)));
        say("begins");
        BackupOptions options;
        std::string said;
        options.progress = [&said](const BackupProgress& progress) {
            std::string line(progress.phase);
            line.append(" ").append(progress.component);
            if (line != said)
                say(said = line);
        };
        blocking::run(UnifiedBackupManager().restore_from_backup(values[2], *storage, options));
        say("done");
        blocking::run(storage->close());
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
