// A .env file.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/config/dotenv.hpp>

namespace whisperstore::fuzz {

namespace {

/// The same assignment in single quotes.
std::string written(const DotenvEntry& entry)
{
    std::string text = entry.name + "='";
    for (const char c : entry.value)
        text.append(c == '\'' || c == '\\' ? "\\" : "").push_back(c);
    return text + "'\n";
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    fuzz::accepts([&] {
        const std::vector<DotenvEntry> entries = parse_dotenv(fuzz::as_text(data, size));
        std::string text;
        for (const DotenvEntry& entry : entries)
            text += fuzz::written(entry);
        const std::vector<DotenvEntry> again = parse_dotenv(text);
        fuzz::require(again.size() == entries.size(), "written entries are as many");
        for (std::size_t i = 0; i < entries.size(); ++i)
            fuzz::require(again[i].name == entries[i].name && again[i].value == entries[i].value,
                          "a written entry is read as it was");
    });
    return 0;
}
