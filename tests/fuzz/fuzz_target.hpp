#pragma once
// What the fuzz targets share. A target is a function LLVMFuzzerTestOneInput in a file of its own. It
// takes any bytes; code under test may answer or throw a StorageError, and whatever else happens is a
// finding: another exception, a crash, a report of a sanitizer, or a property that does not hold.

#include <whisperstore/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace whisperstore::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size)
{
    return {reinterpret_cast<const char*>(data), size};
}

/// Where a property does not hold, throws what no target may throw.
inline void require(bool holds, std::string_view property)
{
    if (!holds)
        throw std::logic_error("this does not hold: " + std::string(property));
}

/// Runs `parse`; false when it refuses by a StorageError, whose message must not be empty.
template <typename Parse>
bool accepts(const Parse& parse)
{
    try {
        parse();
        return true;
    } catch (const StorageError& error) {
        require(!error.message().empty(), "an error says what is wrong");
        return false;
    }
}

} // namespace whisperstore::fuzz
