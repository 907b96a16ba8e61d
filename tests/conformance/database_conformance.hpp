#pragma once

#include <whisperstore/database/abstract_database_adapter.hpp>

#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

namespace whisperstore::test {

/// A database backend under test. Later backends add themselves in database_backends.cpp.
struct DatabaseBackend
{
    std::string name;
    /// An adapter on an empty database of its own that lives in `directory` (or is named after it).
    std::function<std::shared_ptr<AbstractDatabaseAdapter>(const std::filesystem::path& directory)> make;
    /// A SELECT that runs for many seconds unless it is stopped.
    std::string endless_query;
    friend std::ostream& operator<<(std::ostream& out, const DatabaseBackend& backend) { return out << backend.name; }
};

const std::vector<DatabaseBackend>& database_backends();

} // namespace whisperstore::test
