#pragma once
// Standard output: buffered, checked, and JSON on it.

#include <whisperstore/core/json.hpp>

#include <string>
#include <string_view>

namespace whisperstore::cli {

/// Whoever read our output has gone: `whisperstore … | head`.
struct OutputClosed
{
};

/// Writes to a descriptor through a buffer. Throws OutputClosed, or StorageError resource_exhausted
/// for a full disk and the like. What is left must be flushed.
class Output
{
public:
    explicit Output(int descriptor) noexcept : descriptor_(descriptor) {}
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void write(std::string_view text);
    void line(std::string_view text = {});
    void flush();

    /// One JSON document, indented.
    void document(const json::value& value);

private:
    int descriptor_;
    std::string buffer_;
};

/// A JSON text indented by two spaces. Numbers are written as people do: 0.5, not 5E-1.
std::string indented(const json::value& value);
/// The same on one line.
std::string compact(const json::value& value);

/// Writes a list of objects while they come, one a line: `[`, the objects, `]`.
class JsonList
{
public:
    explicit JsonList(Output& out) : out_(out) { out_.write("["); }
    void add(const json::value& value);
    void end();

private:
    Output& out_;
    bool empty_ = true;
};

} // namespace whisperstore::cli
