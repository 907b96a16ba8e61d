// A file of messages to import.

#include "fuzz/imported_file.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    namespace fuzz = whisperstore::fuzz;
    whisperstore::ImportOptions options;
    options.format = whisperstore::ImportFormat::json_lines;
    const std::filesystem::path path = fuzz::as_file(fuzz::as_text(data, size));
    fuzz::accepts([&] { fuzz::check_import(path, options); });
    return 0;
}
