#pragma once
// Files made from a good one by the bytes of a fuzzer.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whisperstore::fuzz {

/// Applies a list of changes of four bytes each: what to do, where (16 bits), and a value. So a few
/// bytes of input reach every place of a file of some pages.
inline std::string mutated(std::string content, const std::uint8_t* data, std::size_t size)
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

/// A folder in memory, made once; a file of it is written anew for each input.
std::string scratch_folder();
void write_scratch(const std::string& path, std::string_view content);
std::string read_scratch(const std::string& path);

} // namespace whisperstore::fuzz
