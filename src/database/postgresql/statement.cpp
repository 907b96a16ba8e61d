#include "database/postgresql/statement.hpp"

#include "protocol/sql/sql_reading.hpp"

namespace whisperstore::postgresql {

namespace {

// What others may wait behind in a pipeline, in nanoseconds. A write waits for the disk, most of the time together with
// others.
constexpr std::int64_t short_read = 1'000'000;
constexpr std::int64_t short_write = 8'000'000;

std::string next_name()
{
    static std::atomic<std::uint64_t> count{0};
    return "whisperstore_" + std::to_string(count.fetch_add(1, std::memory_order_relaxed));
}

bool begins_like_a_query(std::string_view keyword) noexcept
{
    return keyword == "SELECT" || keyword == "WITH" || keyword == "VALUES" || keyword == "TABLE" || keyword == "SHOW" ||
           keyword.starts_with("EXPLAIN");
}

} // namespace

Statement::Statement(const std::string& sql, bool checked)
    : translated_(sql::translate(sql, SqlDialect::postgresql)), name_(next_name())
{
    if (checked)
        sql::check_allowed(translated_);
    only_reads_ = whisperstore::only_reads(translated_.sql, SqlDialect::postgresql);
    is_query_ = begins_like_a_query(translated_.keyword);
}

std::shared_ptr<const Description> Statement::description() const
{
    const std::lock_guard lock(mutex_);
    return description_;
}

std::shared_ptr<const Description> Statement::describe(std::shared_ptr<const Description> description)
{
    const std::lock_guard lock(mutex_);
    if (!description_ || !description_->same_as(*description))
        description_ = std::move(description);
    return description_;
}

void Statement::forget(const std::shared_ptr<const Description>& description)
{
    const std::lock_guard lock(mutex_);
    if (description_ == description)
        description_ = nullptr;
}

void Statement::took(std::chrono::nanoseconds time) noexcept
{
    // Races of two connections lose one of two samples, no more.
    const std::int64_t before = average_.load(std::memory_order_relaxed);
    const std::int64_t sample = time.count();
    average_.store(before < 0 ? sample : before + (sample - before) / 8, std::memory_order_relaxed);
}

bool Statement::is_short() const noexcept
{
    const std::int64_t average = average_.load(std::memory_order_relaxed);
    return average >= 0 && average < (only_reads_ ? short_read : short_write);
}

std::shared_ptr<Statement> StatementCache::get(const std::string& sql)
{
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = by_text_.find(sql); found != by_text_.end()) {
            entries_.splice(entries_.begin(), entries_, found->second);
            return found->second->second;
        }
    }
    auto statement = std::make_shared<Statement>(sql, true);
    const std::lock_guard lock(mutex_);
    if (const auto found = by_text_.find(sql); found != by_text_.end())
        return found->second->second;
    if (entries_.size() >= capacity) {
        by_text_.erase(entries_.back().first);
        entries_.pop_back();
    }
    entries_.emplace_front(sql, statement);
    by_text_.emplace(entries_.front().first, entries_.begin());
    return statement;
}

BoundStatement bind_statement(std::shared_ptr<Statement> statement, Parameters parameters)
{
    BoundStatement bound;
    bound.statement = std::move(statement);
    sql::check_arguments(parameters);
    const sql::TranslatedQuery& translated = bound.statement->translated();
    if (translated.style == sql::PlaceholderStyle::named || parameters.size() != translated.placeholder_count)
        bound.order = sql::argument_order(translated, parameters);
    bound.parameters = std::move(parameters);
    return bound;
}

BoundStatement bind_statement(StatementCache& cache, const std::string& sql, Parameters parameters)
{
    return bind_statement(cache.get(sql), std::move(parameters));
}

} // namespace whisperstore::postgresql
