// A filter, and after a line of its own "--" the metadata of a document it is applied to.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/vector/filter.hpp>

namespace whisperstore::fuzz {

namespace {

constexpr std::string_view separator = "\n--\n";

void check(std::string_view filter_text, std::string_view metadata_text)
{
    const Filter filter = Filter::parse_text(filter_text);
    const json::object written = filter.to_json();
    const Filter again = Filter::parse(written);
    require(again.to_json() == written, "a written filter is read as it was");
    require(again.matches_everything() == filter.matches_everything(), "a written filter keeps its meaning");

    json::object metadata;
    if (!accepts([&] { metadata = parse_json_object(metadata_text, "metadata"); }))
        return;
    const bool matches = filter.matches(metadata);
    require(again.matches(metadata) == matches, "a written filter matches the same documents");
    require(!filter.matches_everything() || matches, "the empty filter matches");
    if (filter.matches_everything())
        return;
    // Deeply nested ones have no room for more.
    accepts([&] { require((!filter).matches(metadata) != matches, "not"); });
    accepts([&] { require((filter && filter).matches(metadata) == matches, "and"); });
    accepts([&] { require((filter || !filter).matches(metadata), "or"); });
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    namespace fuzz = whisperstore::fuzz;
    const std::string_view text = fuzz::as_text(data, size);
    const std::size_t end = text.find(fuzz::separator);
    const std::string_view metadata = end == text.npos ? "{}" : text.substr(end + fuzz::separator.size());
    fuzz::accepts([&] { fuzz::check(text.substr(0, end), metadata); });
    return 0;
}
