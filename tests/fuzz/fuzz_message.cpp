// A message as JSON, and any other JSON document.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/core/message.hpp>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    fuzz::accepts([&] {
        const json::value document = parse_json(fuzz::as_text(data, size), "document");
        check_json(document, "document");
        const std::string text = json::serialize(document);
        fuzz::require(parse_json(text, "document") == document, "a written document is read as it was");
        if (!document.is_object())
            return;
        const UniversalMessage message = message_from_json(document.get_object());
        check_message(message);
        fuzz::require(message_from_json(to_json(message)) == message, "a written message is read as it was");
    });
    return 0;
}
