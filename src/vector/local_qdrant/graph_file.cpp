#include "vector/local_qdrant/graph_file.hpp"

#include "core/hash.hpp"
#include "sqlite/files.hpp"
#include "vector/local_qdrant/collection_file.hpp"

#include <whisperstore/core/error.hpp>

#include <bit>
#include <charconv>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace whisperstore::local_qdrant {

namespace fs = std::filesystem;

namespace {

static_assert(std::endian::native == std::endian::little, "graphs are stored as they lie in memory: little-endian");

constexpr std::string_view suffix = ".graph";
constexpr std::string_view partial_mark = ".graph.partial-";
constexpr std::array<char, 8> magic{'W', 'S', 'g', 'r', 'a', 'p', 'h', '\n'};
constexpr std::uint32_t format_version = 1;
constexpr std::size_t digest_size = 64; // SHA-256 in hex

struct Header
{
    std::array<char, 8> magic{};
    std::uint32_t format = 0;
    std::uint32_t code_length = 0;
    std::uint64_t nodes = 0;
    std::uint64_t upper_lists = 0;
    std::uint32_t entry = 0;
    std::uint32_t has_codes = 0;
    std::uint64_t base_links = 0;
    std::array<std::uint64_t, 2> unused{};
};
static_assert(sizeof(Header) == 64);

class File
{
public:
    File(const fs::path& path, int flags) : file_(::open(path.c_str(), flags | O_CLOEXEC)), path_(path) {}
    ~File()
    {
        if (file_ >= 0)
            ::close(file_);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    bool is_open() const noexcept { return file_ >= 0; }
    std::uint64_t size() const noexcept
    {
        struct stat status{};
        return ::fstat(file_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    }
    void write(std::string_view bytes) const
    {
        while (!bytes.empty()) {
            const ::ssize_t written = ::write(file_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR)
                continue;
            if (written < 0)
                sqlite::throw_errno(errno, "cannot write " + path_.string(), backend);
            bytes.remove_prefix(static_cast<std::size_t>(written));
        }
    }
    bool read(std::span<char> bytes) const noexcept
    {
        while (!bytes.empty()) {
            const ::ssize_t count = ::read(file_, bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR)
                continue;
            if (count <= 0)
                return false;
            bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
        return true;
    }

private:
    int file_;
    const fs::path& path_;
};

template <typename T>
std::string_view bytes_of(std::span<T> values) noexcept
{
    return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::span<char> room(std::string_view bytes) noexcept { return {const_cast<char*>(bytes.data()), bytes.size()}; }

constexpr std::size_t section_count = 8;
using Sections = std::array<std::string_view, section_count>;

Sections sections_of(const HnswGraph& graph, std::span<const float> scales, std::span<const std::int8_t> codes,
                     std::span<const std::int64_t> seqs, std::span<const std::uint64_t> fingerprints)
{
    return {bytes_of(seqs),
            bytes_of(fingerprints),
            bytes_of(std::span(graph.levels)),
            bytes_of(std::span(graph.upper)),
            bytes_of(std::span(graph.base_begin)),
            bytes_of(std::span(graph.base)),
            bytes_of(scales),
            bytes_of(codes)};
}

std::optional<std::uint64_t> number_in(std::string_view text)
{
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return number;
}

/// The name of a database, and the number of its graph.
std::optional<std::pair<std::string, std::uint64_t>> parts_of(std::string_view name)
{
    if (!name.ends_with(suffix))
        return std::nullopt;
    name.remove_suffix(suffix.size());
    const std::size_t dot = name.rfind('.');
    if (dot == std::string_view::npos)
        return std::nullopt;
    const std::optional<std::uint64_t> number = number_in(name.substr(dot + 1));
    if (!number)
        return std::nullopt;
    return std::pair(std::string(name.substr(0, dot)).append(".db"), *number);
}

} // namespace

std::uint64_t fingerprint(std::span<const float> vector) noexcept
{
    std::uint64_t hash = vector.size();
    for (const float component : vector) {
        hash = (hash ^ std::bit_cast<std::uint32_t>(component)) * 0x9E3779B97F4A7C15U;
        hash ^= hash >> 32;
    }
    return hash;
}

fs::path graph_file(const fs::path& database, std::uint64_t number)
{
    fs::path file = database;
    file.replace_extension();
    file += std::string(".").append(std::to_string(number)).append(suffix);
    return file;
}

std::vector<std::pair<std::uint64_t, fs::path>> graph_files(const fs::path& database)
{
    std::vector<std::pair<std::uint64_t, fs::path>> files;
    std::error_code error; // files that cannot be listed are as good as missing
    for (fs::directory_iterator entry(database.parent_path(), error), end; !error && entry != end;
         entry.increment(error)) {
        const auto parts = parts_of(entry->path().filename().string());
        if (parts && parts->first == database.filename())
            files.emplace_back(parts->second, entry->path());
    }
    std::ranges::sort(files);
    return files;
}

std::optional<fs::path> database_of_graph(const fs::path& file)
{
    std::string name = file.filename().string();
    if (const std::size_t mark = name.find(partial_mark); mark != std::string::npos)
        name.resize(mark + suffix.size());
    const auto parts = parts_of(name);
    return parts ? std::optional(file.parent_path() / parts->first) : std::nullopt;
}

bool is_half_written_graph(const fs::path& file)
{
    return file.filename().string().find(partial_mark) != std::string::npos && database_of_graph(file);
}

bool write_graph(const fs::path& path, const GraphSegment& segment, std::span<const std::uint64_t> fingerprints,
                 const std::function<bool()>& stop)
{
    const HnswGraph& graph = segment.graph;
    Header header;
    header.magic = magic;
    header.format = format_version;
    header.code_length = static_cast<std::uint32_t>(segment.codes.length());
    header.nodes = graph.size();
    header.upper_lists = graph.upper.size() / HnswGraph::upper_stride;
    header.base_links = graph.base.size();
    header.entry = graph.entry;
    header.has_codes = segment.codes.size() > 0 ? 1 : 0;
    const Sections sections =
        sections_of(graph, segment.codes.scales(), segment.codes.codes(), segment.seqs, fingerprints);

    std::string start(bytes_of(std::span(&header, 1)));
    start += sha256_hex(start);
    for (const std::string_view section : sections)
        start += sha256_hex(section);

    sqlite::PartialFile partial(path, backend);
    {
        const File file(partial.path(), O_WRONLY);
        if (!file.is_open())
            sqlite::throw_errno(errno, "cannot open " + partial.path().string(), backend);
        file.write(start);
        constexpr std::size_t piece = std::size_t{8} * 1024 * 1024;
        for (std::string_view section : sections)
            while (!section.empty()) {
                if (stop && stop())
                    return false;
                file.write(section.substr(0, piece));
                section.remove_prefix(std::min(piece, section.size()));
            }
    }
    partial.publish();
    return true;
}

std::optional<StoredGraph> read_graph(const fs::path& path, std::size_t code_length, std::string& why)
{
    const auto refuse = [&](std::string_view reason) {
        why = reason;
        return std::nullopt;
    };
    const File file(path, O_RDONLY);
    if (!file.is_open())
        return refuse("it cannot be opened");
    std::string start(sizeof(Header) + (1 + section_count) * digest_size, '\0');
    if (!file.read(start))
        return refuse("it is too short");
    Header header;
    std::memcpy(&header, start.data(), sizeof(header));
    const std::string_view digests = std::string_view(start).substr(sizeof(header));
    if (header.magic != magic || header.format != format_version)
        return refuse("it is not a graph of this format");
    if (digests.substr(0, digest_size) != sha256_hex(std::string_view(start).substr(0, sizeof(header))))
        return refuse("its header is damaged");
    if (header.code_length != code_length)
        return refuse("it is about vectors of another dimension");

    // Before anything is allocated: a file of just that size must be there.
    const std::size_t codes = header.has_codes != 0 ? code_length : 0;
    const std::uint64_t per_node = sizeof(std::int64_t) + sizeof(std::uint64_t) + 1 + sizeof(std::uint32_t) +
                                   (codes > 0 ? sizeof(float) + codes : 0);
    const std::uint64_t per_list = HnswGraph::upper_stride * sizeof(HnswGraph::Node);
    const std::uint64_t size = file.size();
    if (header.nodes >= GraphSegment::nowhere || header.nodes > size / per_node ||
        header.upper_lists > size / per_list || header.base_links > size / sizeof(HnswGraph::Node) ||
        start.size() + header.nodes * per_node + header.upper_lists * per_list + sizeof(std::uint32_t) +
                header.base_links * sizeof(HnswGraph::Node) !=
            size)
        return refuse("it has another length than it says");

    StoredGraph stored;
    stored.segment = std::make_shared<GraphSegment>();
    GraphSegment& segment = *stored.segment;
    segment.codes = VectorCodes(code_length);
    segment.seqs.resize(header.nodes);
    stored.fingerprints.resize(header.nodes);
    segment.graph.entry = header.entry;
    segment.graph.levels.resize(header.nodes);
    segment.graph.upper.resize(header.upper_lists * HnswGraph::upper_stride);
    segment.graph.base_begin.resize(header.nodes + 1);
    segment.graph.base.resize(header.base_links);
    if (codes > 0)
        static_cast<void>(segment.codes.resize(header.nodes));
    const Sections sections =
        sections_of(segment.graph, segment.codes.scales(), segment.codes.codes(), segment.seqs, stored.fingerprints);
    for (std::size_t i = 0; i < sections.size(); ++i) {
        if (!file.read(room(sections[i])))
            return refuse("it cannot be read to its end");
        if (digests.substr((1 + i) * digest_size, digest_size) != sha256_hex(sections[i]))
            return refuse("its content is damaged");
    }
    if (!segment.graph.complete())
        return refuse("its links do not fit together");
    for (const std::int8_t code : segment.codes.codes())
        if (code == INT8_MIN)
            return refuse("its codes are damaged");
    for (const float scale : segment.codes.scales())
        if (!(scale >= 0 && scale <= 1))
            return refuse("its scales are damaged");
    return stored;
}

} // namespace whisperstore::local_qdrant
