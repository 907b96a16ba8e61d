#include "storage/chat_export/export_file.hpp"

#include <whisperstore/core/error.hpp>

#include <iterator>

namespace whisperstore {

namespace {

constexpr std::uintmax_t largest_file = 64ULL * 1024 * 1024;

[[noreturn]] void refuse_field(std::string_view name, std::string_view expected)
{
    throw StorageError(StorageErrc::invalid_argument,
                       "the field '" + std::string(name) + "' must be " + std::string(expected));
}

const json::value* present(const json::object& object, std::string_view name)
{
    const json::value* value = object.if_contains(name);
    return value && !value->is_null() ? value : nullptr;
}

} // namespace

std::ifstream open_export_file(const std::filesystem::path& path)
{
    std::error_code ignored; // told as not readable
    std::ifstream stream(path, std::ios::binary);
    if (!std::filesystem::is_regular_file(path, ignored) || !stream)
        throw StorageError(StorageErrc::not_found, path.string() + " is not a readable file");
    return stream;
}

bool next_line(std::ifstream& stream, std::string& line, const std::filesystem::path& path)
{
    const bool read = static_cast<bool>(std::getline(stream, line));
    if (stream.bad())
        throw StorageError(StorageErrc::unavailable, "reading " + path.string() + " failed");
    if (read && line.ends_with('\r'))
        line.pop_back();
    return read;
}

std::string read_export_file(const std::filesystem::path& path)
{
    std::ifstream stream = open_export_file(path);
    std::error_code unknown; // then it is read as far as it goes
    if (const auto size = std::filesystem::file_size(path, unknown); !unknown && size > largest_file)
        throw StorageError(StorageErrc::invalid_argument, path.string() + " has " + std::to_string(size) +
                                                              " bytes; a file of this kind may have " +
                                                              std::to_string(largest_file));
    std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
    if (stream.bad())
        throw StorageError(StorageErrc::unavailable, "reading " + path.string() + " failed");
    return text;
}

std::string text_field(const json::object& object, std::string_view name)
{
    const json::value* value = present(object, name);
    if (!value)
        return {};
    if (!value->is_string())
        refuse_field(name, "a text");
    return std::string(value->get_string());
}

std::string needed_text_field(const json::object& object, std::string_view name)
{
    std::string text = text_field(object, name);
    if (text.empty())
        refuse_field(name, "a text that is not empty");
    return text;
}

const json::object* object_field(const json::object& object, std::string_view name)
{
    const json::value* value = present(object, name);
    if (value && !value->is_object())
        refuse_field(name, "an object");
    return value ? &value->get_object() : nullptr;
}

const json::array* list_field(const json::object& object, std::string_view name)
{
    const json::value* value = present(object, name);
    if (value && !value->is_array())
        refuse_field(name, "a list");
    return value ? &value->get_array() : nullptr;
}

} // namespace whisperstore
