#include "protocol/bolt/requests.hpp"

#include "protocol/bolt/chunks.hpp"

#include <whisperstore/core/version.hpp>

namespace whisperstore::bolt {

namespace {

std::size_t auth_fields(const Auth& auth) noexcept
{
    if (const auto* basic = std::get_if<BasicAuth>(&auth))
        return basic->realm.empty() ? 3 : 4;
    return std::holds_alternative<BearerAuth>(auth) ? 2 : 1;
}

void entry(Packer& out, std::string_view name, std::string_view value)
{
    out.string(name);
    out.string(value);
}

void write_auth(Packer& out, const Auth& auth)
{
    if (const auto* basic = std::get_if<BasicAuth>(&auth)) {
        entry(out, "scheme", "basic");
        entry(out, "principal", basic->username);
        entry(out, "credentials", basic->password);
        if (!basic->realm.empty())
            entry(out, "realm", basic->realm);
    } else if (const auto* bearer = std::get_if<BearerAuth>(&auth)) {
        entry(out, "scheme", "bearer");
        entry(out, "credentials", bearer->token);
    } else {
        entry(out, "scheme", "none");
    }
}

void write_routing(Packer& out, const RoutingContext& routing)
{
    out.map(routing.size());
    for (const auto& [name, value] : routing)
        entry(out, name, value);
}

void write_bookmarks(Packer& out, const Bookmarks& bookmarks)
{
    out.list(bookmarks.size());
    for (const std::string& bookmark : bookmarks)
        out.string(bookmark);
}

} // namespace

void RequestWriter::bare(std::uint8_t tag)
{
    MessageWriter message(out_);
    Packer(out_).structure(tag, 0);
    message.finish();
}

void RequestWriter::hello(std::string_view user_agent, const Auth& auth, const RoutingContext* routing)
{
    MessageWriter message(out_);
    Packer out(out_);
    const bool authenticates = version_ < Version{5, 1};
    const bool names_agent = version_ >= Version{5, 3};
    const bool asks_for_utc = version_ < Version{5, 0};
    out.structure(0x01, 1);
    out.map(1 + (authenticates ? auth_fields(auth) : 0) + (names_agent ? 1 : 0) + (asks_for_utc ? 1 : 0) +
            (routing ? 1 : 0));
    entry(out, "user_agent", user_agent);
    if (authenticates)
        write_auth(out, auth);
    if (names_agent) {
        out.string("bolt_agent");
        out.map(2);
        entry(out, "product", "whisperstore/" + std::string(library_version()));
        entry(out, "language", "C++/20");
    }
    if (asks_for_utc) {
        out.string("patch_bolt");
        out.list(1);
        out.string("utc");
    }
    if (routing) {
        out.string("routing");
        write_routing(out, *routing);
    }
    message.finish();
}

void RequestWriter::logon(const Auth& auth)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(0x6A, 1);
    out.map(auth_fields(auth));
    write_auth(out, auth);
    message.finish();
}

void RequestWriter::opening(Packer& out, const Opening& opening)
{
    const bool has_bookmarks = opening.bookmarks && !opening.bookmarks->empty();
    const bool has_timeout = opening.config && opening.config->timeout;
    const bool has_metadata = opening.config && !opening.config->metadata.empty();
    const bool reads = opening.access_mode == AccessMode::read;
    out.map(std::size_t(has_bookmarks) + std::size_t(has_timeout) + std::size_t(has_metadata) + std::size_t(reads) +
            std::size_t(!opening.database.empty()) + std::size_t(!opening.impersonated_user.empty()));
    if (has_bookmarks) {
        out.string("bookmarks");
        write_bookmarks(out, *opening.bookmarks);
    }
    if (has_timeout) {
        out.string("tx_timeout");
        out.integer(opening.config->timeout->count());
    }
    if (has_metadata) {
        out.string("tx_metadata");
        out.value(opening.config->metadata, dialect_);
    }
    if (reads)
        entry(out, "mode", "r");
    if (!opening.database.empty())
        entry(out, "db", opening.database);
    if (!opening.impersonated_user.empty())
        entry(out, "imp_user", opening.impersonated_user);
}

void RequestWriter::run(std::string_view cypher, const Map& parameters, const Opening* opening)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(0x10, 3);
    out.string(cypher);
    out.value(parameters, dialect_);
    if (opening)
        this->opening(out, *opening);
    else
        out.map(0);
    message.finish();
}

void RequestWriter::begin(const Opening& opening)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(0x11, 1);
    this->opening(out, opening);
    message.finish();
}

void RequestWriter::amount(std::uint8_t tag, std::int64_t count)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(tag, 1);
    out.map(1);
    out.string("n");
    out.integer(count);
    message.finish();
}

void RequestWriter::pull(std::int64_t count) { amount(0x3F, count); }
void RequestWriter::discard(std::int64_t count) { amount(0x2F, count); }

void RequestWriter::route(const RoutingContext& routing, const Bookmarks& bookmarks, std::string_view database,
                          std::string_view impersonated_user)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(0x66, 3);
    write_routing(out, routing);
    write_bookmarks(out, bookmarks);
    out.map(std::size_t(!database.empty()) + std::size_t(!impersonated_user.empty()));
    if (!database.empty())
        entry(out, "db", database);
    if (!impersonated_user.empty())
        entry(out, "imp_user", impersonated_user);
    message.finish();
}

void RequestWriter::telemetry(Api api)
{
    MessageWriter message(out_);
    Packer out(out_);
    out.structure(0x54, 1);
    out.integer(static_cast<std::int64_t>(api));
    message.finish();
}

} // namespace whisperstore::bolt
