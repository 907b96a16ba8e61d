#include "protocol/http/exchange.hpp"

#include "protocol/http/failure.hpp"
#include "protocol/http/header_fields.hpp"
#include "protocol/http/inflater.hpp"
#include "protocol/http/response_reader.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace whisperstore::http {

namespace {

constexpr std::size_t inflated_piece = 64 * 1024;
constexpr int steps_between_pauses = 32;

/// The parts of a request, one after the other.
class Outgoing
{
public:
    Outgoing(const Request& request, const RequestFrame& frame)
    {
        if (request.open_body) {
            source_ = request.open_body();
            left_ = source_->size;
            head_ = request_head(request, frame, source_->size);
        } else {
            head_ = request_head(request, frame, request.body.size());
            constexpr std::size_t small = 32 * 1024; // sent together with the head
            if (request.body.size() <= small)
                head_.append(request.body);
            else
                body_ = request.body;
        }
        pending_ = head_;
    }

    std::string_view pending() const noexcept { return pending_; }
    void sent(std::size_t bytes) noexcept { pending_.remove_prefix(bytes); }

    /// Makes the next part pending; false at the end.
    awaitable<bool> next()
    {
        if (!body_.empty()) {
            pending_ = std::exchange(body_, {});
            co_return true;
        }
        if (!source_ || ended_)
            co_return false;
        awaitable<std::string> reading = source_->next();
        piece_ = co_await std::move(reading);
        if (left_) {
            if (piece_.size() > *left_ || (piece_.empty() && *left_ > 0))
                throw StorageError(StorageErrc::invalid_argument,
                                   "the source of a request's body gives more or less than the size it names");
            *left_ -= piece_.size();
            ended_ = *left_ == 0;
        } else {
            ended_ = piece_.empty();
            piece_ = ended_ ? std::string(last_chunk) : chunk(piece_);
        }
        pending_ = piece_;
        co_return !pending_.empty();
    }

private:
    std::string head_;
    std::string_view body_;
    std::optional<BodySource> source_;
    std::optional<std::uint64_t> left_; // of a source with a size
    bool ended_ = false;
    std::string piece_;
    std::string_view pending_;
};

/// Takes the body of an answer: inflates, counts, keeps or hands on.
class Incoming
{
public:
    Incoming(const Request& request, const BodySink* sink, ExchangeLimits limits, ExchangeReport& report)
        : reader_(request.method == "HEAD"), sink_(sink), limit_(limits.response), report_(report)
    {
    }

    bool head_done() const noexcept { return reader_.head_done(); }
    bool done() const noexcept { return reader_.done(); }

    /// Takes what was read into input().
    std::string& input() noexcept { return input_; }
    awaitable<void> take()
    {
        report_.answered = true;
        const std::size_t used = reader_.feed(input_, raw_);
        input_.erase(0, used);
        constexpr std::size_t most_unread = 2 * std::size_t(largest_head); // a line without end
        if (!reader_.done() && input_.size() > most_unread)
            throw Failure{FailureKind::malformed, "the answer is not proper HTTP: a line of it is too long"};
        if (!begun_ && reader_.head_done())
            begin();
        co_await deliver();
        if (reader_.done())
            check_end();
    }
    awaitable<void> finish(bool clean)
    {
        reader_.finish(clean);
        co_await deliver();
        check_end();
    }
    bool reusable() const { return input_.empty() && reader_.keep_alive(); }
    Response result() { return std::move(reader_.head()); }

private:
    void begin()
    {
        begun_ = true;
        const Response& head = reader_.head();
        switch (content_coding(head.headers)) {
        case ContentCoding::identity:
            break;
        case ContentCoding::gzip:
            inflater_.emplace();
            break;
        case ContentCoding::other:
            throw Failure{FailureKind::malformed, "the answer is packed in a way that was not asked for"};
        }
        if (sink_ && !head.ok()) {
            sink_ = nullptr;
            limit_ = largest_refusal;
            cut_ = true; // a refusal is told by its beginning
        }
        // An answer to HEAD names the size of what it does not have.
        if (const auto size = reader_.body_size(); !reader_.done() && !sink_ && !cut_ && size && *size > limit_)
            too_large();
    }

    awaitable<void> deliver()
    {
        if (!begun_)
            co_return;
        if (!inflater_) {
            co_await put(raw_);
            raw_.clear();
            co_return;
        }
        std::string_view packed = raw_;
        while (true) {
            piece_.clear();
            inflater_->run(packed, piece_, inflated_piece);
            if (!piece_.empty())
                co_await put(piece_);
            if (packed.empty() && piece_.size() < inflated_piece)
                break;
        }
        raw_.clear();
    }

    awaitable<void> put(std::string_view bytes)
    {
        if (bytes.empty())
            co_return;
        if (sink_) {
            report_.delivered = true;
            awaitable<void> taking = (*sink_)(reader_.head(), bytes);
            co_await std::move(taking);
            co_return;
        }
        std::string& body = reader_.head().body;
        if (cut_)
            bytes = bytes.substr(0, limit_ - std::min(limit_, body.size()));
        else if (bytes.size() > limit_ - body.size())
            too_large();
        body.append(bytes);
    }

    void check_end() const
    {
        if (inflater_ && !inflater_->at_end())
            throw Failure{FailureKind::malformed, "the answer's gzip ends too early"};
    }

    [[noreturn]] void too_large() const
    {
        throw Failure{FailureKind::too_large, "the answer is larger than the " + std::to_string(limit_) +
                                                  " bytes that are allowed: ask for less at once"};
    }

    ResponseReader reader_;
    const BodySink* sink_;
    std::size_t limit_;
    ExchangeReport& report_;
    bool begun_ = false;
    bool cut_ = false;
    std::string input_;
    std::string raw_;
    std::string piece_;
    std::optional<Inflater> inflater_;
};

enum class Progress
{
    waiting, ///< for more of the answer
    done,    ///< the answer is complete
    at_end   ///< and the connection is closed
};

/// Reads what is there.
awaitable<Progress> read_available(Stream& stream, Incoming& incoming, Time deadline, ExchangeReport& report)
{
    for (int step = 1; !incoming.done(); ++step) {
        const std::size_t unread = incoming.input().size();
        switch (stream.read_some(incoming.input())) {
        case Stream::Read::data:
            report.received_bytes += incoming.input().size() - unread;
            co_await incoming.take();
            break;
        case Stream::Read::nothing:
            co_return Progress::waiting;
        case Stream::Read::end:
            co_await incoming.finish(true);
            co_return Progress::at_end;
        case Stream::Read::cut_short:
            co_await incoming.finish(false);
            co_return Progress::at_end;
        }
        if (step % steps_between_pauses == 0)
            co_await stream.pause(deadline);
    }
    co_return Progress::done;
}

/// True when the whole request was sent; false when the answer came before that.
awaitable<bool> send(Stream& stream, Outgoing& outgoing, Incoming& incoming, Time deadline, ExchangeReport& report)
{
    for (int step = 1;; ++step) {
        if (outgoing.pending().empty()) {
            const bool more = co_await outgoing.next();
            if (!more)
                break;
        }
        const std::size_t sent = stream.write_some(outgoing.pending());
        outgoing.sent(sent);
        report.wrote = report.wrote || sent > 0;
        report.sent_bytes += sent;
        if (sent == 0) {
            co_await stream.wait(true, true, deadline);
            const Progress progress = co_await read_available(stream, incoming, deadline, report);
            if (progress != Progress::waiting || incoming.head_done())
                co_return false;
        } else if (step % steps_between_pauses == 0) {
            co_await stream.pause(deadline);
        }
    }
    while (!stream.flush())
        co_await stream.wait(false, true, deadline);
    co_return true;
}

} // namespace

awaitable<Response> exchange(Stream& stream, const Request& request, const RequestFrame& frame, const BodySink* sink,
                             ExchangeLimits limits, ExchangeReport& report)
{
    Outgoing outgoing(request, frame);
    Incoming incoming(request, sink, limits, report);
    bool sent_all = false;
    std::optional<Failure> write_failure;
    try {
        sent_all = co_await send(stream, outgoing, incoming, limits.deadline, report);
    } catch (const Failure& failure) {
        // A server that refuses a body answers and closes: the answer may have come before the end.
        if (failure.kind != FailureKind::lost || !report.wrote)
            throw;
        write_failure = failure;
    }
    Progress progress = incoming.done() ? Progress::done : Progress::waiting;
    try {
        while (progress == Progress::waiting) {
            progress = co_await read_available(stream, incoming, limits.deadline, report);
            if (progress == Progress::waiting && write_failure)
                throw Failure(*write_failure);
            if (progress == Progress::waiting)
                co_await stream.wait(true, false, limits.deadline);
        }
    } catch (const Failure& failure) {
        if (write_failure && failure.kind == FailureKind::lost)
            throw Failure(*write_failure);
        throw;
    }
    report.reusable = sent_all && progress == Progress::done && incoming.reusable();
    co_return incoming.result();
}

} // namespace whisperstore::http
