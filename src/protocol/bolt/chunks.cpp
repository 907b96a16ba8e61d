#include "protocol/bolt/chunks.hpp"

#include "protocol/bolt/failure.hpp"

#include <algorithm>
#include <cstring>

namespace whisperstore::bolt {

namespace {

constexpr std::size_t largest_chunk = 0xFFFF;

void put_size(char* at, std::size_t size) noexcept
{
    at[0] = static_cast<char>(size >> 8U);
    at[1] = static_cast<char>(size & 0xFFU);
}

std::size_t size_at(const char* at) noexcept
{
    return std::size_t(static_cast<unsigned char>(at[0])) << 8U | static_cast<unsigned char>(at[1]);
}

} // namespace

MessageWriter::MessageWriter(std::string& out) : out_(out), start_(out.size()) { out_.append(2, '\0'); }

MessageWriter::~MessageWriter()
{
    if (!finished_)
        out_.resize(start_);
}

void MessageWriter::finish()
{
    const std::size_t size = out_.size() - start_ - 2;
    if (size <= largest_chunk) {
        put_size(out_.data() + start_, size);
        out_.append(2, '\0');
        finished_ = true;
        return;
    }
    // From the back, so that every byte moves once: chunk i moves by the sizes of the chunks before it.
    const std::size_t chunks = (size + largest_chunk - 1) / largest_chunk;
    out_.append((chunks - 1) * 2 + 2, '\0');
    char* const content = out_.data() + start_ + 2;
    for (std::size_t i = chunks; i-- > 0;) {
        const std::size_t from = i * largest_chunk;
        const std::size_t length = std::min(largest_chunk, size - from);
        std::memmove(content + from + i * 2, content + from, length);
        put_size(content + from + i * 2 - 2, length);
    }
    put_size(out_.data() + out_.size() - 2, 0);
    finished_ = true;
}

std::string& MessageReader::input()
{
    if (!ready_.empty() || begin_ == 0)
        return data_;
    // What is left is the beginning of a message: usually nothing.
    data_.erase(0, begin_);
    message_ -= begin_;
    next_ -= begin_;
    begin_ = 0;
    return data_;
}

void MessageReader::skip(std::size_t bytes) noexcept
{
    begin_ += bytes;
    message_ = next_ = begin_;
}

bool MessageReader::is_summary(const Found& message) const noexcept
{
    return message.size < 2 || data_[message.offset + 1] != '\x71';
}

void MessageReader::scan()
{
    while (data_.size() - next_ >= 2) {
        const std::size_t size = size_at(data_.data() + next_);
        const std::size_t content = next_ + 2;
        if (size == 0) {
            if (joined_ > 0) {
                const Found found{message_, joined_};
                ready_.push_back(found);
                summaries_ += is_summary(found) ? 1 : 0;
            } else if (ready_.empty()) {
                begin_ = content; // an empty message: a sign of life
            }
            next_ = message_ = content;
            joined_ = 0;
            continue;
        }
        if (joined_ + size > limit_)
            throw Malformed{"a message is larger than the limit of " + std::to_string(limit_) +
                            " bytes: ask for less, or raise max_message_size"};
        if (data_.size() - content < size)
            return;
        if (joined_ == 0)
            message_ = content;
        else
            std::memmove(data_.data() + message_ + joined_, data_.data() + content, size);
        joined_ += size;
        next_ = content + size;
    }
}

std::string_view MessageReader::take()
{
    const Found found = ready_.front();
    ready_.pop_front();
    summaries_ -= is_summary(found) ? 1 : 0;
    // Up to the next message; where it is the last, up to what is being put together.
    begin_ = ready_.empty() ? message_ : ready_.front().offset;
    return std::string_view(data_).substr(found.offset, found.size);
}

} // namespace whisperstore::bolt
