// A chat as Discord or WhatsApp export it: which of them, and how its dates stand, is said by the first byte.

#include "fuzz/imported_file.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    namespace fuzz = whisperstore::fuzz;
    if (size == 0)
        return 0;
    whisperstore::ImportOptions options;
    options.channel = "channel";
    options.format = data[0] == 'D' ? whisperstore::ImportFormat::discord : whisperstore::ImportFormat::whatsapp;
    options.date_order = data[0] == 'M' ? whisperstore::DateOrder::month_first : whisperstore::DateOrder::automatic;
    const std::filesystem::path path = fuzz::as_file(fuzz::as_text(data + 1, size - 1));
    fuzz::accepts([&] { fuzz::check_import(path, options); });
    return 0;
}
