// The same random work gives the same answers on SQLite and on PostgreSQL.

#include "integration/postgresql/postgresql_support.hpp"
#include "integration/postgresql/random_script.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/sqlite_adapter.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <iostream>
#include <sstream>

namespace whisperstore::test {

namespace {

std::string describe(const ValueView& value)
{
    std::ostringstream out;
    out << to_string(value.kind()) << ' ';
    switch (value.kind()) {
    case ValueKind::null:
        break;
    case ValueKind::boolean:
        out << value.as_bool();
        break;
    case ValueKind::integer:
        out << value.as_int();
        break;
    case ValueKind::real:
        // Every bit, but the sign of zero, which SQLite does not keep.
        out << std::hexfloat << (value.as_real() == 0 ? 0.0 : value.as_real());
        break;
    case ValueKind::text:
        out << '[' << value.as_text().substr(0, 200) << "] of " << value.as_text().size();
        break;
    case ValueKind::blob:
        out << value.as_blob().size() << " bytes";
        break;
    }
    return out.str();
}

std::string describe(const QueryResult& result, bool ordered)
{
    std::vector<std::string> rows;
    for (const Row& row : result) {
        std::string line;
        for (std::size_t i = 0; i < result.columns().size(); ++i)
            line.append("  ").append(result.columns()[i]).append(": ").append(describe(row[static_cast<int>(i)]));
        rows.push_back(std::move(line));
    }
    if (!ordered)
        std::sort(rows.begin(), rows.end());
    std::string text = "row_count ";
    text.append(std::to_string(result.row_count));
    for (const std::string& row : rows)
        text.append("\n").append(row);
    return text;
}

std::string describe(const StorageError& error)
{
    return std::string("error ").append(to_string(error.errc())).append(", ").append(to_string(error.outcome()));
}

std::string describe(const Step& step)
{
    static constexpr std::array<const char*, 5> kinds{"", "begin", "commit", "rollback", "drop"};
    std::string text = step.kind == Step::Kind::query ? step.query.sql : kinds[static_cast<std::size_t>(step.kind)];
    for (const Parameter& parameter : step.query.params)
        text.append("\n    ").append(parameter.name).append(" = ").append(describe(parameter.value.view()));
    return text;
}

std::string describe(const Operation& operation)
{
    static constexpr std::array<const char*, 3> kinds{"single", "list", "scoped"};
    std::string text = kinds[static_cast<std::size_t>(operation.kind)];
    for (const Step& step : operation.steps)
        text.append("\n  ").append(describe(step));
    return text;
}

/// What each step answered, and what it failed with.
struct Answer
{
    std::vector<std::string> steps;
    std::vector<std::string> messages; ///< of errors: to be read, not compared
};

awaitable<void> run_scope(std::shared_ptr<AbstractDatabaseAdapter> db, std::shared_ptr<const Operation> operation,
                          std::shared_ptr<Answer> answer)
{
    std::vector<Transaction> levels;
    levels.push_back(co_await db->begin_transaction());
    for (const Step& step : operation->steps) {
        std::string said = "done";
        std::string message;
        try {
            if (step.kind == Step::Kind::query) {
                const QueryResult result = co_await levels.back().execute_query(step.query.sql, step.query.params);
                said = describe(result, step.ordered);
            } else if (step.kind == Step::Kind::begin) {
                Transaction inner = co_await levels.back().begin_transaction();
                levels.push_back(std::move(inner));
            } else if (step.kind == Step::Kind::commit) {
                co_await levels.back().commit();
            } else if (step.kind == Step::Kind::rollback) {
                co_await levels.back().rollback();
            }
        } catch (const StorageError& error) {
            said = describe(error);
            message = error.what();
        }
        if (step.kind != Step::Kind::query && step.kind != Step::Kind::begin)
            levels.pop_back();
        answer->steps.push_back(std::move(said));
        answer->messages.push_back(std::move(message));
    }
}

awaitable<void> run_operation(std::shared_ptr<AbstractDatabaseAdapter> db, std::shared_ptr<const Operation> operation,
                              std::shared_ptr<Answer> answer)
{
    try {
        if (operation->kind == Operation::Kind::single) {
            const Step& step = operation->steps.front();
            const QueryResult result = co_await db->execute_query(step.query.sql, step.query.params);
            answer->steps.push_back(describe(result, step.ordered));
        } else if (operation->kind == Operation::Kind::list) {
            std::vector<Query> list;
            for (const Step& step : operation->steps)
                list.push_back(step.query);
            const std::vector<QueryResult> results = co_await db->execute_transaction(std::move(list));
            for (std::size_t i = 0; i < results.size(); ++i)
                answer->steps.push_back(describe(results[i], operation->steps[i].ordered));
        } else {
            co_await run_scope(db, operation, answer);
        }
    } catch (const StorageError& error) {
        answer->steps.push_back(describe(error));
        answer->messages.emplace_back(error.what());
    }
}

Answer answer_of(const std::shared_ptr<AbstractDatabaseAdapter>& db, const Operation& operation)
{
    auto answer = std::make_shared<Answer>();
    run(run_operation(db, std::make_shared<const Operation>(operation), answer));
    return *answer;
}

std::string joined(const std::vector<std::string>& lines)
{
    std::string text;
    for (const std::string& line : lines)
        text.append(line).append("\n");
    return text;
}

/// All rows of all tables that a script writes to.
std::string content(const std::shared_ptr<AbstractDatabaseAdapter>& db)
{
    std::string text;
    std::vector<Table> tables = WhisperEngineSchema::get_core_schema().tables;
    for (Table& table : script_schema().tables)
        tables.push_back(std::move(table));
    for (const Table& table : tables)
        if (table.name != "schema_migrations") {
            const QueryResult rows = run(db->execute_query("SELECT * FROM " + table.name));
            text.append(table.name).append(" ").append(describe(rows, false)).append("\n");
        }
    return text;
}

class Differential : public testing::TestWithParam<int>
{
};

INSTANTIATE_TEST_SUITE_P(Seeds, Differential, testing::Range(1, thorough() ? 101 : 9));

TEST_P(Differential, SameScriptSameAnswers)
{
    const std::uint64_t seed = seed_of_test(static_cast<std::uint64_t>(GetParam()));
    const TestDirectory directory;
    const TestDatabase database;
    DatabaseConfig config;
    config.connection_string = "sqlite:///" + (directory / "database.db").string();
    config.synchronous = "NORMAL";
    const auto sqlite = std::make_shared<SQLiteAdapter>(config);
    const std::shared_ptr<AbstractDatabaseAdapter> postgresql = connected(database.url());
    run(sqlite->connect());
    for (const std::shared_ptr<AbstractDatabaseAdapter>& db :
         {std::shared_ptr<AbstractDatabaseAdapter>(sqlite), postgresql}) {
        run(db->setup_schema(WhisperEngineSchema::get_core_schema()));
        run(db->setup_schema(script_schema()));
    }

    std::size_t succeeded = 0;
    std::size_t refused = 0;
    std::size_t number = 0;
    for (const Operation& operation : RandomScript(seed).make(500)) {
        const Answer expected = answer_of(sqlite, operation);
        const Answer answered = answer_of(postgresql, operation);
        ASSERT_EQ(joined(expected.steps), joined(answered.steps))
            << "seed " << seed << ", operation " << number << ": " << describe(operation) << "\nSQLite said\n"
            << joined(expected.messages) << "PostgreSQL said\n"
            << joined(answered.messages);
        for (const std::string& step : expected.steps)
            ++(step.starts_with("error") ? refused : succeeded);
        if (++number % 100 == 0) {
            ASSERT_EQ(content(sqlite), content(postgresql)) << "seed " << seed << ", operation " << number;
        }
    }
    EXPECT_GT(succeeded, 300U);
    EXPECT_GT(refused, 50U);
    run(sqlite->disconnect());
    run(postgresql->disconnect());
}

} // namespace

} // namespace whisperstore::test
