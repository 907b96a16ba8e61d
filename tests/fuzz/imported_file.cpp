#include "fuzz/imported_file.hpp"

#include <set>
#include <sys/mman.h>
#include <unistd.h>

namespace whisperstore::fuzz {

/// A file in memory that holds the input.
std::filesystem::path as_file(std::string_view text)
{
    static const int descriptor = ::memfd_create("messages", MFD_CLOEXEC);
    require(::ftruncate(descriptor, 0) == 0, "a file in memory can be emptied");
    require(::pwrite(descriptor, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
            "a file in memory can be written");
    return "/proc/self/fd/" + std::to_string(descriptor);
}

void check_import(const std::filesystem::path& path, const ImportOptions& options)
{
    ImportFile file(path, options, 0);
    std::set<std::int64_t> ids;
    std::uint64_t messages = 0;
    bool repeated = false;
    const bool read = accepts([&] {
        while (true) {
            const std::vector<ImportedMessage> some = file.read(3);
            for (const ImportedMessage& item : some) {
                check_message(item.message);
                check_json(item.document_metadata, "metadata");
                repeated = !ids.insert(item.message.message_id).second || repeated;
                ++messages;
            }
            if (some.empty())
                break;
        }
    });
    std::uint64_t counted = 0;
    const std::atomic<bool> stop{false};
    const bool checked = accepts([&] { counted = ImportFile::check(path, options, 0, stop); });
    require(checked == (read && !repeated), "a file that passes its check can be imported, and no other");
    require(!checked || counted == messages, "the check counts the messages");
}

} // namespace whisperstore::fuzz
