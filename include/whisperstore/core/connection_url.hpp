#pragma once
/// \file
/// Connection URLs: `scheme://user:password@host:port,host2/path?key=value`.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whisperstore {

/// One `host:port`. IPv6 addresses are held without brackets; a host beginning with `/` is the
/// directory of a Unix socket.
struct HostPort
{
    std::string host;
    std::optional<std::uint16_t> port = std::nullopt;

    /// Reads `host`, `host:port`, `[::1]:port`, `::1` and `/socket/directory`.
    /// \throws StorageError invalid_argument naming the text.
    static HostPort parse(std::string_view text);
    /// `host:port`, with brackets around an IPv6 address.
    std::string to_string() const;
    friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// Reads `h1:5432,h2,[::1]:5433`; spaces around commas are allowed, empty items are not.
/// \throws StorageError invalid_argument naming the text.
std::vector<HostPort> parse_hosts(std::string_view text);

/// Percent-encodes everything but unreserved characters (RFC 3986, section 2.3).
std::string percent_encode(std::string_view text);
/// \throws StorageError invalid_argument for a `%` without two hex digits.
std::string percent_decode(std::string_view text);

/// A URL in its parts, decoded. The text forms encode user-info, so `a@b/c:d` is a legal password.
struct ConnectionUrl
{
    std::string scheme = {}; ///< lower case
    std::optional<std::string> username = std::nullopt;
    std::optional<std::string> password = std::nullopt;
    std::vector<HostPort> hosts = {};
    std::string path = {}; ///< with its leading slash, decoded; empty when absent
    std::vector<std::pair<std::string, std::string>> query = {};

    /// In user-info a raw `@`, `:` (in the password) and `#` are understood; `/` and `?` must be
    /// written `%2F` and `%3F`. A raw `@` after the hosts is refused: nearly always it is a password
    /// with an unencoded `/` or `?`, which would otherwise be taken for hosts and a path.
    /// \throws StorageError invalid_argument; the message never repeats any of the URL but its scheme.
    static ConnectionUrl parse(std::string_view text);
    std::string to_string() const;
    /// The URL with its password, and query values under keys that name a password, token, secret or
    /// key, replaced by `***`.
    std::string redacted() const;
    /// A query value by key.
    std::optional<std::string> find(std::string_view key) const;
};

/// Redacts a text that should be a URL; anything unparsable becomes `***`. `sqlite:` URLs hold no secret.
std::string redact_url(std::string_view text);

/// Where a `sqlite:` URL points.
struct SqlitePath
{
    std::filesystem::path path; ///< empty for an in-memory database
    bool memory = false;
    bool read_only = false;
};
/// Reads `sqlite:///relative/or/~/path`, `sqlite:////absolute/path`, `sqlite:///:memory:`, `?mode=ro`,
/// `?mode=rw`. As in the reference an absolute path after three slashes (`sqlite:///` + `/home/…`)
/// has four. `~` is the home directory (HOME). \throws StorageError invalid_argument.
SqlitePath sqlite_path(std::string_view url);
/// The `sqlite:` URL of a path; a leading `~` stays.
std::string sqlite_url(const std::filesystem::path& path, bool read_only = false);

/// Replaces a leading `~` by the home directory. \throws StorageError invalid_argument when HOME is not set.
std::filesystem::path expand_home(std::string_view path);

} // namespace whisperstore
