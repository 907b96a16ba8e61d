#pragma once
// A graph as JSON lines: a header, the nodes, the relationships, and a last line that tells how many there are.

#include <whisperstore/core/error.hpp>
#include <whisperstore/core/json.hpp>
#include <whisperstore/graph/graph_database_manager.hpp>
#include <whisperstore/migration/graph_migration.hpp>

#include <cstdint>
#include <istream>
#include <ostream>
#include <string>

namespace whisperstore::migration {

class GraphFileWriter
{
public:
    /// Writes the header.
    explicit GraphFileWriter(std::ostream& out);
    void write(const GraphPart& part);
    /// Writes the last line.
    void finish();
    const GraphMigrationReport& written() const noexcept { return written_; }

private:
    void write_line(const json::object& line);

    std::ostream& out_;
    GraphMigrationReport written_;
};

class GraphFileReader
{
public:
    /// Reads the header. Errors are those of import_graph().
    explicit GraphFileReader(std::istream& in);
    /// At most `limit` of nodes or relationships; fewer, and then none, at the end.
    GraphPart read(std::size_t limit);
    const GraphMigrationReport& read() const noexcept { return read_; }

private:
    /// The next line; false at the end of the file.
    bool next_line(json::object& line);
    /// Adds what the line holds; false for the last one.
    bool add(GraphPart& part, json::object line);
    [[noreturn]] void fail(const StorageError& error) const;

    std::istream& in_;
    std::uint64_t line_ = 0;
    bool ended_ = false;
    GraphMigrationReport read_;
};

} // namespace whisperstore::migration
