#include "embedding/local/safetensors.hpp"

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

namespace whisperstore::local_embedding {

namespace {

// The format's own limit for headers.
constexpr std::uint64_t maximum_header_bytes = 100'000'000;
constexpr std::size_t length_bytes = 8;
static_assert(std::endian::native == std::endian::little, "the files are little-endian");

[[noreturn]] void corrupt(const std::string& message) { throw StorageError(StorageErrc::corrupt, message); }

std::size_t element_bytes(std::string_view type)
{
    if (type == "F64" || type == "I64" || type == "U64")
        return 8;
    if (type == "F32" || type == "I32" || type == "U32")
        return 4;
    if (type == "F16" || type == "BF16" || type == "I16" || type == "U16")
        return 2;
    if (type == "I8" || type == "U8" || type == "BOOL" || type == "F8_E5M2" || type == "F8_E4M3")
        return 1;
    corrupt(std::string(type) + " is no type of tensor elements");
}

std::uint64_t read_length(std::span<const std::byte> file)
{
    if (file.size() < length_bytes)
        corrupt("the file is cut off: it has " + std::to_string(file.size()) + " bytes");
    std::uint64_t length = 0;
    std::memcpy(&length, file.data(), length_bytes);
    if (length > maximum_header_bytes)
        corrupt("its header would have " + std::to_string(length) + " bytes; at most " +
                std::to_string(maximum_header_bytes) + " are allowed");
    if (length > file.size() - length_bytes)
        corrupt("the file is cut off: its header should have " + std::to_string(length) + " bytes");
    return length;
}

const json::value& field(const json::object& object, std::string_view key, const std::string& name)
{
    const json::value* value = object.if_contains(key);
    if (!value)
        corrupt("the tensor '" + name + "' has no " + std::string(key));
    return *value;
}

std::size_t number(const json::value& value, const std::string& name)
{
    if (value.is_int64() && value.get_int64() >= 0)
        return static_cast<std::size_t>(value.get_int64());
    corrupt("the tensor '" + name + "' has a size or offset that is no whole number");
}

const json::array& list(const json::value& value, const std::string& name)
{
    if (const json::array* array = value.if_array())
        return *array;
    corrupt("the tensor '" + name + "' has a shape or offsets that are no list");
}

struct Placed
{
    std::size_t begin;
    std::size_t end;
    const std::string* name;
};

/// Reads one entry of the header; the offsets count from the end of the header.
Placed read_tensor(const json::object& entry, const std::string& name, std::span<const std::byte> data, TensorView& out)
{
    const json::value& type = field(entry, "dtype", name);
    if (!type.is_string())
        corrupt("the tensor '" + name + "' has a dtype that is no text");
    out.type = std::string(type.get_string());
    std::size_t size = element_bytes(out.type);
    for (const json::value& extent : list(field(entry, "shape", name), name)) {
        out.shape.push_back(number(extent, name));
        if (out.shape.back() != 0 && size > std::numeric_limits<std::size_t>::max() / out.shape.back())
            corrupt("the tensor '" + name + "' is larger than any memory");
        size *= out.shape.back();
    }
    const json::array& offsets = list(field(entry, "data_offsets", name), name);
    if (offsets.size() != 2)
        corrupt("the tensor '" + name + "' needs two data_offsets");
    const std::size_t begin = number(offsets[0], name);
    const std::size_t end = number(offsets[1], name);
    if (begin > end || end > data.size())
        corrupt("the tensor '" + name + "' lies outside of the file: the file is cut off, or its header is wrong");
    if (end - begin != size)
        corrupt("the tensor '" + name + "' has " + std::to_string(end - begin) + " bytes, its shape needs " +
                std::to_string(size));
    out.bytes = data.subspan(begin, size);
    return {begin, end, &name};
}

void check_places(std::vector<Placed> places, std::size_t size)
{
    std::sort(places.begin(), places.end(), [](const Placed& left, const Placed& right) {
        return std::pair(left.begin, left.end) < std::pair(right.begin, right.end);
    });
    std::size_t end = 0;
    for (const Placed& place : places) {
        if (place.begin < end)
            corrupt("the tensor '" + *place.name + "' overlaps another");
        if (place.begin > end)
            corrupt("no tensor owns the bytes before '" + *place.name + "'");
        end = place.end;
    }
    if (end != size)
        corrupt("the file has " + std::to_string(size - end) + " bytes that belong to no tensor");
}

template <typename Bits>
Bits read_bits(const std::byte* bytes) noexcept
{
    Bits bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    return bits;
}

float from_half(std::uint16_t bits) noexcept
{
    const float sign = (bits & 0x8000U) != 0 ? -1.0F : 1.0F;
    const int exponent = (bits >> 10U) & 0x1F;
    const auto fraction = static_cast<float>(bits & 0x3FFU);
    if (exponent == 31)
        return fraction != 0 ? std::numeric_limits<float>::quiet_NaN() : sign * std::numeric_limits<float>::infinity();
    if (exponent == 0)
        return sign * std::ldexp(fraction, -24);
    return sign * std::ldexp(fraction + 1024.0F, exponent - 25);
}

} // namespace

SafeTensors::SafeTensors(std::span<const std::byte> file)
{
    const std::uint64_t length = read_length(file);
    const std::string_view header(reinterpret_cast<const char*>(file.data()) + length_bytes, length);
    const std::span<const std::byte> data = file.subspan(length_bytes + length);
    boost::system::error_code error;
    const json::value document = json::parse(header, error);
    if (error)
        corrupt("its header is not JSON: " + error.message());
    if (!document.is_object())
        corrupt("its header is no JSON object");
    std::vector<Placed> places;
    for (const auto& [key, entry] : document.get_object()) {
        if (key == "__metadata__")
            continue;
        const auto [place, added] = tensors_.try_emplace(std::string(key));
        if (!added || !entry.is_object())
            corrupt("the tensor '" + place->first + "' is described twice or not at all");
        places.push_back(read_tensor(entry.get_object(), place->first, data, place->second));
    }
    check_places(std::move(places), data.size());
}

std::vector<float> SafeTensors::floats(std::string_view name, const std::vector<std::size_t>& shape) const
{
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
        corrupt("the tensor '" + std::string(name) + "' is missing");
    const TensorView& tensor = found->second;
    if (tensor.shape != shape)
        corrupt("the tensor '" + std::string(name) + "' has another shape than config.json says");
    const std::size_t width = element_bytes(tensor.type);
    std::vector<float> out(tensor.bytes.size() / width);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const std::byte* bytes = tensor.bytes.data() + i * width;
        if (tensor.type == "F32")
            out[i] = std::bit_cast<float>(read_bits<std::uint32_t>(bytes));
        else if (tensor.type == "BF16")
            out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(read_bits<std::uint16_t>(bytes)) << 16U);
        else if (tensor.type == "F16")
            out[i] = from_half(read_bits<std::uint16_t>(bytes));
        else
            corrupt("the tensor '" + std::string(name) + "' is of type " + tensor.type +
                    "; F32, F16 and BF16 can be used");
        if (!std::isfinite(out[i]))
            corrupt("the tensor '" + std::string(name) + "' has an element that is no finite number");
    }
    return out;
}

} // namespace whisperstore::local_embedding
