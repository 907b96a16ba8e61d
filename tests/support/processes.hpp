#pragma once
// The processes of this machine, as /proc shows them.

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace whisperstore::test {

/// Those that have `argument` among their arguments, dead ones that nobody has waited for included.
std::vector<pid_t> processes_with_argument(const std::string& argument);
/// Children of this process that have ended and that nobody has waited for.
std::vector<pid_t> zombies();
/// What the open descriptors of a process lead to.
std::vector<std::string> descriptors_of(pid_t process);

} // namespace whisperstore::test
