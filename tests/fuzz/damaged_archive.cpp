#include "fuzz/damaged_archive.hpp"

#include "fuzz/fuzz_target.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace whisperstore::fuzz {

std::string damaged(std::string content, const std::uint8_t* data, std::size_t size)
{
    constexpr std::size_t page = 4096;
    for (std::size_t at = 0; at + 4 <= size && !content.empty(); at += 4) {
        const std::size_t place = (static_cast<std::size_t>(data[at + 1]) << 8 | data[at + 2]) % content.size();
        const std::size_t value = data[at + 3];
        switch (data[at] % 6) {
        case 0:
            content[place] = static_cast<char>(value);
            break;
        case 1:
            content[place] = static_cast<char>(content[place] ^ static_cast<char>(1U << (value % 8)));
            break;
        case 2:
            content.replace(place, value, std::string(std::min(value, content.size() - place), '\0'));
            break;
        case 3:
            content.resize(place);
            break;
        case 4: // one page over another
            if (const std::size_t from = value * page; from < content.size())
                content.replace(place - place % page, page, content.substr(from, page));
            break;
        default:
            content.insert(place, content.substr(place, value));
            break;
        }
    }
    return content;
}

std::string scratch_folder()
{
    /// Removed at the end of the program; one that crashes leaves it.
    struct Folder
    {
        Folder()
        {
            const std::filesystem::path memory = "/dev/shm";
            const bool usable = std::filesystem::is_directory(memory);
            path = ((usable ? memory : std::filesystem::temp_directory_path()) / "whisperstore-fuzz-XXXXXX").string();
            require(::mkdtemp(path.data()) != nullptr, "a temporary folder can be made");
        }
        ~Folder()
        {
            std::error_code ignored; // a left-over folder harms nobody
            std::filesystem::remove_all(path, ignored);
        }
        std::string path;
    };
    static const Folder folder;
    return folder.path;
}

std::string ArchiveTarget::file(const std::string& what) const { return scratch_folder() + "/" + name_ + "-" + what; }

void ArchiveTarget::keep_old()
{
    back_up(file("old"));
    std::ifstream old(file("old"), std::ios::binary);
    archive_.assign(std::istreambuf_iterator<char>(old), {});
    require(!archive_.empty(), "the archive can be read");
}

void ArchiveTarget::keep_present()
{
    back_up(file("present"));
    present_ = content();
}

void ArchiveTarget::try_damaged(const std::uint8_t* data, std::size_t size)
{
    const std::string path = file("damaged");
    {
        std::ofstream written(path, std::ios::binary | std::ios::trunc);
        const std::string bytes = damaged(archive_, data, size);
        written.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        require(static_cast<bool>(written.flush()), "a file can be written");
    }
    if (!accepts([&] { restore(path); })) {
        require(content() == present_, "a refused archive changes nothing");
        return;
    }
    check_restored();
    restore(file("present"));
    require(content() == present_, "the present content is back");
}

} // namespace whisperstore::fuzz
