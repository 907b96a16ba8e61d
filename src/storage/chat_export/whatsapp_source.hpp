#pragma once
// A chat that WhatsApp exported as text.

#include "storage/chat_export/message_source.hpp"
#include "storage/chat_export/whatsapp_lines.hpp"

#include <fstream>
#include <map>

namespace whisperstore {

/// The channel is named by the caller, or else by the file. People are known by their names. A message's id is made of
/// the channel, its time, its author and its text, and of how many equal ones came before. Notes of the app are
/// skipped.
class WhatsAppSource final : public MessageSource
{
public:
    /// Reads the whole file once, to learn in which order its dates stand. Throws StorageError invalid_argument when
    /// that cannot be told and `options` does not say it.
    WhatsAppSource(std::filesystem::path path, const ImportOptions& options);
    std::optional<json::object> next() override;
    std::string place() const override { return path_.string() + " line " + std::to_string(message_line_); }

private:
    DateOrder find_order() const;
    json::object message_of(WhatsAppLine line);

    std::filesystem::path path_;
    std::ifstream stream_;
    std::string channel_;
    DateOrder order_;
    std::chrono::minutes offset_;
    std::optional<WhatsAppLine> waiting_; // begun, but it may go on
    std::uint64_t line_ = 0;
    std::uint64_t waiting_line_ = 0;
    std::uint64_t message_line_ = 0;
    std::map<std::string, int, std::less<>> same_minute_; // what was said at last_time_, and how often
    std::string last_time_;
};

} // namespace whisperstore
