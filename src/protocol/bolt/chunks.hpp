#pragma once
// Messages in chunks (neo4j.com/docs/bolt/current/bolt/message: "Chunking"). Pure.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace whisperstore::bolt {

/// Makes a message of what is appended to a text while it lives: leaves room for the first chunk's size, and
/// writes sizes and end at finish(). Without it, by an exception, what was appended goes.
class MessageWriter
{
public:
    explicit MessageWriter(std::string& out);
    ~MessageWriter();
    MessageWriter(const MessageWriter&) = delete;
    MessageWriter& operator=(const MessageWriter&) = delete;
    void finish();

private:
    std::string& out_;
    std::size_t start_;
    bool finished_ = false;
};

/// Bytes of the server on their way to messages. First raw ones, of the handshake; from the first scan() on messages.
class MessageReader
{
public:
    /// \param limit bytes of a message
    explicit MessageReader(std::size_t limit) noexcept : limit_(limit) {}

    /// Where received bytes are appended. Views that were given out end with it.
    std::string& input();
    /// Bytes not used yet.
    std::string_view raw() const noexcept { return std::string_view(data_).substr(begin_); }
    void skip(std::size_t bytes) noexcept;

    /// Finds the messages that are complete. Throws Malformed beyond the limit.
    void scan();
    /// Messages found and not taken.
    std::size_t ready() const noexcept { return ready_.size(); }
    /// And those of them that are no records (0x71).
    std::size_t summaries() const noexcept { return summaries_; }
    /// The next message, valid until input() is called.
    std::string_view take();

private:
    struct Found
    {
        std::size_t offset = 0;
        std::size_t size = 0;
    };
    bool is_summary(const Found& message) const noexcept;

    const std::size_t limit_;
    std::string data_;
    std::size_t begin_ = 0;   // what is before it is used
    std::size_t message_ = 0; // the message that is being put together, without its chunks' sizes
    std::size_t joined_ = 0;  // bytes of it
    std::size_t next_ = 0;    // the chunk to look at
    std::deque<Found> ready_;
    std::size_t summaries_ = 0;
};

} // namespace whisperstore::bolt
