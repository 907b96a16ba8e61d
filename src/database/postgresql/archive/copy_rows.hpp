#pragma once
// The binary format of COPY … TO STDOUT (manual, "COPY", "Binary Format"). Pure code without I/O.

#include "database/postgresql/types.hpp"

#include <whisperstore/database/query_result.hpp>

#include <string_view>
#include <vector>

namespace whisperstore::postgresql {

/// Reads the messages of one COPY in order.
class CopyRows
{
public:
    explicit CopyRows(std::vector<Oid> types) : types_(std::move(types)) {}
    /// Adds the rows of whole messages. Throws StorageError corrupt for what is not the format, and what decode() throws.
    void read(std::string_view messages, RowsBuilder& rows);
    /// Whether the mark of the end has come.
    bool at_end() const noexcept { return at_end_; }

private:
    const std::vector<Oid> types_;
    bool begun_ = false;
    bool at_end_ = false;
};

} // namespace whisperstore::postgresql
