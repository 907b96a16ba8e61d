#include "core/text.hpp"

#include <whisperstore/core/error.hpp>

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/normalizer2.h>
#include <unicode/stringoptions.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace whisperstore::text {

namespace {

unsigned all_bits(const char* bytes, std::size_t size) noexcept
{
    unsigned bits = 0;
    for (std::size_t i = 0; i < size; ++i)
        bits |= static_cast<unsigned char>(bytes[i]);
    return bits;
}

/// Length of a beginning that is ASCII, at least up to the block with the first byte that is not. A loop over blocks of
/// one size is made of vector instructions, one that looks at every byte is not.
std::size_t ascii_prefix(std::string_view text) noexcept
{
    constexpr std::size_t block = 64;
    std::size_t at = 0;
    while (text.size() - at >= block && all_bits(text.data() + at, block) < 0x80)
        at += block;
    if (text.size() - at < block && all_bits(text.data() + at, text.size() - at) < 0x80)
        at = text.size();
    return at;
}

bool is_ascii(std::string_view text) noexcept { return ascii_prefix(text) == text.size(); }

} // namespace

bool is_valid_utf8(std::string_view text) noexcept
{
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    const auto size = static_cast<std::int64_t>(text.size());
    for (auto i = static_cast<std::int64_t>(ascii_prefix(text)); i < size;) {
        UChar32 c = 0;
        U8_NEXT(bytes, i, size, c);
        if (c < 0)
            return false;
    }
    return true;
}

void check(std::string_view text, std::string_view what)
{
    if (auto nul = text.find('\0'); nul != std::string_view::npos)
        throw StorageError(StorageErrc::invalid_argument,
                           std::string(what) + " contains a NUL character at byte " + std::to_string(nul) +
                               "; text must be UTF-8 without NUL (bind a blob for binary data)");
    if (!is_valid_utf8(text))
        throw StorageError(StorageErrc::invalid_argument,
                           std::string(what) + " is not valid UTF-8 (bind a blob for binary data)");
}

std::string fold_case(std::string_view text)
{
    std::string out;
    if (is_ascii(text)) {
        out.reserve(text.size());
        for (char c : text)
            out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
        return out;
    }
    UErrorCode status = U_ZERO_ERROR;
    // NFKC is not used on purpose: it would make words match that people see as different.
    const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
    std::string folded;
    icu::StringByteSink<std::string> fold_sink(&folded);
    icu::CaseMap::utf8Fold(U_FOLD_CASE_DEFAULT, {text.data(), static_cast<std::int32_t>(text.size())}, fold_sink,
                           nullptr, status);
    icu::StringByteSink<std::string> out_sink(&out);
    if (U_SUCCESS(status))
        nfc->normalizeUTF8(0, {folded.data(), static_cast<std::int32_t>(folded.size())}, out_sink, nullptr, status);
    if (U_FAILURE(status))
        throw StorageError(StorageErrc::resource_exhausted,
                           std::string("Unicode case folding failed: ") + u_errorName(status));
    return out;
}

std::vector<std::string> folded_words(std::string_view text)
{
    const std::string folded = fold_case(text);
    std::vector<std::string> words;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(folded.data());
    const auto size = static_cast<std::int64_t>(folded.size());
    std::int64_t start = 0;
    for (std::int64_t i = 0; i < size;) {
        const std::int64_t at = i;
        UChar32 c = 0;
        U8_NEXT(bytes, i, size, c);
        if (c >= 0 && u_isUWhiteSpace(c)) {
            if (at > start)
                words.emplace_back(
                    folded.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(at - start)));
            start = i;
        }
    }
    if (size > start)
        words.emplace_back(folded.substr(static_cast<std::size_t>(start)));
    return words;
}

} // namespace whisperstore::text
