// Connection URLs, host lists, `sqlite:` URLs and percent encoding.

#include "fuzz/fuzz_target.hpp"

#include <whisperstore/core/connection_url.hpp>

namespace whisperstore::fuzz {

namespace {

bool is_equal(const ConnectionUrl& a, const ConnectionUrl& b)
{
    return a.scheme == b.scheme && a.username == b.username && a.password == b.password && a.hosts == b.hosts &&
           a.path == b.path && a.query == b.query;
}

void check_url(std::string_view text)
{
    const ConnectionUrl url = ConnectionUrl::parse(text);
    const std::string written = url.to_string();
    require(is_equal(ConnectionUrl::parse(written), url), "a written URL is read as it was");
    if (url.password && !url.password->empty()) {
        // The password may stand elsewhere too, so another one must give the same text.
        ConnectionUrl other = url;
        other.password->push_back('x');
        require(other.redacted() == url.redacted(), "a redacted URL does not depend on the password");
    }
}

void check_sqlite(std::string_view text)
{
    const SqlitePath found = sqlite_path(text);
    require(found.memory == found.path.empty(), "a database is in memory or has a path");
    if (found.memory || !found.path.is_absolute())
        return;
    const SqlitePath again = sqlite_path(sqlite_url(found.path, found.read_only));
    require(again.path == found.path && again.read_only == found.read_only, "a written path is read as it was");
}

} // namespace

} // namespace whisperstore::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using namespace whisperstore;
    const std::string_view text = fuzz::as_text(data, size);
    fuzz::accepts([&] { fuzz::check_url(text); });
    fuzz::accepts([&] { fuzz::check_sqlite(text); });
    fuzz::accepts([&] {
        std::string written;
        const std::vector<HostPort> hosts = parse_hosts(text);
        for (const HostPort& host : hosts)
            written.append(written.empty() ? "" : ",").append(host.to_string());
        fuzz::require(parse_hosts(written) == hosts, "a written list of hosts is read as it was");
    });
    fuzz::accepts([&] { static_cast<void>(percent_decode(text)); });
    fuzz::require(percent_decode(percent_encode(text)) == text, "what is encoded is decoded");
    static_cast<void>(redact_url(text));
    return 0;
}
