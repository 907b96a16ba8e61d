#include "migration/measured_snapshot.hpp"

#include "migration/portable_rows.hpp"
#include "sqlite/store.hpp"

namespace whisperstore {

namespace {

std::vector<std::string> column_names(const PortableTable& table)
{
    std::vector<std::string> names;
    for (const PortableColumn& column : table.columns)
        names.push_back(column.name);
    return names;
}

MigratedItem item_of(const PortableTable& table, const ContentHash& hash)
{
    return MigratedItem{table.name, hash.rows(), hash.bytes(), hash.hex()};
}

} // namespace

awaitable<MigratedItem> measure(std::shared_ptr<DatabaseSnapshot> snapshot, PortableTable table, PieceRead read,
                                OperationContext context)
{
    const auto shared = std::make_shared<const PortableTable>(std::move(table));
    const auto hash = std::make_shared<ContentHash>();
    co_await snapshot->select(*shared, column_names(*shared));
    Rows rows = co_await snapshot->next();
    while (!rows.empty()) {
        const std::uint64_t before = hash->bytes();
        std::function<void()> work = [hash, shared, rows] { add_rows(*hash, *shared, rows); };
        co_await sqlite::run_on_thread(std::move(work), context);
        if (read)
            read(shared->name, rows.size(), hash->bytes() - before);
        rows = co_await snapshot->next();
    }
    co_return item_of(*shared, *hash);
}

awaitable<void> MeasuredSnapshot::select(PortableTable table, std::vector<std::string> columns)
{
    const std::vector<std::string> all = column_names(table);
    wanted_.clear();
    if (columns != all)
        for (const std::string& name : columns)
            for (std::size_t i = 0; i < all.size(); ++i)
                if (all[i] == name)
                    wanted_.push_back(i);
    wanted_columns_ = std::make_shared<const std::vector<std::string>>(std::move(columns));
    hash_ = std::make_shared<ContentHash>();
    table_ = std::make_shared<const PortableTable>(std::move(table));
    co_await inner_->select(*table_, all);
}

awaitable<Rows> MeasuredSnapshot::next()
{
    const Rows read = co_await inner_->next();
    if (read.empty()) {
        items_.insert_or_assign(table_->name, item_of(*table_, *hash_));
        co_return read;
    }
    const std::uint64_t before = hash_->bytes();
    const auto rows = std::make_shared<Rows>();
    std::function<void()> work = [rows, read, hash = hash_, table = table_, wanted = wanted_,
                                  columns = wanted_columns_] {
        add_rows(*hash, *table, read);
        *rows = portable_rows(*table, read);
        if (wanted.empty())
            return;
        RowsBuilder builder(columns);
        for (const Row& row : *rows)
            for (const std::size_t place : wanted)
                builder.add(row[place]);
        *rows = builder.finish();
    };
    co_await sqlite::run_on_thread(std::move(work), context_);
    if (read_)
        read_(table_->name, read.size(), hash_->bytes() - before);
    co_return std::move(*rows);
}

awaitable<bool> MeasuredSnapshot::write_file(std::filesystem::path file, int page_size)
{
    const bool written = co_await inner_->write_file(std::move(file), page_size);
    if (!written)
        co_return false;
    for (const PortableTable& table : contents_.tables) {
        MigratedItem item = co_await measure(inner_, table, read_, context_);
        items_.insert_or_assign(table.name, std::move(item));
    }
    co_return true;
}

const MigratedItem* MeasuredSnapshot::find(std::string_view table) const noexcept
{
    const auto found = items_.find(table);
    return found == items_.end() ? nullptr : &found->second;
}

} // namespace whisperstore
