#pragma once

#include "conformance/database_conformance.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <string>

namespace whisperstore::test {

/// One connected adapter on an empty database.
class Database : public testing::TestWithParam<DatabaseBackend>
{
protected:
    void SetUp() override
    {
        db = GetParam().make(directory.path());
        run(db->connect());
    }
    void TearDown() override { run(db->disconnect()); }

    QueryResult query(std::string sql, Parameters parameters = Parameters())
    {
        return run(db->execute_query(std::move(sql), std::move(parameters)));
    }
    void setup_schema() { run(db->setup_schema(WhisperEngineSchema::get_core_schema())); }
    void add_user(const std::string& id)
    {
        query("INSERT INTO users (user_id, username) VALUES (?, ?)", params(arg(id), arg("name of " + id)));
    }
    std::int64_t count(const std::string& from)
    {
        return query("SELECT count(*) AS n FROM " + from).rows[0]["n"].as_int();
    }
    /// Waits until nothing of the adapter is at work.
    bool is_idle()
    {
        return eventually([&] { return run(db->get_active_connections()) == 0; });
    }

    TestDirectory directory;
    std::shared_ptr<AbstractDatabaseAdapter> db;
};

} // namespace whisperstore::test
