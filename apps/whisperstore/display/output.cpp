#include "display/output.hpp"

#include <whisperstore/core/error.hpp>

#include <array>
#include <cerrno>
#include <charconv>
#include <poll.h>
#include <system_error>
#include <unistd.h>

namespace whisperstore::cli {

namespace {

constexpr std::size_t buffer_size = 64 * 1024;

void append_number(std::string& out, double number)
{
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
    out.append(buffer.data(), end);
}

/// Appends `value`; `indent` is the column of its line, negative for everything on one line.
void append(std::string& out, const json::value& value, int indent)
{
    const auto separate = [&](bool first, int column) {
        out.append(first ? "" : ",");
        if (column >= 0)
            out.append("\n").append(static_cast<std::size_t>(column), ' ');
        else if (!first)
            out.push_back(' ');
    };
    const int inner = indent < 0 ? indent : indent + 2;
    switch (value.kind()) {
    case json::kind::object: {
        const json::object& object = value.get_object();
        out.push_back('{');
        bool first = true;
        for (const auto& [key, item] : object) {
            separate(first, inner);
            out.append(json::serialize(json::string_view(key))).append(": ");
            append(out, item, inner);
            first = false;
        }
        if (!first)
            separate(true, indent);
        out.push_back('}');
        break;
    }
    case json::kind::array: {
        bool first = true;
        out.push_back('[');
        for (const json::value& item : value.get_array()) {
            separate(first, inner);
            append(out, item, inner);
            first = false;
        }
        if (!first)
            separate(true, indent);
        out.push_back(']');
        break;
    }
    case json::kind::double_:
        append_number(out, value.get_double());
        break;
    default:
        out.append(json::serialize(value));
    }
}

} // namespace

void Output::write(std::string_view text)
{
    buffer_.append(text);
    if (buffer_.size() >= buffer_size)
        flush();
}

void Output::line(std::string_view text)
{
    write(text);
    write("\n");
}

void Output::flush()
{
    std::string_view left = buffer_;
    while (!left.empty()) {
        const ssize_t written = ::write(descriptor_, left.data(), left.size());
        if (written >= 0) {
            left.remove_prefix(static_cast<std::size_t>(written));
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) { // somebody else made the stream non-blocking
            pollfd ready{descriptor_, POLLOUT, 0};
            ::poll(&ready, 1, -1);
            continue;
        }
        const int failed = errno;
        buffer_.clear();
        if (failed == EPIPE)
            throw OutputClosed{};
        throw StorageError(StorageErrc::resource_exhausted,
                           "cannot write the output: " + std::generic_category().message(failed));
    }
    buffer_.clear();
}

void Output::document(const json::value& value) { line(indented(value)); }

std::string indented(const json::value& value)
{
    std::string out;
    append(out, value, 0);
    return out;
}

std::string compact(const json::value& value)
{
    std::string out;
    append(out, value, -1);
    return out;
}

void JsonList::add(const json::value& value)
{
    out_.write(empty_ ? "\n  " : ",\n  ");
    out_.write(compact(value));
    empty_ = false;
}

void JsonList::end() { out_.line(empty_ ? "]" : "\n]"); }

} // namespace whisperstore::cli
