#pragma once
// Decompresses gzip (RFC 1952) in bounded memory, without I/O.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::http {

/// One compressed body. Throws Failure malformed for what is no gzip; it cannot be used then.
class Inflater
{
public:
    Inflater();
    ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    /// Decompresses from `input`, of which it removes what it used, and appends at most `room` (> 0) bytes to `out`.
    /// Call it until `input` is empty and it appended less than `room`.
    void run(std::string_view& input, std::string& out, std::size_t room);
    /// Whether the body may end here: after a whole member, or before the first byte.
    bool at_end() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace whisperstore::http
