#include "vector/local_qdrant/packed_metadata.hpp"

#include "vector/filter_limits.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace whisperstore::local_qdrant {

namespace {

constexpr std::size_t many_operands = 16;

std::uint64_t mix(std::uint64_t x) noexcept
{
    // The finaliser of SplitMix64.
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
}

std::string joined(const std::vector<std::string>& path)
{
    std::string text;
    for (const std::string& key : path)
        text.append(text.empty() ? "" : ".").append(key);
    return text;
}

} // namespace

PathId PathTable::id_of(const std::string& path)
{
    const std::lock_guard lock(mutex_);
    return ids_.try_emplace(path, static_cast<PathId>(ids_.size())).first->second;
}

std::optional<PathId> PathTable::find(const std::string& path) const
{
    const std::lock_guard lock(mutex_);
    const auto found = ids_.find(path);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

class PackedMetadata::Packer
{
public:
    explicit Packer(PathTable& paths) : paths_(paths) {}

    void add(const json::object& object, std::size_t depth)
    {
        if (depth > filter_detail::deepest_path)
            return; // out of reach of every filter
        const std::size_t length = path_.size();
        for (const auto& [key, value] : object) {
            const std::string_view name = key;
            if (name.empty() || name.find('.') != std::string_view::npos)
                continue; // no path names it
            path_.append(path_.empty() ? "" : ".").append(name);
            add_value(value, depth);
            path_.resize(length);
        }
    }
    std::string bytes;

private:
    void add_value(const json::value& value, std::size_t depth)
    {
        const PathId path = paths_.id_of(path_);
        if (const auto scalar = filter_detail::scalar_of(value)) {
            write(path, *scalar);
            return;
        }
        write_head(path, container_kind);
        if (const json::array* list = value.if_array()) {
            for (const json::value& item : *list)
                if (const auto scalar = filter_detail::scalar_of(item))
                    write(path, *scalar);
        } else {
            add(value.get_object(), depth + 1);
        }
    }
    void write(PathId path, const Scalar& scalar)
    {
        using Kind = Scalar::Kind;
        write_head(path, static_cast<std::uint8_t>(scalar.kind));
        switch (scalar.kind) {
        case Kind::null:
            break;
        case Kind::boolean:
            put(scalar.boolean);
            break;
        case Kind::text:
            write_text(scalar.text);
            break;
        case Kind::time_text:
            put(scalar.integer);
            write_text(scalar.text);
            break;
        default:
            put(scalar.integer);
        }
    }
    void write_head(PathId path, std::uint8_t kind)
    {
        put(path);
        put(kind);
    }
    void write_text(std::string_view text)
    {
        put(static_cast<std::uint32_t>(text.size()));
        bytes.append(text);
    }
    template <typename T>
    void put(const T& value)
    {
        bytes.append(reinterpret_cast<const char*>(&value), sizeof(T));
    }
    PathTable& paths_;
    std::string path_;
};

PackedMetadata::PackedMetadata(const json::object& metadata, PathTable& paths)
{
    Packer packer(paths);
    packer.add(metadata, 1);
    size_ = packer.bytes.size();
    bytes_ = std::make_unique_for_overwrite<char[]>(size_);
    std::ranges::copy(packer.bytes, bytes_.get());
}

std::uint64_t hash_of(const Scalar& scalar) noexcept
{
    using Kind = Scalar::Kind;
    constexpr double two_to_63 = 9223372036854775808.0;
    constexpr double two_to_64 = 18446744073709551616.0;
    switch (scalar.kind) {
    case Kind::null:
        return mix(1);
    case Kind::boolean:
        return mix(scalar.boolean ? 3 : 2);
    case Kind::text:
    case Kind::time_text:
        return std::hash<std::string_view>()(scalar.text);
    case Kind::integer:
        return mix(static_cast<std::uint64_t>(scalar.integer) + 0x9E3779B97F4A7C15U);
    case Kind::large_integer:
        return mix(scalar.large_integer + 0xD1B54A32D192ED03U);
    case Kind::real:
        break;
    }
    Scalar whole;
    if (std::trunc(scalar.real) == scalar.real && scalar.real >= -two_to_63 && scalar.real < two_to_64) {
        whole.kind = scalar.real < two_to_63 ? Kind::integer : Kind::large_integer;
        if (whole.kind == Kind::integer)
            whole.integer = static_cast<std::int64_t>(scalar.real);
        else
            whole.large_integer = static_cast<std::uint64_t>(scalar.real);
        return hash_of(whole);
    }
    return mix(std::bit_cast<std::uint64_t>(scalar.real));
}

PackedFilter::PackedFilter(Filter filter, const PathTable& paths) : filter_(std::move(filter))
{
    if (filter_.matches_everything())
        return;
    add_leaves(*filter_.root(), paths);
    // A builder may use one tree twice.
    std::ranges::sort(leaves_, {}, &Leaf::comparison);
    const auto repeated = std::ranges::unique(leaves_, {}, &Leaf::comparison);
    leaves_.erase(repeated.begin(), repeated.end());
}

void PackedFilter::add_leaves(const Filter::Node& node, const PathTable& paths)
{
    if (const auto* comparison = std::get_if<Filter::Comparison>(&node.data)) {
        Leaf leaf;
        leaf.comparison = comparison;
        leaf.path = paths.find(joined(comparison->path));
        for (const json::value& operand : comparison->operands)
            if (const auto scalar = filter_detail::scalar_of(operand))
                leaf.operands.push_back(*scalar);
        if (leaf.operands.size() > many_operands)
            for (const Scalar& operand : leaf.operands)
                leaf.hashes.insert(hash_of(operand));
        leaves_.push_back(std::move(leaf));
    } else if (const auto* negation = std::get_if<Filter::Not>(&node.data)) {
        add_leaves(*negation->term, paths);
    } else {
        const auto* conjunction = std::get_if<Filter::And>(&node.data);
        for (const Filter::NodePtr& term : conjunction ? conjunction->terms : std::get<Filter::Or>(node.data).terms)
            add_leaves(*term, paths);
    }
}

const PackedFilter::Leaf& PackedFilter::leaf(const Filter::Comparison& comparison) const
{
    return *std::ranges::lower_bound(leaves_, &comparison, {}, &Leaf::comparison);
}

bool PackedFilter::Leaf::holds(const PackedMetadata& metadata) const
{
    const bool asks_presence = comparison->op == Filter::Op::exists;
    bool held = false;
    if (path) {
        metadata.for_each([&](PathId at, const Scalar* scalar) {
            if (at != *path)
                return true;
            if (asks_presence)
                held = true;
            else if (scalar && (hashes.empty() || hashes.contains(hash_of(*scalar))))
                held = std::ranges::any_of(operands, [&](const Scalar& operand) {
                    return filter_detail::satisfies(comparison->op, *scalar, operand);
                });
            return !held;
        });
    }
    return asks_presence ? held == operands.front().boolean : held;
}

bool PackedFilter::matches(const PackedMetadata& metadata) const
{
    if (filter_.matches_everything())
        return true;
    return filter_detail::evaluate(
        *filter_.root(), [&](const Filter::Comparison& comparison) { return leaf(comparison).holds(metadata); });
}

} // namespace whisperstore::local_qdrant
