// What Chroma answers, the cursors of listings, and metadata on their way into a record and back.

#include "core/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "vector/chroma/answer.hpp"
#include "vector/chroma/api.hpp"
#include "vector/chroma/collections.hpp"
#include "vector/chroma/layout.hpp"
#include "vector/chroma/listing.hpp"
#include "vector/chroma/names.hpp"
#include "vector/chroma/where.hpp"

#include <whisperstore/core/json.hpp>

#include <cmath>

namespace whisperstore::fuzz {

namespace {

void check_records(std::string_view text)
{
    for (const auto& read : {chroma::parse_get, chroma::parse_query})
        accepts([&] {
            for (chroma::Record& record : read(text)) {
                const bool empty = record.embedding.empty();
                const VectorDocument document = chroma::document_of(std::move(record));
                double squares = 0;
                for (const float component : document.embedding)
                    squares += double(component) * double(component);
                require(empty || squares == 0 || std::abs(squares - 1) < 1e-3, "a vector is of unit length");
            }
        });
    accepts([&] { chroma::parse_keys(text); });
}

void check_collections(std::string_view text)
{
    accepts([&] { static_cast<void>(chroma::collection_of_row("docs", chroma::parse_collection(text))); });
    accepts([&] { static_cast<void>(chroma::parse_collections(text)); });
    http::Response response;
    response.body = text;
    for (const int status : {400, 404, 412, 413, 500}) {
        response.status = status;
        static_cast<void>(chroma::meaning_of(response));
    }
    if (const auto name = chroma::collection_of(text))
        require(chroma::server_name(*name) == text, "a name stands for one collection");
    static_cast<void>(chroma::restore_part(text));
}

void check_place(std::string_view text)
{
    accepts([&] {
        const chroma::ListingPlace place = chroma::ListingPlace::parse(text);
        const chroma::ListingPlace again = chroma::ListingPlace::parse(place.text());
        require(again.id == place.id && again.bucket == place.bucket && again.span == place.span, "a place comes back");
    });
}

/// Metadata, and what an older version may have left in the record.
void check_metadata(std::string_view text)
{
    accepts([&] {
        const json::object metadata = parse_json_object(text, "metadata");
        check_json(metadata, "metadata");
        std::string record = R"({"ids":["a"],"metadatas":[)";
        chroma::append_record_metadata(record, "a", metadata, {"old", "chroma:document"});
        record.append("]}");
        const std::vector<chroma::Record> found = chroma::parse_get(record);
        require(json::serialize(found.at(0).metadata) == json::serialize(metadata), "metadata comes back as it was");
        const json::value written = parse_json(record, "record");
        for (const auto& [key, value] : written.at("metadatas").at(0).as_object()) {
            require(!key.starts_with("chroma:") && !key.starts_with("$") && !key.starts_with("#") && !key.empty(),
                    "Chroma takes every key");
            require(!value.is_object(), "Chroma takes every value");
        }
    });
    accepts([&] { static_cast<void>(chroma::where_of(Filter::parse_text(text))); });
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view text = fuzz::as_text(data, size);
    fuzz::check_records(text);
    fuzz::check_collections(text);
    fuzz::check_place(text);
    fuzz::check_metadata(text);
    return 0;
}
