#pragma once
/// \file
/// The SQL dialects we speak.

#include <string_view>

namespace whisperstore {

enum class SqlDialect
{
    sqlite,
    postgresql
};
/// "sqlite" or "postgresql".
constexpr std::string_view to_string(SqlDialect dialect) noexcept
{
    return dialect == SqlDialect::sqlite ? "sqlite" : "postgresql";
}

} // namespace whisperstore
