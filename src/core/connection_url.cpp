#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace whisperstore {

namespace {

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

int hex_digit(char c) noexcept
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) noexcept
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text)
{
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
    return out;
}

bool is_secret_key(std::string_view key)
{
    const std::string name = lower(key);
    return name.find("password") != std::string::npos || name.find("passphrase") != std::string::npos ||
           name.find("token") != std::string::npos || name.find("secret") != std::string::npos ||
           name.find("key") != std::string::npos;
}

bool is_host_character(char c) noexcept
{
    return is_unreserved(c) || c == ':' || c == '%' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_ipv6(std::string_view host) noexcept
{
    return std::count(host.begin(), host.end(), ':') >= 2 &&
           std::all_of(host.begin(), std::find(host.begin(), host.end(), '%'),
                       [](char c) { return hex_digit(c) >= 0 || c == ':' || c == '.'; });
}

/// Nothing where the text is not host[:port]; messages are the caller's, who knows what may be repeated.
std::optional<HostPort> read_host(std::string_view text)
{
    HostPort out;
    if (text.starts_with('/')) {
        out.host = text;
        return out;
    }
    std::string_view rest;
    if (text.starts_with('[')) {
        const std::size_t end = text.find(']');
        if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1)))
            return std::nullopt;
        out.host = text.substr(1, end - 1);
        rest = text.substr(end + 1);
    } else if (is_ipv6(text)) {
        out.host = text;
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        out.host = text.substr(0, colon);
        rest = text.substr(colon);
    }
    if (out.host.empty() || !std::all_of(out.host.begin(), out.host.end(), is_host_character))
        return std::nullopt;
    if (rest.empty())
        return out;
    unsigned int port = 0;
    const char* last = rest.data() + rest.size();
    const auto [end, error] = std::from_chars(rest.data() + 1, last, port);
    if (rest.front() != ':' || error != std::errc() || end != last || port == 0 || port > 65535)
        return std::nullopt;
    out.port = static_cast<std::uint16_t>(port);
    return out;
}

/// A host inside a URL: a Unix socket's directory and an IPv6 zone are percent-encoded there.
HostPort url_host(std::string_view text, const std::string& scheme)
{
    const bool is_bracketed = text.starts_with('[');
    std::optional<HostPort> out;
    if (is_bracketed || text.find('%') == std::string_view::npos) {
        out = read_host(text);
    } else {
        const std::size_t colon = std::min(text.find(':'), text.size());
        out = read_host(std::string("host").append(text.substr(colon)));
        if (out)
            out->host = text.substr(0, colon);
    }
    if (!out)
        throw invalid("a host of the " + scheme +
                      " URL is not host:port with a port of 1 to 65535 (IPv6 needs brackets: [::1]:5432; '/', '?' and "
                      "'%' in a password are written %2F, %3F and %25)");
    out->host = percent_decode(out->host);
    return *out;
}

std::string encode_host(const HostPort& host)
{
    if (host.host.find(':') != std::string::npos) {
        HostPort out = host;
        if (const std::size_t zone = out.host.find('%'); zone != std::string::npos)
            out.host.replace(zone, 1, "%25");
        return out.to_string();
    }
    return HostPort{percent_encode(host.host), host.port}.to_string();
}

std::string encode_path(std::string_view path)
{
    std::string out;
    for (char c : path)
        out += c == '/' ? "/" : percent_encode(std::string_view(&c, 1));
    return out;
}

std::string build(const ConnectionUrl& url, bool redact)
{
    const auto secret = [redact](const std::string& text) {
        return redact ? std::string("***") : percent_encode(text);
    };
    std::string out = url.scheme;
    out.append("://");
    if (url.username)
        out.append(percent_encode(*url.username));
    if (url.password)
        out.append(1, ':').append(secret(*url.password));
    if (url.username || url.password)
        out.push_back('@');
    for (std::size_t i = 0; i < url.hosts.size(); ++i)
        out.append(i == 0 ? "" : ",").append(encode_host(url.hosts[i]));
    out.append(encode_path(url.path));
    for (std::size_t i = 0; i < url.query.size(); ++i) {
        const auto& [key, value] = url.query[i];
        out.append(1, i == 0 ? '?' : '&').append(percent_encode(key)).append(1, '=');
        out.append(is_secret_key(key) ? secret(value) : percent_encode(value));
    }
    return out;
}

} // namespace

HostPort HostPort::parse(std::string_view text)
{
    if (std::optional<HostPort> out = read_host(text))
        return *out;
    throw invalid("'" + std::string(text) +
                  "' is not host or host:port with a port of 1 to 65535 (IPv6 with a port needs brackets: [::1]:5432)");
}

std::vector<HostPort> parse_hosts(std::string_view text)
{
    std::vector<HostPort> out;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        std::string_view item = text.substr(begin, end - begin);
        const std::size_t first = std::min(item.find_first_not_of(" \t"), item.size());
        item.remove_prefix(first);
        item.remove_suffix(item.size() - (item.find_last_not_of(" \t") + 1));
        out.push_back(HostPort::parse(item));
        begin = end + 1;
    }
    return out;
}

std::string HostPort::to_string() const
{
    std::string out = host;
    if (host.find(':') != std::string::npos) {
        out.insert(out.begin(), '[');
        out.push_back(']');
    }
    if (port)
        out.append(1, ':').append(std::to_string(*port));
    return out;
}

std::string percent_encode(std::string_view text)
{
    std::string out;
    for (char c : text) {
        if (is_unreserved(c)) {
            out.push_back(c);
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out.push_back('%');
            out.push_back("0123456789ABCDEF"[byte >> 4]);
            out.push_back("0123456789ABCDEF"[byte & 15]);
        }
    }
    return out;
}

std::string percent_decode(std::string_view text)
{
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
        if (high < 0 || low < 0)
            throw invalid("a '%' in a URL must be followed by two hex digits; write %25 for a plain '%'");
        out.push_back(static_cast<char>(high * 16 + low));
        i += 2;
    }
    return out;
}

ConnectionUrl ConnectionUrl::parse(std::string_view text)
{
    ConnectionUrl url;
    const std::size_t scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos || scheme_end == 0)
        throw invalid("a connection URL must begin with a scheme such as postgresql://");
    url.scheme = lower(text.substr(0, scheme_end));
    if (!std::all_of(url.scheme.begin(), url.scheme.end(), [](char c) { return is_unreserved(c) || c == '+'; }))
        throw invalid("a connection URL must begin with a scheme such as postgresql://");
    std::string_view rest = text.substr(scheme_end + 3);

    const std::size_t authority_end = std::min(rest.find_first_of("/?"), rest.size());
    if (rest.find('@', authority_end) != std::string_view::npos)
        throw invalid("the " + url.scheme +
                      " URL has a '@' after its hosts: write '/' as %2F and '?' as %3F in the password, and '@' as %40 "
                      "in the path");
    if (const std::size_t question = rest.find('?'); question != std::string_view::npos) {
        std::string_view pairs = rest.substr(question + 1);
        rest = rest.substr(0, question);
        while (!pairs.empty()) {
            const std::size_t end = std::min(pairs.find('&'), pairs.size());
            const std::string_view pair = pairs.substr(0, end);
            const std::size_t equals = pair.find('=');
            if (equals == std::string_view::npos)
                throw invalid("a query parameter of the " + url.scheme + " URL has no '='");
            url.query.emplace_back(percent_decode(pair.substr(0, equals)), percent_decode(pair.substr(equals + 1)));
            pairs.remove_prefix(std::min(end + 1, pairs.size()));
        }
    }
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    std::string_view authority = rest.substr(0, slash);
    url.path = percent_decode(rest.substr(slash));
    // A raw '@' in a password is common by mistake; the last one ends the user-info.
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
        const std::string_view user_info = authority.substr(0, at);
        authority = authority.substr(at + 1);
        const std::size_t colon = user_info.find(':');
        if (!user_info.substr(0, colon).empty())
            url.username = percent_decode(user_info.substr(0, colon));
        if (colon != std::string_view::npos)
            url.password = percent_decode(user_info.substr(colon + 1));
    }
    if (authority.ends_with(','))
        throw invalid("the host list of the " + url.scheme + " URL ends in a comma");
    while (!authority.empty()) {
        const std::size_t end = std::min(authority.find(','), authority.size());
        url.hosts.push_back(url_host(authority.substr(0, end), url.scheme));
        authority.remove_prefix(std::min(end + 1, authority.size()));
    }
    return url;
}

std::string ConnectionUrl::to_string() const { return build(*this, false); }
std::string ConnectionUrl::redacted() const { return build(*this, true); }

std::optional<std::string> ConnectionUrl::find(std::string_view key) const
{
    for (const auto& [name, value] : query)
        if (name == key)
            return value;
    return std::nullopt;
}

std::string redact_url(std::string_view text)
{
    if (text.starts_with("sqlite:"))
        return std::string(text);
    try {
        return ConnectionUrl::parse(text).redacted();
    } catch (const StorageError&) {
        return "***"; // what cannot be parsed cannot be redacted in part
    }
}

std::filesystem::path expand_home(std::string_view path)
{
    if (path != "~" && !path.starts_with("~/"))
        return std::filesystem::path(path);
    const char* home = std::getenv("HOME");
    if (!home || !*home)
        throw invalid("'~' in '" + std::string(path) + "' needs the HOME environment variable; write an absolute path");
    const std::size_t rest = std::min(path.find_first_not_of('/', 1), path.size());
    return rest == path.size() ? std::filesystem::path(home) : std::filesystem::path(home) / path.substr(rest);
}

SqlitePath sqlite_path(std::string_view url)
{
    constexpr std::string_view scheme = "sqlite:///";
    if (!url.starts_with(scheme))
        throw invalid("a SQLite connection string must read sqlite:///path (four slashes for an absolute path), "
                      "sqlite:///~/path or sqlite:///:memory:");
    std::string_view rest = url.substr(scheme.size());
    SqlitePath out;
    if (const std::size_t question = rest.find('?'); question != std::string_view::npos) {
        const std::string_view mode = rest.substr(question + 1);
        if (mode != "mode=ro" && mode != "mode=rw")
            throw invalid("a SQLite connection string takes ?mode=ro or ?mode=rw, not '?" + std::string(mode) + "'");
        out.read_only = mode == "mode=ro";
        rest = rest.substr(0, question);
    }
    const std::string path = percent_decode(rest);
    if (path.find('\0') != std::string::npos)
        throw invalid("the path of the SQLite connection string contains a NUL character");
    if (path.empty())
        throw invalid("the SQLite connection string names no file");
    if (path == ":memory:") {
        if (out.read_only)
            throw invalid("an in-memory database cannot be read-only");
        out.memory = true;
        return out;
    }
    out.path = expand_home(path);
    return out;
}

std::string sqlite_url(const std::filesystem::path& path, bool read_only)
{
    return std::string("sqlite:///").append(encode_path(path.string())).append(read_only ? "?mode=ro" : "");
}

} // namespace whisperstore
