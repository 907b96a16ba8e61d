// Answers of Qdrant, and filters on their way there.

#include "core/text.hpp"
#include "fuzz/fuzz_target.hpp"
#include "vector/qdrant/answers.hpp"
#include "vector/qdrant/condition.hpp"
#include "vector/qdrant/layout.hpp"

namespace whisperstore::fuzz {

namespace {

void check_points(const std::vector<qdrant::Point>& points)
{
    for (const qdrant::Point& point : points) {
        require(point.words.indices.size() == point.words.values.size(), "a sparse vector is whole");
        // What a server can tell us, we can store again.
        std::string body;
        accepts([&] {
            check_document(point.document, point.document.embedding.size());
            qdrant::append_point(body, point.document, &point.words);
            static_cast<void>(parse_json_object(body, "point"));
        });
    }
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view body = fuzz::as_text(data, size);
    fuzz::accepts([&] { fuzz::check_points(qdrant::parse_query(body)); });
    fuzz::accepts([&] {
        for (const std::vector<qdrant::Point>& points : qdrant::parse_query_batch(body))
            fuzz::check_points(points);
    });
    fuzz::accepts([&] { fuzz::check_points(qdrant::parse_retrieved(body)); });
    fuzz::accepts([&] { fuzz::check_points(qdrant::parse_scroll(body).points); });
    fuzz::accepts([&] { qdrant::parse_count(body); });
    fuzz::accepts([&] { qdrant::check_completed(body); });
    fuzz::accepts([&] { qdrant::parse_flag(body); });
    fuzz::accepts([&] { qdrant::parse_collection(body); });
    fuzz::accepts([&] { qdrant::parse_names(body); });
    fuzz::accepts([&] { qdrant::parse_aliases(body); });
    fuzz::accepts([&] { qdrant::parse_version(body); });
    fuzz::accepts([&] { qdrant::parse_snapshot(body); });
    fuzz::accepts([&] { qdrant::parse_payloads(body); });
    fuzz::accepts([&] {
        const qdrant::Condition condition = qdrant::translate(Filter::parse_text(body));
        static_cast<void>(json::serialize(condition.filter));
    });
    return 0;
}
