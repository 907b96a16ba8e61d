#include "config/backend_choice.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>

namespace whisperstore::config {

namespace {

bool contains(const std::vector<std::string>& items, std::string_view item)
{
    return std::find(items.begin(), items.end(), item) != items.end();
}

std::string one_of(const std::vector<std::string>& types)
{
    std::string out;
    for (const std::string& type : types)
        out.append(out.empty() ? "" : " or ").append(type);
    return out.empty() ? "another kind of database" : out;
}

[[noreturn]] void refuse(std::string_view type_variable, const GivenValue& type, const UrlCandidate& candidate,
                         const GivenValue& url)
{
    throw StorageError(StorageErrc::invalid_argument, std::string(type_variable) + " is " + type.value + " (" +
                                                          type.origin + "), but " + std::string(candidate.variable) +
                                                          " (" + url.origin + ") is a URL for " +
                                                          one_of(candidate.types) + ": remove one of them");
}

TypeChoice with_given_type(SettingValues& values, const TypeQuestion& question, const GivenValue& type)
{
    TypeChoice out;
    out.type = type.value;
    out.is_set = true;
    for (const UrlCandidate& candidate : question.urls) {
        const GivenValue& url = *values.given(candidate.variable);
        if (contains(candidate.types, type.value)) {
            if (!out.url)
                out.url = url_source(candidate.variable, url);
            continue;
        }
        const bool ours = candidate.variable.starts_with("WHISPERENGINE_");
        if ((ours && url.strength >= type.strength) ||
            (url.strength == Strength::argument && type.strength != Strength::argument))
            refuse(question.type_variable, type, candidate, url);
    }
    return out;
}

std::string implied_type(const TypeQuestion& question, const UrlCandidate& candidate, const UrlSource& url)
{
    if (candidate.types.size() > 1 && url.url.hosts.size() > 1)
        return candidate.types[1];
    return contains(candidate.types, question.base.value) ? question.base.value : candidate.types[0];
}

bool names_several_hosts(const SettingValues& values, const TypeQuestion& question)
{
    if (!question.nodes_variable.empty() && values.given(question.nodes_variable))
        return true;
    const GivenValue* hosts = question.hosts_variable.empty() ? nullptr : values.given(question.hosts_variable);
    return hosts && parse_hosts(hosts->value).size() > 1;
}

} // namespace

UrlSource url_source(std::string_view variable, const GivenValue& given)
{
    UrlSource out;
    out.variable = variable;
    out.text = given.value;
    out.strength = given.strength;
    out.origin = given.origin;
    try {
        if (given.value.starts_with("sqlite:")) {
            sqlite_path(given.value);
            out.url.scheme = "sqlite";
        } else {
            out.url = ConnectionUrl::parse(given.value);
        }
    } catch (const StorageError& error) {
        throw error.prefixed(out.variable + ": ");
    }
    return out;
}

TypeChoice choose_type(SettingValues& values, const TypeQuestion& question)
{
    TypeChoice out;
    std::string origin;
    if (const GivenValue* type = values.given(question.type_variable)) {
        out = with_given_type(values, question, *type);
        origin = type->origin;
    } else if (!question.urls.empty()) {
        const UrlCandidate* chosen = nullptr;
        for (const UrlCandidate& candidate : question.urls) {
            const Strength strength = values.given(candidate.variable)->strength;
            if (!chosen || strength > values.given(chosen->variable)->strength)
                chosen = &candidate;
            else if (strength == values.given(chosen->variable)->strength)
                throw StorageError(StorageErrc::invalid_argument,
                                   std::string(chosen->variable) + " and " + std::string(candidate.variable) +
                                       " are both set: say which one by " + std::string(question.type_variable));
        }
        out.url = url_source(chosen->variable, *values.given(chosen->variable));
        out.type = implied_type(question, *chosen, *out.url);
        out.is_set = true;
        origin = out.url->part_origin();
    } else {
        out.type = question.base.value;
        origin = question.base.origin;
        if (out.type == question.single_type && !question.cluster_type.empty() &&
            names_several_hosts(values, question)) {
            out.type = question.cluster_type;
            origin.append(", several hosts are set");
        }
    }
    out.reason = "the " + std::string(question.component) + " type is " + out.type + " (" + origin + ")";
    values.record(question.type_variable, out.type, origin);
    return out;
}

std::vector<HostPort> choose_hosts(SettingValues& values, const EndpointQuestion& question)
{
    const std::string host_variable = question.prefix + "_HOST";
    const std::string port_variable = question.prefix + "_PORT";
    const UrlSource* url = question.url;
    const std::optional<std::string> in_url = url ? url->hosts() : std::nullopt;
    const GivenValue* host = values.given(host_variable);
    const GivenValue* nodes = question.nodes_variable.empty() ? nullptr : values.given(question.nodes_variable);

    const bool by_nodes = question.cluster && nodes && (!host || nodes->strength >= host->strength) &&
                          (!in_url || nodes->strength >= url->strength);
    const bool by_url = !by_nodes && in_url && !values.is_stronger(host_variable, *url);
    std::string text;
    if (by_nodes) {
        text = values.take(question.nodes_variable, Fallback());
        values.not_used(host_variable, std::string(question.nodes_variable) + " names the hosts");
        values.record(host_variable, text, nodes->origin);
    } else {
        text = values.take(host_variable, url, in_url, question.hosts);
        if (nodes)
            values.not_used(question.nodes_variable, question.cluster ? "a stronger setting names the hosts"
                                                                      : "the type is not that of a cluster");
    }
    std::vector<HostPort> out = parse_hosts(text);

    const bool override_url_ports = by_url && values.is_stronger(port_variable, *url);
    const bool all_named =
        std::all_of(out.begin(), out.end(), [](const HostPort& item) { return item.port.has_value(); });
    if (all_named && !override_url_ports) {
        values.not_used(port_variable, "every host names its port");
        values.record(port_variable, std::to_string(*out.front().port), by_url ? url->part_origin() : "of the host");
        return out;
    }
    const std::string port = values.take(port_variable, Fallback{std::to_string(question.port)});
    for (HostPort& item : out)
        if (!item.port || override_url_ports)
            item.port = static_cast<std::uint16_t>(std::stoi(port));
    return out;
}

std::vector<std::string> host_texts(const std::vector<HostPort>& hosts)
{
    std::vector<std::string> out;
    out.reserve(hosts.size());
    for (const HostPort& host : hosts)
        out.push_back(host.to_string());
    return out;
}

TlsConfig choose_tls(SettingValues& values, const std::string& prefix, const UrlSource* url, UrlTls in_url)
{
    const auto choose = [&](const std::string& variable, bool said, const char* fallback) {
        const GivenValue* given = values.given(variable);
        const std::string in = said ? "true" : "false";
        if (url && given && given->strength == url->strength && given->value != in)
            throw StorageError(StorageErrc::invalid_argument, variable + " is " + given->value +
                                                                  ", but the scheme of " + url->variable +
                                                                  " says the opposite: change one of them");
        return values.take(variable, url, url ? std::optional<std::string>(in) : std::nullopt, Fallback{fallback}) ==
               "true";
    };
    TlsConfig out;
    out.enabled = choose(prefix + "_TLS", in_url.enabled, "false");
    // Of all schemes only neo4j+ssc:// says something about checking, and it says no.
    if (url && !in_url.verify)
        out.verify = choose(prefix + "_TLS_VERIFY", false, "true");
    else
        out.verify = values.take_boolean(prefix + "_TLS_VERIFY", Fallback{"true"});
    out.ca_file = values.take_path(prefix + "_TLS_CA_FILE");
    out.cert_file = values.take_path(prefix + "_TLS_CERT_FILE");
    out.key_file = values.take_path(prefix + "_TLS_KEY_FILE");
    if (!out.enabled && !(out.ca_file.empty() && out.cert_file.empty() && out.key_file.empty()))
        values.warn(prefix + "_TLS_ files are set, but TLS is off: set " + prefix + "_TLS=true to use it");
    if (out.cert_file.empty() != out.key_file.empty())
        throw StorageError(StorageErrc::invalid_argument,
                           prefix + "_TLS_CERT_FILE and " + prefix + "_TLS_KEY_FILE belong together: set both or none");
    return out;
}

} // namespace whisperstore::config
