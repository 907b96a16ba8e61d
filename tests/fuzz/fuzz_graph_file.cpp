// Damaged graph files of a vector collection, with checksums as they were or made right again.

#include "core/hash.hpp"
#include "fuzz/damaged_archive.hpp"
#include "fuzz/fuzz_target.hpp"
#include "support/test_directory.hpp"
#include "vector/local_qdrant/graph_file.hpp"
#include "vector/local_qdrant/graph_search.hpp"

#include <cmath>
#include <cstring>
#include <random>

namespace whisperstore::local_qdrant {

namespace {

using fuzz::require;

constexpr std::size_t length = dot_block;
constexpr std::size_t nodes = 150;
constexpr std::size_t header_size = 64;
constexpr std::size_t digest_size = 64;

std::string path_of(const std::string& name) { return fuzz::scratch_folder() + "/" + name; }

/// A file as the store writes it.
std::string whole_file()
{
    std::minstd_rand random(3);
    std::uniform_real_distribution<float> component(-1, 1);
    GraphSegment segment;
    segment.codes = VectorCodes(length);
    std::vector<std::uint64_t> fingerprints;
    for (std::size_t i = 0; i < nodes; ++i) {
        std::vector<float> vector(length);
        for (float& value : vector)
            value = component(random) / std::sqrt(static_cast<float>(length));
        segment.codes.append(vector.data());
        segment.seqs.push_back(static_cast<std::int64_t>(i) + 1);
        fingerprints.push_back(fingerprint(vector));
    }
    std::optional<HnswGraph> graph = build_graph(HnswGraph(), segment.codes, nullptr);
    require(graph.has_value(), "a graph is built when nobody stops it");
    segment.graph = std::move(*graph);
    require(write_graph(path_of("whole.1.graph"), segment, fingerprints, nullptr), "a graph is written");
    return test::read_file(path_of("whole.1.graph"));
}

std::uint64_t number_at(const std::string& bytes, std::size_t at)
{
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof(number));
    return number;
}

/// Puts the right checksums over whatever the file holds now, as far as it has the length that its header says.
void seal(std::string& bytes)
{
    constexpr std::size_t content = header_size + 9 * digest_size;
    if (bytes.size() < content)
        return;
    const std::uint64_t count = number_at(bytes, 16);
    const std::uint64_t lists = number_at(bytes, 24);
    const std::uint64_t links = number_at(bytes, 40);
    const bool has_codes = (number_at(bytes, 32) >> 32) != 0;
    if (count > bytes.size() || lists > bytes.size() || links > bytes.size())
        return;
    const std::uint64_t sizes[]{count * 8,
                                count * 8,
                                count,
                                lists * HnswGraph::upper_stride * 4,
                                (count + 1) * 4,
                                links * 4,
                                has_codes ? count * 4 : 0,
                                has_codes ? count * length : 0};
    bytes.replace(header_size, digest_size, sha256_hex(std::string_view(bytes).substr(0, header_size)));
    std::size_t begin = content;
    std::size_t digest = header_size + digest_size;
    for (const std::uint64_t size : sizes) {
        if (begin > bytes.size())
            return;
        bytes.replace(digest, digest_size, sha256_hex(std::string_view(bytes).substr(begin, size)));
        begin += size;
        digest += digest_size;
    }
}

/// Similarity of a node to the first one.
struct Scorer
{
    const VectorCodes& codes;
    CodeProduct product;

    void prefetch(HnswGraph::Node) const noexcept {}
    std::optional<float> score(HnswGraph::Node node) const noexcept
    {
        return static_cast<float>(product(codes.code(0), codes.code(node), length)) * codes.scale(0) *
               codes.scale(node);
    }
};

/// Whatever the links say, a search stays inside the arrays and ends.
void search(const GraphSegment& segment)
{
    if (segment.graph.size() == 0 || segment.codes.size() == 0)
        return;
    const Scorer scorer{segment.codes, fastest_code_product()};
    const auto admit = [](HnswGraph::Node) { return true; };
    const std::function<void()> check;
    GraphSearch search(segment.graph, scorer, admit, check);
    const auto found = search.run(SearchReach{10, segment.graph.size()});
    require(!found || found->size() <= 10, "a search finds as many as it was asked for");
}

} // namespace

} // namespace whisperstore::local_qdrant

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    using namespace whisperstore::local_qdrant;
    static const std::string whole = whole_file();
    if (size == 0)
        return 0;
    std::string bytes = fuzz::damaged(whole, data + 1, size - 1);
    const bool sealed = data[0] % 4 != 0;
    if (sealed)
        seal(bytes);
    const std::string path = path_of("damaged.1.graph");
    test::write_file(path, bytes);
    std::string why;
    const std::optional<StoredGraph> read = read_graph(path, length, why);
    fuzz::require(read.has_value() || !why.empty(), "a refusal says why");
    if (!read) {
        fuzz::require(bytes != whole, "a whole file is read");
        return 0;
    }
    fuzz::require(sealed || bytes == whole, "a damaged file is refused");
    search(*read->segment);
    return 0;
}
