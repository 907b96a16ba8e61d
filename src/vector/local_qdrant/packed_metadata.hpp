#pragma once
// Metadata as searches need it: the scalars that filters can address, without the JSON around them.

#include "vector/filter_evaluate.hpp"

#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace whisperstore::local_qdrant {

using filter_detail::Scalar;
using PathId = std::uint32_t;

/// Numbers for the paths that occur in a collection. Thread safe; only grows.
class PathTable
{
public:
    PathId id_of(const std::string& path);
    std::optional<PathId> find(const std::string& path) const;

private:
    mutable std::mutex mutex_;
    std::unordered_map<std::string, PathId> ids_;
};

/// A document's metadata, packed: for every path that a filter can name, that something is there, and
/// each scalar found there (a list gives each of its elements). Immutable.
class PackedMetadata
{
public:
    PackedMetadata() = default;
    PackedMetadata(const json::object& metadata, PathTable& paths);

    /// Calls `visit(PathId, const Scalar*)` for each entry; null: an object or list stands there.
    /// `visit` returns false to stop.
    template <typename Visit>
    void for_each(Visit visit) const
    {
        const char* at = bytes_.get();
        const char* const end = at + size_;
        while (at < end) {
            Scalar scalar;
            PathId path = 0;
            bool container = false;
            at = read_entry(at, path, scalar, container);
            if (!visit(path, container ? nullptr : &scalar))
                return;
        }
    }
    /// Asks the processor to fetch the beginning.
    void prefetch() const noexcept
    {
        __builtin_prefetch(bytes_.get());
        __builtin_prefetch(bytes_.get() + 64);
    }
    std::size_t memory() const noexcept { return size_; }

private:
    template <typename T>
    static const char* read(const char* at, T& value) noexcept
    {
        std::memcpy(&value, at, sizeof(T));
        return at + sizeof(T);
    }
    static const char* read_entry(const char* at, PathId& path, Scalar& scalar, bool& container) noexcept
    {
        using Kind = Scalar::Kind;
        std::uint8_t kind = 0;
        at = read(read(at, path), kind);
        container = kind == container_kind;
        if (container)
            return at;
        scalar.kind = static_cast<Kind>(kind);
        switch (scalar.kind) {
        case Kind::null:
            return at;
        case Kind::boolean:
            return read(at, scalar.boolean);
        case Kind::text:
            return read_text(at, scalar);
        case Kind::time_text:
            return read_text(read(at, scalar.integer), scalar);
        default:
            return read(at, scalar.integer);
        }
    }
    static const char* read_text(const char* at, Scalar& scalar) noexcept
    {
        std::uint32_t length = 0;
        at = read(at, length);
        scalar.text = std::string_view(at, length);
        return at + length;
    }

    static constexpr std::uint8_t container_kind = 255;
    class Packer;
    std::unique_ptr<char[]> bytes_;
    std::size_t size_ = 0;
};

/// Equal scalars have equal hashes: 1 and 1.0 too.
std::uint64_t hash_of(const Scalar& scalar) noexcept;

/// A filter prepared for packed metadata of one collection.
class PackedFilter
{
public:
    PackedFilter() = default;
    PackedFilter(Filter filter, const PathTable& paths);

    bool matches_everything() const noexcept { return filter_.matches_everything(); }
    bool matches(const PackedMetadata& metadata) const;

    struct Leaf
    {
        const Filter::Comparison* comparison = nullptr;
        std::optional<PathId> path;               ///< none: no document has it
        std::vector<Scalar> operands;             ///< borrow from the filter
        std::unordered_set<std::uint64_t> hashes; ///< of many operands, to pass over most leaves quickly

        bool holds(const PackedMetadata& metadata) const;
    };
    const Filter::NodePtr& root() const noexcept { return filter_.root(); }
    const Leaf& leaf(const Filter::Comparison& comparison) const;

private:
    void add_leaves(const Filter::Node& node, const PathTable& paths);
    Filter filter_;
    std::vector<Leaf> leaves_; // sorted by address of the comparison
};

} // namespace whisperstore::local_qdrant
