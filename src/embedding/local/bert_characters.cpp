#include "embedding/local/bert_characters.hpp"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

#include <cstdint>

namespace whisperstore::local_embedding {

namespace {

UChar32 of(char32_t character) noexcept { return static_cast<UChar32>(character); }

bool has_category(char32_t character, std::uint32_t categories) noexcept
{
    return (U_GET_GC_MASK(of(character)) & categories) != 0;
}

} // namespace

char32_t next_character(std::string_view text, std::size_t& at) noexcept
{
    UChar32 character = 0;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
    U8_NEXT_OR_FFFD(bytes, at, text.size(), character);
    return static_cast<char32_t>(character);
}

std::string_view to_utf8(char32_t character, std::array<char, 4>& buffer) noexcept
{
    std::size_t length = 0;
    auto* bytes = reinterpret_cast<std::uint8_t*>(buffer.data());
    U8_APPEND_UNSAFE(bytes, length, of(character));
    return {buffer.data(), length};
}

bool is_removed(char32_t character) noexcept
{
    return character == 0xFFFD || has_category(character, U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK);
}

bool is_space(char32_t character) noexcept { return u_isUWhiteSpace(of(character)) != 0; }

bool is_chinese(char32_t character) noexcept
{
    struct Range
    {
        char32_t first;
        char32_t last;
    };
    static constexpr Range ranges[] = {{0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFAFF},   {0x20000, 0x2A6DF},
                                       {0x2A700, 0x2B73F}, {0x2B740, 0x2B81F}, {0x2B920, 0x2CEAF}, {0x2F800, 0x2FA1F}};
    for (const Range& range : ranges)
        if (character >= range.first && character <= range.last)
            return true;
    return false;
}

bool is_punctuation(char32_t character) noexcept
{
    if (character < 128)
        return character > 32 && character != 127 && u_isalnum(of(character)) == 0;
    return has_category(character, U_GC_P_MASK);
}

bool is_accent(char32_t character) noexcept { return has_category(character, U_GC_MN_MASK); }

unsigned combining_class(char32_t character) noexcept { return u_getCombiningClass(of(character)); }

char32_t lower_case(char32_t character) noexcept { return static_cast<char32_t>(u_tolower(of(character))); }

std::size_t canonical_decomposition(char32_t character, std::span<char32_t, maximum_decomposition> parts) noexcept
{
    static const UNormalizer2* const decomposer = [] {
        UErrorCode error = U_ZERO_ERROR;
        return unorm2_getNFDInstance(&error);
    }();
    std::array<UChar, 2 * maximum_decomposition> units;
    UErrorCode error = U_ZERO_ERROR;
    const std::int32_t length = unorm2_getDecomposition(decomposer, of(character), units.data(),
                                                        static_cast<std::int32_t>(units.size()), &error);
    std::size_t count = 0;
    if (length > 0 && U_SUCCESS(error)) {
        for (std::int32_t i = 0; i < length && count < parts.size();) {
            UChar32 part = 0;
            U16_NEXT(units.data(), i, length, part);
            parts[count++] = static_cast<char32_t>(part);
        }
        return count;
    }
    parts[0] = character; // it has none
    return 1;
}

} // namespace whisperstore::local_embedding
