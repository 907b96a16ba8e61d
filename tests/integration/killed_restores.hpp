#pragma once
// Restores that are killed, over and over, and what they may leave.

#include "support/layer.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace whisperstore::test {

/// What is restored, and how its content is looked at.
struct RestoredPlace
{
    std::filesystem::path data_dir;
    std::map<std::string, std::string> settings; ///< besides those of a laptop
    std::array<std::filesystem::path, 2> backups;
    std::array<Dump, 2> contents; ///< of the backups; the place holds that of the second
    std::function<Dump(StorageLayer&)> content;

    std::shared_ptr<StorageLayer> open() const;
    /// What restores one of the backups in a process of its own.
    std::vector<std::string> command(std::size_t backup) const;
};

/// Restores the two backups in turn and kills each restore (backup_restorer) at another moment of another step. What is
/// there then must be the old content, the new one, or stores that say in their health that they are half restored,
/// which the next restore completes; sometimes that one is killed, too. Prints how they ended. At the end the place
/// holds the first backup.
void kill_restores(const RestoredPlace& place, int rounds);

} // namespace whisperstore::test
