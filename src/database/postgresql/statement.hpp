#pragma once
// Statements as they are parsed once and shared by everybody who runs them.

#include "database/postgresql/types.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <whisperstore/core/value.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace whisperstore::postgresql {

/// Thread safe.
class Statement
{
public:
    /// Throws what sql::translate() throws, and with `checked` what sql::check_allowed() throws.
    Statement(const std::string& sql, bool checked);

    const std::string& sql() const noexcept { return translated_.sql; }
    const sql::TranslatedQuery& translated() const noexcept { return translated_; }
    /// Its name on every connection that has it prepared.
    const std::string& name() const noexcept { return name_; }
    /// Certainly changes nothing: may run twice.
    bool only_reads() const noexcept { return only_reads_; }
    /// Begins like a query: SELECT, VALUES, TABLE, WITH, EXPLAIN, SHOW.
    bool is_query() const noexcept { return is_query_; }

    /// Null until a server told, and again when the tables may have changed since.
    std::shared_ptr<const Description> description() const;
    /// Takes it, or keeps an equal one: the one that holds from now on.
    std::shared_ptr<const Description> describe(std::shared_ptr<const Description> description);
    /// Unless another one holds by now.
    void forget(const std::shared_ptr<const Description>& description);

    /// How long the server took for one run, as far as it can be seen from here.
    void took(std::chrono::nanoseconds time) noexcept;
    /// Known to be done in so short a time that others may wait behind it.
    bool is_short() const noexcept;

private:
    sql::TranslatedQuery translated_;
    std::string name_;
    bool only_reads_ = false;
    bool is_query_ = false;
    std::atomic<std::int64_t> average_{-1}; // nanoseconds; -1: never run
    mutable std::mutex mutex_;
    std::shared_ptr<const Description> description_;
};

/// Statements by text, bounded; thread safe.
class StatementCache
{
public:
    std::shared_ptr<Statement> get(const std::string& sql);

private:
    static constexpr std::size_t capacity = 512;
    using Entries = std::list<std::pair<std::string, std::shared_ptr<Statement>>>;
    std::mutex mutex_;
    Entries entries_; // most recently used first
    std::unordered_map<std::string_view, Entries::iterator> by_text_;
};

/// A statement with checked arguments.
struct BoundStatement
{
    std::shared_ptr<Statement> statement;
    Parameters parameters;
    std::vector<std::size_t> order; ///< of the placeholders' arguments; empty: as they are
};
BoundStatement bind_statement(StatementCache& cache, const std::string& sql, Parameters parameters);
BoundStatement bind_statement(std::shared_ptr<Statement> statement, Parameters parameters);

} // namespace whisperstore::postgresql
