#include "storage/chat_export/json_lines_source.hpp"

#include "storage/chat_export/export_file.hpp"

namespace whisperstore {

JsonLinesSource::JsonLinesSource(std::filesystem::path path) : path_(std::move(path)), stream_(open_export_file(path_))
{
}

std::optional<json::object> JsonLinesSource::next()
{
    std::string line;
    if (!next_line(stream_, line, path_))
        return std::nullopt;
    ++line_;
    return parse_json_object(line, "the line");
}

} // namespace whisperstore
