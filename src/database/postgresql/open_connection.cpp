// Opening a connection: look-up, libpq's handshake, the session's settings.

#include "core/failure.hpp"
#include "database/postgresql/connection.hpp"
#include "database/postgresql/sqlstate.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace whisperstore::postgresql {

namespace {

using Clock = std::chrono::steady_clock;

StorageError unreachable(const Surroundings& about, const std::string& reason)
{
    ErrorDetails details;
    details.retryable = true;
    return StorageError(StorageErrc::unavailable, reason + " (" + about.options->describe(about.host) + ")",
                        std::move(details));
}

/// The addresses of the host as texts; a single empty one where libpq needs none (a socket's folder).
awaitable<std::vector<std::string>> look_up(const Surroundings& about, Clock::time_point end)
{
    if (about.host.host.starts_with('/'))
        co_return std::vector<std::string>(1);
    if (!about.address.empty())
        co_return std::vector<std::string>(1, about.address);
    const auto executor = co_await asio::this_coro::executor;
    asio::ip::tcp::resolver resolver(executor);
    boost::system::error_code error;
    const auto left = std::max(end - Clock::now(), Clock::duration(1));
    auto token = asio::cancel_after(left, asio::redirect_error(asio::use_awaitable, error));
    const auto found = co_await resolver.async_resolve(about.host.host, std::to_string(*about.host.port),
                                                       asio::ip::tcp::resolver::flags(), token);
    if (error)
        throw unreachable(about, error == asio::error::operation_aborted
                                     ? "the host was not found within its time"
                                     : "the host was not found: " + error.message());
    std::vector<std::string> addresses;
    for (const auto& entry : found) {
        const std::string address = entry.endpoint().address().to_string();
        if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
            addresses.push_back(address);
    }
    co_return addresses;
}

/// Waits for libpq's socket, which may be another one at each step.
awaitable<void> wait_for(const Surroundings& about, PGconn* link, bool reading, Clock::time_point end)
{
    const auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor descriptor(executor, PQsocket(link));
    struct Release
    {
        asio::posix::stream_descriptor& descriptor;
        ~Release() { descriptor.release(); } // the socket is libpq's
    };
    const Release release{descriptor};
    boost::system::error_code error;
    const auto kind = reading ? asio::posix::stream_descriptor::wait_read : asio::posix::stream_descriptor::wait_write;
    const auto left = std::max(end - Clock::now(), Clock::duration(1));
    auto token = asio::cancel_after(left, asio::redirect_error(asio::use_awaitable, error));
    co_await descriptor.async_wait(kind, token);
    if (error == asio::error::operation_aborted)
        throw unreachable(about, "the server did not answer within " +
                                     std::to_string(about.options->connect_timeout.count()) + " ms");
}

/// The SQLSTATE in a verbose message, "FATAL:  28P01: password authentication failed": libpq has no other way.
std::string state_in(std::string_view message)
{
    for (std::size_t at = message.find(": "); at != std::string_view::npos; at = message.find(": ", at + 1)) {
        std::size_t begin = at + 1;
        while (begin < message.size() && message[begin] == ' ')
            ++begin;
        const std::string_view state = message.substr(begin, 5);
        const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
        const auto fits = [&](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); };
        if (state.size() == 5 && std::all_of(state.begin(), state.end(), fits) &&
            std::any_of(state.begin(), state.end(), is_digit) && // unlike FATAL
            message.substr(begin + 5).starts_with(": "))
            return std::string(state);
    }
    return {};
}

/// Without the lines that only the server's developers need, and without what is said better elsewhere: the place, the
/// SQLSTATE and libpq's question whether the server is running.
std::string words_of(const PGconn* link)
{
    std::string words = last_words(link);
    for (const std::string_view end : {"; LOCATION:", "; Is the server running"})
        if (const std::size_t at = words.find(end); at != std::string::npos)
            words.erase(at);
    return words;
}

std::string without_prefix(std::string words, const std::string& state)
{
    constexpr std::string_view failed = " failed: ";
    if (words.starts_with("connection to server "))
        if (const std::size_t at = words.find(failed); at != std::string::npos)
            words.erase(0, at + failed.size());
    if (!state.empty())
        if (const std::size_t at = words.find(state + ": "); at != std::string::npos)
            words.erase(0, at + state.size() + 2);
    return words;
}

StorageError refused(const Surroundings& about, const PGconn* link)
{
    const std::string words = words_of(link);
    const std::string state = state_in(words);
    const std::string text = without_prefix(words, state) + " (" + about.options->describe(about.host) + ")";
    ErrorDetails details;
    details.native_code = state;
    if (!state.empty()) {
        const SqlState meaning = classify(state);
        details.retryable = meaning.retryable;
        return StorageError(meaning.code, text, std::move(details));
    }
    // Said by libpq itself: it has no codes for what it finds.
    if (PQconnectionNeedsPassword(link) != 0)
        return StorageError(StorageErrc::authentication, text + ": the server asks for a password", details);
    if (words.find("certificate") != std::string::npos || words.find("private key") != std::string::npos ||
        words.find("does not support SSL") != std::string::npos)
        return StorageError(StorageErrc::authentication, text, details);
    details.retryable = true;
    return StorageError(StorageErrc::unavailable, text, std::move(details));
}

void on_early_notice(void* about, const PGresult* result) noexcept
{
    const auto& logger = static_cast<const Surroundings*>(about)->logger;
    try {
        if (logger)
            logger(LogLevel::info, "postgresql", field(result, PG_DIAG_MESSAGE_PRIMARY));
    } catch (const std::bad_alloc&) {
        return; // libpq's frames are between us and a caller
    }
}

awaitable<Link> shake_hands(const Surroundings& about, const std::string& address, Clock::time_point end)
{
    std::vector<const char*> keys;
    std::vector<const char*> values;
    const std::string port = std::to_string(*about.host.port);
    const auto add = [&](const char* key, const std::string& value) {
        keys.push_back(key);
        values.push_back(value.c_str());
    };
    add("host", about.host.host);
    if (!address.empty())
        add("hostaddr", address);
    add("port", port);
    for (const auto& [key, value] : about.options->keywords)
        add(key.c_str(), value);
    keys.push_back(nullptr);
    values.push_back(nullptr);
    Link link(PQconnectStartParams(keys.data(), values.data(), 0));
    if (!link)
        throw StorageError(StorageErrc::resource_exhausted, "out of memory");
    // libpq would print what the server remarks meanwhile.
    PQsetNoticeReceiver(link.get(), &on_early_notice, const_cast<Surroundings*>(&about));
    PQsetErrorVerbosity(link.get(), PQERRORS_VERBOSE);
    PostgresPollingStatusType step = PGRES_POLLING_WRITING;
    if (PQstatus(link.get()) == CONNECTION_BAD)
        throw refused(about, link.get());
    while (true) {
        co_await wait_for(about, link.get(), step == PGRES_POLLING_READING, end);
        step = PQconnectPoll(link.get());
        if (step == PGRES_POLLING_OK)
            break;
        if (step == PGRES_POLLING_FAILED)
            throw refused(about, link.get());
    }
    PQsetErrorVerbosity(link.get(), PQERRORS_DEFAULT);
    co_return link;
}

/// What our reading of values relies on. Behind a pooler only what it carries over to each server connection.
std::string session_settings(const Options& options)
{
    std::string sql = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'";
    if (!options.named_statements)
        return sql;
    sql += "; SET IntervalStyle = 'iso_8601'; SET bytea_output = 'hex'; SET extra_float_digits = 1"
           "; SET standard_conforming_strings = on; SET statement_timeout = 0";
    // Should this process stop in the middle of a transaction, the server need not keep its locks for ever.
    sql += "; SET idle_in_transaction_session_timeout = ";
    sql += std::to_string(2 * options.transaction_idle_limit.count() + 10'000);
    if (options.read_only)
        sql += "; SET default_transaction_read_only = on";
    return sql;
}

awaitable<void> set_up(const Surroundings& about, PGconn* link, Clock::time_point end)
{
    std::string settings = session_settings(*about.options);
    if (!about.greeting.empty())
        settings.append("; ").append(about.greeting);
    const Clock::time_point asked = Clock::now();
    if (PQsetnonblocking(link, 1) != 0 || PQsendQuery(link, settings.c_str()) != 1)
        throw refused(about, link);
    while (true) {
        while (PQisBusy(link) != 0) {
            co_await wait_for(about, link, true, end);
            if (PQconsumeInput(link) != 1)
                throw refused(about, link);
        }
        const Result result(PQgetResult(link));
        if (!result)
            break;
        if (PQresultStatus(result.get()) == PGRES_TUPLES_OK) {
            about.greeted(PQgetvalue(result.get(), 0, 0), asked);
            continue;
        }
        if (PQresultStatus(result.get()) != PGRES_COMMAND_OK)
            throw server_error(result.get()).prefixed("setting up the session: ");
    }
    if (PQenterPipelineMode(link) != 1)
        throw refused(about, link);
}

} // namespace

awaitable<std::shared_ptr<Connection>> Connection::open(Surroundings surroundings)
{
    const Clock::time_point end = Clock::now() + surroundings.options->connect_timeout;
    const std::vector<std::string> addresses = co_await look_up(surroundings, end);
    std::optional<StorageError> failure;
    for (const std::string& address : addresses) {
        try {
            Link link = co_await shake_hands(surroundings, address, end);
            co_await set_up(surroundings, link.get(), end);
            co_return std::make_shared<Connection>(surroundings, std::move(link));
        } catch (const StorageError& error) {
            failure = error;
        }
        // Another address is of use only where this one did not answer.
        if (failure->errc() != StorageErrc::unavailable)
            break;
    }
    throw StorageError(failure.value());
}

} // namespace whisperstore::postgresql
