#include "bolt/session_state.hpp"
#include "core/failure.hpp"

#include <whisperstore/bolt/result.hpp>

#include <utility>

namespace whisperstore::bolt {

namespace {

Keys no_keys()
{
    static const Keys none = std::make_shared<const std::vector<std::string>>();
    return none;
}

Keys read_keys(const Map& metadata)
{
    std::vector<std::string> names;
    if (const Value* fields = metadata.find("fields"))
        if (const auto* list = fields->get_if<List>()) {
            names.reserve(list->size());
            for (const Value& field : *list)
                if (const auto* name = field.get_if<std::string>())
                    names.push_back(*name);
        }
    return names.empty() ? no_keys() : std::make_shared<const std::vector<std::string>>(std::move(names));
}

} // namespace

ResultState::ResultState(std::shared_ptr<Held> held, std::shared_ptr<Memory> memory, std::int64_t fetch_size,
                         OperationContext context) noexcept
    : held_(std::move(held)),
      memory_(std::move(memory)),
      fetch_size_(fetch_size),
      context_(std::move(context)),
      keys_(no_keys())
{
}

awaitable<void> ResultState::start()
{
    const Answer run = co_await held_->answer(context_);
    keys_ = read_keys(run.metadata);
    available_after_ = std::chrono::milliseconds(find_int(run.metadata, "t_first").value_or(0));
    if (memory_)
        held_->note_home(*memory_, run.metadata);
    // Nothing is to be streamed: what it did is known to have happened when run() returns.
    while (keys_->empty() && !ended_) {
        Answer answer = co_await held_->answer(context_);
        take(std::move(answer));
    }
}

/// A record; what ends a batch or the result is done by the way.
std::optional<Record> ResultState::take(Answer answer)
{
    if (answer.kind == ResponseKind::record) {
        if (dropped_)
            return std::nullopt;
        return Record(keys_, held_->values(answer));
    }
    if (!answer.has_more())
        finish(std::move(answer.metadata));
    else if (dropped_)
        held_->connection().discard();
    else
        held_->connection().pull(fetch_size_);
    return std::nullopt;
}

void ResultState::finish(Map metadata)
{
    ended_ = true;
    metadata_ = std::move(metadata);
    server_ = held_->connection().info();
    if (!memory_)
        return; // the connection is the transaction's
    if (const std::string_view bookmark = find_text(metadata_, "bookmark"); !bookmark.empty())
        memory_->bookmarks.assign(1, std::string(bookmark));
    held_->give_back();
}

awaitable<std::optional<Record>> ResultState::next()
{
    if (!buffered_.empty()) {
        std::optional<Record> record = std::move(buffered_.front());
        buffered_.pop_front();
        co_return record;
    }
    while (!ended_) {
        std::optional<Answer> answer = held_->answer_at_hand();
        if (!answer)
            answer = co_await held_->answer(context_);
        if (std::optional<Record> record = take(std::move(*answer)))
            co_return record;
    }
    co_return std::nullopt;
}

awaitable<std::vector<Record>> ResultState::collect()
{
    std::vector<Record> out(std::make_move_iterator(buffered_.begin()), std::make_move_iterator(buffered_.end()));
    buffered_.clear();
    while (!ended_) {
        std::optional<Answer> answer = held_->answer_at_hand();
        if (!answer) {
            co_await held_->wait_for_batch(context_);
            continue;
        }
        if (std::optional<Record> record = take(std::move(*answer)))
            out.push_back(std::move(*record));
    }
    co_return out;
}

awaitable<void> ResultState::detach()
{
    try {
        std::vector<Record> rest = co_await collect();
        for (Record& record : rest)
            buffered_.push_back(std::move(record));
    } catch (const StorageError&) {
        // Kept by held_: next() throws it.
        if (!held_->failure())
            throw;
    }
}

awaitable<Summary> ResultState::consume()
{
    buffered_.clear();
    dropped_ = true;
    while (!ended_) {
        std::optional<Answer> answer = held_->answer_at_hand();
        if (answer)
            take(std::move(*answer));
        else
            co_await held_->wait_for_batch(context_);
    }
    Summary summary = read_summary(metadata_);
    summary.available_after = available_after_;
    if (server_) {
        summary.server = server_->address;
        summary.server_agent = server_->agent;
        summary.protocol_version = server_->protocol_version;
    }
    co_return summary;
}

void ResultState::abandon() noexcept
{
    buffered_.clear();
    dropped_ = true;
    try {
        // Often all of it is here already, and the connection as good as new.
        while (!ended_) {
            std::optional<Answer> answer = held_->answer_at_hand();
            if (!answer)
                break;
            take(std::move(*answer));
        }
    } catch (...) {
        held_->give_back(); // nobody is left to be told
    }
    if (!ended_ && memory_) {
        ended_ = true;
        held_->give_back();
    }
}

Result::Result() noexcept = default;
Result::Result(std::shared_ptr<ResultState> state) noexcept : state_(std::move(state)) {}
Result::Result(Result&&) noexcept = default;
Result& Result::operator=(Result&& other) noexcept
{
    if (this != &other) {
        release();
        state_ = std::move(other.state_);
    }
    return *this;
}
Result::~Result() { release(); }

void Result::release() noexcept
{
    if (const auto state = std::exchange(state_, nullptr))
        state->abandon();
}

const std::vector<std::string>& Result::keys() const noexcept { return state_ ? state_->keys() : *no_keys(); }

awaitable<std::optional<Record>> Result::next()
{
    if (!state_)
        co_return std::nullopt;
    try {
        std::optional<Record> record = co_await state_->next();
        co_return record;
    } catch (...) {
        rethrow_as_storage_error("bolt", "next");
    }
}

awaitable<std::vector<Record>> Result::collect()
{
    if (!state_)
        co_return std::vector<Record>();
    try {
        std::vector<Record> records = co_await state_->collect();
        co_return records;
    } catch (...) {
        rethrow_as_storage_error("bolt", "collect");
    }
}

awaitable<Record> Result::single()
{
    std::optional<Record> first = co_await next();
    if (!first)
        throw StorageError(StorageErrc::not_found, "the query returned no record").within("bolt", "single");
    const std::optional<Record> second = co_await next();
    if (second)
        throw StorageError(StorageErrc::invalid_argument, "the query returned more than one record")
            .within("bolt", "single");
    co_return std::move(*first);
}

awaitable<Summary> Result::consume()
{
    if (!state_)
        throw StorageError(StorageErrc::closed, "there is no query").within("bolt", "consume");
    try {
        Summary summary = co_await state_->consume();
        co_return summary;
    } catch (...) {
        rethrow_as_storage_error("bolt", "consume");
    }
}

} // namespace whisperstore::bolt
