#include "storage/chat_export/message_source.hpp"

#include "core/hash.hpp"
#include "storage/chat_export/discord_source.hpp"
#include "storage/chat_export/export_file.hpp"
#include "storage/chat_export/json_lines_source.hpp"
#include "storage/chat_export/slack_source.hpp"
#include "storage/chat_export/whatsapp_source.hpp"

#include <whisperstore/core/error.hpp>

#include <charconv>

namespace whisperstore {

namespace {

constexpr std::string_view formats = "JSON lines, a JSON export of DiscordChatExporter, the folder of a Slack export, "
                                     "or a chat that WhatsApp exported as text";

/// The first bytes of a file, enough to tell what it is.
std::string beginning(const std::filesystem::path& path)
{
    constexpr std::size_t enough = 64UL * 1024;
    std::ifstream stream = open_export_file(path);
    std::string text(enough, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

bool has_message_id(std::string_view line)
{
    try {
        return parse_json_object(line, "the line").contains("message_id");
    } catch (const StorageError&) {
        return false; // then it is something else
    }
}

ImportFormat format_of_text(const std::string& text)
{
    const std::string_view first(text.data(), std::min(text.find('\n'), text.size()));
    const std::size_t start = text.find_first_not_of(" \t\r\n");
    if (start == std::string::npos)
        return ImportFormat::json_lines; // an empty file has no messages
    if (text[start] == '{') {
        // A line of ours may be damaged: its place is told when it is read.
        const bool is_export = text.find("\"channel\"") != std::string::npos &&
                               text.find("\"messages\"") != std::string::npos && !has_message_id(first);
        return is_export ? ImportFormat::discord : ImportFormat::json_lines;
    }
    for (std::size_t at = 0, lines = 0; at < text.size() && lines < 20; ++lines) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::string_view line(text.data() + at, end - at);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        if (read_whatsapp_line(line))
            return ImportFormat::whatsapp;
        at = end + 1;
    }
    return ImportFormat::automatic;
}

} // namespace

ImportFormat detect_format(const std::filesystem::path& path)
{
    std::error_code ignored; // told as not readable below
    if (std::filesystem::is_directory(path, ignored))
        return ImportFormat::slack;
    const ImportFormat format = format_of_text(beginning(path));
    if (format == ImportFormat::automatic)
        throw StorageError(StorageErrc::invalid_argument,
                           path.string() + " is nothing that can be imported: " + std::string(formats));
    return format;
}

std::unique_ptr<MessageSource> open_message_source(const std::filesystem::path& path, const ImportOptions& options)
{
    const ImportFormat format = options.format == ImportFormat::automatic ? detect_format(path) : options.format;
    std::error_code ignored;
    if (format == ImportFormat::slack && !std::filesystem::is_directory(path, ignored))
        throw StorageError(StorageErrc::invalid_argument,
                           path.string() + " is no folder: unpack the archive of a Slack export first");
    switch (format) {
    case ImportFormat::discord:
        try {
            return std::make_unique<DiscordSource>(path);
        } catch (const StorageError& error) {
            if (error.errc() == StorageErrc::not_found)
                throw;
            throw error.prefixed(path.string() + ": ");
        }
    case ImportFormat::slack:
        return std::make_unique<SlackSource>(path);
    case ImportFormat::whatsapp:
        return std::make_unique<WhatsAppSource>(path, options);
    case ImportFormat::automatic:
    case ImportFormat::json_lines:
        break;
    }
    return std::make_unique<JsonLinesSource>(path);
}

std::int64_t id_of_text(std::string_view text)
{
    const std::string digest = sha256_hex(text).substr(0, 16);
    std::uint64_t bits = 0;
    std::from_chars(digest.data(), digest.data() + digest.size(), bits, 16);
    return static_cast<std::int64_t>(bits >> 1); // never negative
}

} // namespace whisperstore
