#pragma once
// Our own format: one JSON object a line.

#include "storage/chat_export/message_source.hpp"

#include <fstream>

namespace whisperstore {

class JsonLinesSource final : public MessageSource
{
public:
    explicit JsonLinesSource(std::filesystem::path path);
    std::optional<json::object> next() override;
    std::string place() const override { return path_.string() + " line " + std::to_string(line_); }

private:
    std::filesystem::path path_;
    std::ifstream stream_;
    std::uint64_t line_ = 0;
};

} // namespace whisperstore
