#pragma once
// libpq's objects with owners, and its errors as ours.

#include <whisperstore/core/error.hpp>

#include <libpq-fe.h>
#include <memory>
#include <string>
#include <string_view>

namespace whisperstore::postgresql {

struct ClearResult
{
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using Result = std::unique_ptr<PGresult, ClearResult>;

struct FinishLink
{
    void operator()(PGconn* link) const noexcept { PQfinish(link); }
};
using Link = std::unique_ptr<PGconn, FinishLink>;

struct FreeCancel
{
    void operator()(PGcancel* cancel) const noexcept { PQfreeCancel(cancel); }
};
using CancelHandle = std::unique_ptr<PGcancel, FreeCancel>;

/// A field of an error or notice; empty when absent.
std::string_view field(const PGresult* result, int code) noexcept;
inline std::string_view state_of(const PGresult* result) noexcept { return field(result, PG_DIAG_SQLSTATE); }
/// The server ends the connection after it: the statement it answers and all behind it were not carried out.
bool is_fatal(const PGresult* result) noexcept;

/// The StorageError of an error result: the server's message, detail and hint.
StorageError server_error(const PGresult* result);
/// libpq's last words about a connection, without line breaks. libpq never repeats a password.
std::string last_words(const PGconn* link);

/// A connection that broke: what is known of the statements in it is each request's to say.
struct Broken
{
    std::string reason;
    std::string state; ///< SQLSTATE, where the server gave one
};

/// For libpq calls that return 1 for success. Throws Broken.
void require_sent(PGconn* link, int returned);

} // namespace whisperstore::postgresql
