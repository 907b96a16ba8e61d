#pragma once
// Databases of every type to migrate from and to, and what is in them.

#include "servers/postgresql_servers.hpp"
#include "support/run.hpp"
#include "support/test_directory.hpp"

#include <whisperstore/database/abstract_database_adapter.hpp>
#include <whisperstore/migration/storage_migration_manager.hpp>

#include <map>
#include <memory>
#include <string>

namespace whisperstore::test {

/// An empty database of its own, connected, with an adapter on it.
class MigrationStore
{
public:
    /// \param type "sqlite", "postgresql", or "postgresql_cluster": a primary and its standby, which reads go to
    explicit MigrationStore(const std::string& type);
    ~MigrationStore();
    MigrationStore(const MigrationStore&) = delete;
    MigrationStore& operator=(const MigrationStore&) = delete;

    AbstractDatabaseAdapter& adapter() const { return *adapter_; }
    /// A URL for another process.
    const std::string& url() const noexcept { return url_; }
    QueryResult query(std::string sql, Parameters parameters = Parameters()) const
    {
        return run(adapter_->execute_query(std::move(sql), std::move(parameters)));
    }
    /// The first cell.
    std::string value(const std::string& sql) const;
    void script(const std::string& sql) const; ///< several statements, in one transaction
    void make_schema() const;
    /// Of SQLite: as the sqlite3 shell writes all of it.
    std::string dump() const;

private:
    TestDirectory directory_;
    std::unique_ptr<TestDatabase> database_;
    std::string url_;
    std::shared_ptr<AbstractDatabaseAdapter> adapter_;
};

/// The recorded conversations, as users, messages and conversations of the portable schema.
void fill_with_conversations(const MigrationStore& store);
/// Tables of an application in SQLite, in the form in which they come back from elsewhere, with values that are easily
/// lost or changed on the way; and such values in the portable schema.
void fill_with_hostile_data(const MigrationStore& store);

MigrationReport migrate(const MigrationStore& from, const MigrationStore& to,
                        MigrationOptions options = MigrationOptions());
MigrationOptions with(ExistingData existing);

/// Hashes of the tables with rows, by name.
std::map<std::string, std::string> hashes(const MigrationReport& report);
/// The same of what a database holds, by migrating it into a new one of SQLite.
std::map<std::string, std::string> hashes(const MigrationStore& store);

} // namespace whisperstore::test
