#pragma once
// A snapshot of a database that is counted and hashed while somebody reads it.

#include "core/content_hash.hpp"
#include "database/archive/database_snapshot.hpp"

#include <whisperstore/core/operation_context.hpp>
#include <whisperstore/migration/migration_report.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace whisperstore {

/// Called with each piece of a table: its name, the rows and the bytes of the piece.
using PieceRead = std::function<void(std::string_view table, std::uint64_t rows, std::uint64_t bytes)>;

/// Reads all rows of a table and hashes them. \param table its columns are asked for, in their order
awaitable<MigratedItem> measure(std::shared_ptr<DatabaseSnapshot> snapshot, PortableTable table, PieceRead read,
                                OperationContext context);

/// What is read from it is hashed; values are those of portable_rows().
class MeasuredSnapshot final : public DatabaseSnapshot
{
public:
    /// \param contents what of the snapshot there is
    MeasuredSnapshot(std::shared_ptr<DatabaseSnapshot> inner, archive::Contents contents, PieceRead read,
                     OperationContext context)
        : inner_(std::move(inner)), contents_(std::move(contents)), read_(std::move(read)), context_(std::move(context))
    {
    }

    const archive::Contents& contents() const noexcept override { return contents_; }
    std::string store() const override { return inner_->store(); }
    awaitable<std::uint64_t> count(PortableTable table) override { return inner_->count(std::move(table)); }
    awaitable<void> select(PortableTable table, std::vector<std::string> columns) override;
    awaitable<Rows> next() override;
    /// All tables are read besides.
    awaitable<bool> write_file(std::filesystem::path file, int page_size) override;
    awaitable<void> close() override { return inner_->close(); }

    /// Of a table whose rows were all read; none of one that nobody has read.
    const MigratedItem* find(std::string_view table) const noexcept;

private:
    const std::shared_ptr<DatabaseSnapshot> inner_;
    const archive::Contents contents_;
    const PieceRead read_;
    const OperationContext context_;
    std::shared_ptr<const PortableTable> table_; // that is read
    std::shared_ptr<ContentHash> hash_;
    std::vector<std::size_t> wanted_; // places of the columns that were asked for; empty: all, in their order
    std::shared_ptr<const std::vector<std::string>> wanted_columns_;
    std::map<std::string, MigratedItem, std::less<>> items_;
};

} // namespace whisperstore
