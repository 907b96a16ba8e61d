#include "protocol/http/inflater.hpp"

#include "protocol/http/failure.hpp"

#include <algorithm>
#include <limits>
#include <new>
#include <zlib.h>

namespace whisperstore::http {

struct Inflater::State
{
    z_stream stream{};
    bool at_end = true; ///< a member ended, or none has begun
};

Inflater::Inflater() : state_(std::make_unique<State>())
{
    constexpr int gzip_only = 16; // added to the window's bits: the gzip format, and nothing else
    if (::inflateInit2(&state_->stream, MAX_WBITS + gzip_only) != Z_OK)
        throw std::bad_alloc();
}

Inflater::~Inflater() { ::inflateEnd(&state_->stream); }

void Inflater::run(std::string_view& input, std::string& out, std::size_t room)
{
    z_stream& stream = state_->stream;
    const std::size_t before = out.size();
    room = std::min<std::size_t>(room, 1U << 20U);
    out.resize(before + room);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + before);
    stream.avail_out = static_cast<uInt>(room);
    // zlib may hold back output: it is called without input too, unless the member is over.
    while (stream.avail_out > 0 && !(state_->at_end && input.empty())) {
        if (state_->at_end) { // another member (RFC 1952, section 2.2), or the first
            ::inflateReset(&stream);
            state_->at_end = false;
        }
        const std::size_t given = std::min<std::size_t>(input.size(), std::numeric_limits<uInt>::max());
        // zlib's interface is not const-correct; it does not write there.
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data())); // NOLINT
        stream.avail_in = static_cast<uInt>(given);
        const uInt room_before = stream.avail_out;
        const int result = ::inflate(&stream, Z_NO_FLUSH);
        const std::size_t used = given - stream.avail_in;
        input.remove_prefix(used);
        if (result == Z_STREAM_END) {
            state_->at_end = true;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            out.resize(before);
            throw Failure{FailureKind::malformed, "the answer's body is not the gzip its headers announce"};
        } else if (used == 0 && stream.avail_out == room_before) {
            break; // it needs more input
        }
    }
    out.resize(before + room - stream.avail_out);
}

bool Inflater::at_end() const noexcept { return state_->at_end; }

} // namespace whisperstore::http
