#pragma once
// What a database or an archive holds besides rows. Pure data.

#include "database/archive/portable_table.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace whisperstore::archive {

/// A statement that only the database an archive was made from understands.
struct Definition
{
    std::string kind;
    std::string name;
    std::string sql;
    friend bool operator==(const Definition&, const Definition&) = default;
};

/// Something that only the database it is in understands.
struct LeftOut
{
    std::string name;   ///< with what it is: "the view recent"
    std::string reason; ///< "is partitioned"
    /// Its rows as well; else the rows of all tables are there, and the definitions, if there are any, make it again.
    bool has_rows = false;
    friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

struct Contents
{
    std::vector<PortableTable> tables;
    /// The largest id a table with automatic ids ever gave.
    std::vector<std::pair<std::string, std::int64_t>> last_ids;
    /// The tables and everything else in the database's own words, as only a database of its kind understands them.
    std::vector<Definition> definitions;
    /// What `tables` do not say.
    std::vector<LeftOut> left_out;
};

} // namespace whisperstore::archive
