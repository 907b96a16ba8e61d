#pragma once
// The database alone, for the commands that change its schema.

#include "invocation.hpp"

#include <whisperstore/core/sql_dialect.hpp>
#include <whisperstore/database/abstract_database_adapter.hpp>

#include <memory>

namespace whisperstore::cli {

/// The language of a configured database.
SqlDialect dialect_of(const DatabaseConfig& config) noexcept;

/// The database while a command uses it. No other store is opened: they need not be there.
class SchemaDatabase
{
public:
    /// With Access::write the tables of whisperstore are created where they are missing, as `init` does, and as long as
    /// another process has the data it is waited for. With Access::read a file that is not there is an empty database.
    /// \param wait seconds
    SchemaDatabase(Invocation& invocation, const AdaptiveConfigManager& manager, Access access, double wait);
    SchemaDatabase(Invocation& invocation, Access access, double wait)
        : SchemaDatabase(invocation, invocation.configure(), access, wait)
    {
    }
    /// Closes without telling of failures: there is an error under way already.
    ~SchemaDatabase();
    SchemaDatabase(const SchemaDatabase&) = delete;
    SchemaDatabase& operator=(const SchemaDatabase&) = delete;

    AbstractDatabaseAdapter& operator*() const noexcept { return *database_; }
    /// Closes; throws what fails.
    void close();

private:
    void connect(double wait);

    Invocation& invocation_;
    std::shared_ptr<AbstractDatabaseAdapter> database_;
};

} // namespace whisperstore::cli
