// Whatever a caller passes stays a value: hostile texts through every call, and the catalog is as it was.

#include "integration/postgresql/postgresql_support.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>

namespace whisperstore::test {

namespace {

class PostgresqlInjection : public testing::Test
{
protected:
    void SetUp() override
    {
        run(db->setup_schema(WhisperEngineSchema::get_core_schema()));
        server.script("CREATE TABLE canary (a TEXT); INSERT INTO canary VALUES ('alive')");
        before = catalog();
    }
    void TearDown() override
    {
        EXPECT_EQ(catalog(), before);
        EXPECT_EQ(server.value("SELECT string_agg(a, ',') FROM canary"), "alive");
        run(db->disconnect());
    }

    /// Everything that SQL could have made, changed or removed; but not what other tests make in other databases.
    std::string catalog()
    {
        return server.value(
            "SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM ("
            "SELECT concat_ws('|', 'class', relname, relkind, relnatts, relowner, relacl, relrowsecurity) AS line FROM "
            "pg_class WHERE relname NOT LIKE 'pg_toast%' UNION ALL "
            "SELECT concat_ws('|', 'column', attrelid::regclass, attname, atttypid, attnotnull) FROM pg_attribute "
            "WHERE "
            "attnum > 0 AND attrelid::regclass::text NOT LIKE 'pg_toast%' UNION ALL "
            "SELECT concat_ws('|', 'function', proname, prosrc, proowner, prosecdef) FROM pg_proc UNION ALL "
            "SELECT concat_ws('|', 'role', rolname, rolsuper, rolcreaterole, rolcanlogin) FROM pg_roles WHERE rolsuper "
            "OR "
            "rolname IN ('guest', 'veteran') UNION ALL "
            "SELECT concat_ws('|', 'trigger', tgname, tgrelid, tgenabled) FROM pg_trigger UNION ALL "
            "SELECT concat_ws('|', 'schema', nspname, nspowner) FROM pg_namespace WHERE nspname NOT LIKE 'pg_t%' UNION "
            "ALL "
            "SELECT concat_ws('|', 'extension', extname) FROM pg_extension UNION ALL "
            "SELECT concat_ws('|', 'setting', setdatabase, setrole, setconfig) FROM pg_db_role_setting WHERE "
            "setdatabase IN (0, "
            "(SELECT oid FROM pg_database WHERE datname = current_database())) UNION ALL "
            "SELECT concat_ws('|', 'constraint', conname, conrelid, contype) FROM pg_constraint) AS lines");
    }

    std::string hostile()
    {
        static constexpr std::array<std::string_view, 32> pieces{"'",
                                                                 "''",
                                                                 "\"",
                                                                 "\\",
                                                                 "\\'",
                                                                 "; DROP TABLE canary; --",
                                                                 "'); DELETE FROM canary; --",
                                                                 "/*",
                                                                 "*/",
                                                                 "--",
                                                                 "\n",
                                                                 "\r\n",
                                                                 "\t",
                                                                 "$$",
                                                                 "$x$",
                                                                 "$1",
                                                                 "?",
                                                                 ":name",
                                                                 "::text",
                                                                 "E'\\x27'",
                                                                 "U&'\\0027'",
                                                                 "\\.",
                                                                 "\\N",
                                                                 "%s",
                                                                 "\u2019",
                                                                 "\uFF07",
                                                                 "\U0001F5E1",
                                                                 "' UNION SELECT password FROM pg_shadow --",
                                                                 "pg_sleep(9)",
                                                                 "{",
                                                                 "}",
                                                                 "0/0"};
        std::string text;
        for (std::size_t i = 1 + random() % 5; i > 0; --i)
            text += pieces[random() % pieces.size()];
        return text;
    }

    TestDatabase database;
    PlainConnection server{database.url()};
    std::shared_ptr<PostgreSQLAdapter> db = connected(database.url(), 3);
    std::mt19937_64 random{seed_of_test(11)};
    std::string before;
};

/// It may fail, as what it is; and it may succeed. It must not become SQL.
void try_it(const std::function<void()>& call)
{
    try {
        call();
    } catch (const StorageError& error) {
        EXPECT_TRUE(error.errc() == StorageErrc::invalid_argument ||
                    error.errc() == StorageErrc::constraint_violation || error.errc() == StorageErrc::type_mismatch)
            << error.what();
    }
}

TEST_F(PostgresqlInjection, ValuesComeBackAsTheyWent)
{
    const int rounds = thorough() ? 5000 : 300;
    for (int i = 0; i < rounds; ++i) {
        const std::string text = hostile();
        EXPECT_EQ(run(db->execute_query("SELECT CAST(? AS TEXT) AS v", params(arg(text)))).rows[0]["v"],
                  std::string_view(text));
        EXPECT_EQ(run(db->execute_query("SELECT CAST(:v AS TEXT) AS v, CAST(:v AS TEXT) AS w", params(arg("v", text))))
                      .rows[0]["w"],
                  std::string_view(text));
        const std::string id = std::to_string(i) + text;
        run(db->execute_transaction(
            queries(query("INSERT INTO users (user_id, username) VALUES (?, ?)", params(arg(id), arg(text))),
                    query("INSERT INTO facts (user_id, fact_type, subject, content) VALUES (?, ?, ?, ?)",
                          params(arg(id), arg(text), arg(text), arg(text))))));
        Transaction transaction = run(db->begin_transaction());
        EXPECT_EQ(
            run(transaction.execute_query("UPDATE users SET display_name = :t WHERE user_id = :i RETURNING username",
                                          params(arg("t", text), arg("i", id))))
                .rows[0][0],
            std::string_view(text));
        run(transaction.commit());
        RowStream stream = run(db->stream_query("SELECT display_name FROM users WHERE user_id = ?", params(arg(id))));
        EXPECT_EQ(run(stream.next())[0][0], std::string_view(text));
        stream.close();
    }
    EXPECT_EQ(run(db->execute_query("SELECT count(*) AS n FROM users WHERE display_name = username")).rows[0]["n"],
              rounds);
}

TEST_F(PostgresqlInjection, NamesOfArgumentsAreNoSql)
{
    for (int i = 0; i < 300; ++i) {
        const std::string name = hostile();
        EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT CAST(:v AS TEXT)", params(arg(name, "x")))),
                             invalid_argument);
        try_it([&] { run(db->execute_query("SELECT CAST(? AS TEXT)", params(arg(name, "x")))); });
    }
}

TEST_F(PostgresqlInjection, TextsWhereNumbersAndTimesBelong)
{
    for (int i = 0; i < 300; ++i) {
        const std::string text = hostile();
        EXPECT_STORAGE_ERROR(run(db->execute_query("UPDATE users SET message_count = ?", params(arg(text)))),
                             type_mismatch);
        EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT user_id FROM users LIMIT ?", params(arg(text)))),
                             type_mismatch);
        EXPECT_STORAGE_ERROR(run(db->execute_query("SELECT user_id FROM users WHERE last_seen > ?", params(arg(text)))),
                             type_mismatch);
    }
}

TEST_F(PostgresqlInjection, NamesOfTablesMigrationsAndSchemasAreNoSql)
{
    for (int i = 0; i < 60; ++i) {
        const std::string text = hostile();
        TableDefinitions tables;
        tables.emplace_back(text, "SELECT 1");
        try_it([&] { run(db->create_tables(tables)); });
        std::vector<Migration> migrations;
        migrations.push_back(Migration{std::to_string(i) + text, text, "SELECT 1"});
        try_it([&] { run(db->migrate_schema(migrations)); });
        const QueryResult applied = run(db->execute_query("SELECT name FROM schema_migrations WHERE version = ?",
                                                          params(arg(migrations.front().version))));
        ASSERT_EQ(applied.rows.size(), 1U);
        EXPECT_EQ(applied.rows[0][0], std::string_view(text));
        Schema schema;
        schema.name = text;
        try_it([&] { run(db->setup_schema(schema)); });
    }
}

TEST_F(PostgresqlInjection, WhatTravelsWithCallsIsNoSql)
{
    for (int i = 0; i < 200; ++i) {
        OperationContext context = OperationContext::within(std::chrono::seconds(20));
        context.tenant = hostile();
        context.trace = hostile();
        context.session = std::make_shared<Session>();
        for (const char* backend : {"postgresql", "postgresql_cluster"})
            context.session->set_token(backend, hostile());
        try_it([&] { run(db->execute_query("SELECT 1", Parameters(), context)); });
        try_it([&] { run(db->execute_query("UPDATE canary SET a = a WHERE a = ?", params(arg("x")), context)); });
    }
}

TEST_F(PostgresqlInjection, PartsOfTheConnectionStringAreNoSql)
{
    for (int i = 0; i < 40; ++i) {
        PostgreSQLAdapter named(postgresql_config(with(database.url(), "application_name", hostile()), 1));
        run(named.connect());
        EXPECT_EQ(run(named.execute_query("SELECT 1 AS v")).rows[0]["v"], 1);
        run(named.disconnect());
        PostgreSQLAdapter nowhere(postgresql_config(PostgresqlServers::get().primary(hostile()), 1));
        EXPECT_STORAGE_ERROR(run(nowhere.connect()), not_found);
        PostgreSQLAdapter nobody(postgresql_config(as_user(database.url(), hostile(), hostile()), 1));
        EXPECT_STORAGE_ERROR(run(nobody.connect()), authentication);
    }
}

TEST_F(PostgresqlInjection, OneStatementIsOneStatement)
{
    for (const char* sql :
         {"SELECT 1; DROP TABLE canary", "SELECT 1 /* ; */; DELETE FROM canary", "SELECT $$;$$; DELETE FROM canary",
          "SELECT E'\\'; DELETE FROM canary; --'; DELETE FROM canary", "SELECT 1;;DELETE FROM canary"})
        EXPECT_STORAGE_ERROR(run(db->execute_query(sql)), invalid_argument);
    // A literal that looks like two statements where backslashes escape, and is one where they do not.
    EXPECT_EQ(run(db->execute_query("SELECT '\\' AS a, '; DELETE FROM canary; --' AS b")).rows[0]["a"], "\\");
}

} // namespace

} // namespace whisperstore::test
