#include <whisperstore/core/error.hpp>
#include <whisperstore/core/version.hpp>

#include <charconv>

namespace whisperstore {

Version Version::parse(std::string_view text)
{
    Version version;
    version.text_ = text;
    std::string_view rest = text;
    if (rest.starts_with('v'))
        rest.remove_prefix(1);
    while (true) {
        unsigned long part = 0;
        const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), part);
        if (error != std::errc())
            break;
        version.parts_.push_back(part);
        rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
        if (!rest.starts_with('.'))
            break;
        rest.remove_prefix(1);
    }
    if (version.parts_.empty() || !(rest.empty() || rest.front() == '-' || rest.front() == '+' || rest.front() == ' '))
        throw StorageError(StorageErrc::invalid_argument,
                           "'" + std::string(text.substr(0, 64)) + "' is not a version such as 1.18.3");
    return version;
}

std::strong_ordering operator<=>(const Version& a, const Version& b) noexcept
{
    const std::size_t count = std::max(a.parts_.size(), b.parts_.size());
    for (std::size_t i = 0; i < count; ++i) {
        const unsigned long left = i < a.parts_.size() ? a.parts_[i] : 0;
        const unsigned long right = i < b.parts_.size() ? b.parts_[i] : 0;
        if (left != right)
            return left <=> right;
    }
    return std::strong_ordering::equal;
}

std::string_view library_version() noexcept { return WHISPERSTORE_VERSION; }

} // namespace whisperstore
