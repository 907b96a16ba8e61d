#pragma once
// PostgreSQL as a careful programmer would use it by hand: libpq, blocking, prepared statements, one thread a
// connection.

#include <array>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace whisperstore::bench {

class RawPostgresql
{
public:
    using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

    explicit RawPostgresql(const std::string& url) : connection_(PQconnectdb(url.c_str()), PQfinish)
    {
        if (PQstatus(connection_.get()) != CONNECTION_OK)
            throw std::runtime_error(PQerrorMessage(connection_.get()));
    }

    void run(const std::string& sql) { check(Result(PQexec(connection_.get(), sql.c_str()), PQclear)); }
    void prepare(const char* name, const char* sql)
    {
        check(Result(PQprepare(connection_.get(), name, sql, 0, nullptr), PQclear));
    }
    template <std::size_t Count>
    Result execute(const char* name, const std::array<const char*, Count>& values)
    {
        Result result(
            PQexecPrepared(connection_.get(), name, static_cast<int>(Count), values.data(), nullptr, nullptr, 0),
            PQclear);
        check(result);
        return result;
    }

private:
    void check(const Result& result)
    {
        const ExecStatusType status = PQresultStatus(result.get());
        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
            throw std::runtime_error(PQerrorMessage(connection_.get()));
    }

    std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

} // namespace whisperstore::bench
