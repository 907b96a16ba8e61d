#pragma once
/// \file
/// Versions, compared number by number: 0.9.0 comes before 0.10.0.

#include <compare>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// A dotted version such as "1.18.3"; a leading `v` and a suffix after `-` or `+` are ignored for ordering.
class Version
{
public:
    /// \throws StorageError invalid_argument unless it starts with a number.
    static Version parse(std::string_view text);

    /// Missing parts count as zero: 1.2 equals 1.2.0.
    friend std::strong_ordering operator<=>(const Version& a, const Version& b) noexcept;
    friend bool operator==(const Version& a, const Version& b) noexcept { return (a <=> b) == 0; }
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
    std::vector<unsigned long> parts_;
};

/// This library's version.
std::string_view library_version() noexcept;

} // namespace whisperstore
