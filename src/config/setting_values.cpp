#include "config/setting_values.hpp"

#include <whisperstore/config/dotenv.hpp>
#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>

namespace whisperstore::config {

namespace {

constexpr std::string_view own_prefix = "WHISPERENGINE_";

/// Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 in every pod for a service named "redis". Nobody chose
/// that value, and the service may be another one than the host that was set.
bool is_service_link(const Setting& setting, std::string_view value)
{
    return setting.variable.ends_with("_PORT") && (value.starts_with("tcp://") || value.starts_with("udp://"));
}

std::vector<DotenvEntry> read_file(const ConfigOptions& options, std::string& name)
{
    std::filesystem::path file = ".env";
    if (options.config_file) {
        if (options.config_file->empty())
            return {};
        file = *options.config_file;
    } else if (std::error_code absent; !std::filesystem::is_regular_file(file, absent)) {
        return {}; // a folder of that name is a Python environment
    }
    name = file.string();
    return read_dotenv(file);
}

} // namespace

std::string UrlSource::part_origin() const
{
    return origin.find(variable) == std::string::npos ? origin + ", " + variable : origin;
}

std::optional<std::string> UrlSource::hosts() const
{
    if (url.hosts.empty())
        return std::nullopt;
    std::string out;
    for (const HostPort& host : url.hosts)
        out.append(out.empty() ? "" : ",").append(host.to_string());
    return out;
}

SettingValues::SettingValues(const ConfigOptions& options, const EnvironmentMap& environment)
{
    std::string file;
    for (const DotenvEntry& entry : read_file(options, file)) {
        const std::string where = file + " (line " + std::to_string(entry.line) + ")";
        if (const Setting* setting = find_setting(entry.name); setting && setting->variable == entry.name)
            add(*setting, entry.value, Strength::file, where);
        else
            look_at_unknown(entry.name, where);
    }
    for (const auto& [name, value] : environment) {
        if (const Setting* setting = find_setting(name); setting && setting->variable == name)
            add(*setting, value, Strength::environment, "environment " + name);
        else
            look_at_unknown(name, "environment");
    }
    for (const auto& [name, value] : options.settings) {
        const Setting* setting = find_setting(name);
        if (!setting) {
            std::string message = "there is no setting '" + name + "'";
            if (const std::string_view near = nearest_variable(name); !near.empty())
                message.append("; did you mean ").append(near).append("?");
            throw StorageError(StorageErrc::invalid_argument, message);
        }
        if (const GivenValue* other = given(setting->variable); other && other->strength == Strength::argument)
            throw StorageError(StorageErrc::invalid_argument, std::string(setting->variable) +
                                                                  " is given twice, also as " +
                                                                  std::string(setting->name));
        add(*setting, value, Strength::argument, "explicit argument");
    }
    if (options.data_dir)
        add(*find_setting("WHISPERENGINE_DATA_DIR"), options.data_dir->string(), Strength::argument,
            "explicit argument");
}

void SettingValues::add(const Setting& setting, std::string_view value, Strength strength, std::string origin)
{
    if (value.empty()) {
        // Compose passes "${X:-}" on as an empty text. The last line of a file counts, also when it is empty.
        if (const GivenValue* other = given(setting.variable); other && other->strength == strength)
            given_.erase(std::string(setting.variable));
        return;
    }
    if (is_service_link(setting, value)) {
        entries_[std::string(setting.variable)].note = "not used: Kubernetes set it for a service of that name";
        return;
    }
    try {
        given_[std::string(setting.variable)] = GivenValue{check_setting(setting, value), strength, origin};
    } catch (const StorageError& error) {
        if (strength == Strength::environment)
            throw;
        throw error.prefixed(origin + ": ");
    }
}

void SettingValues::look_at_unknown(std::string_view name, const std::string& where)
{
    const std::string_view near = nearest_variable(name);
    if (name.starts_with(own_prefix)) {
        std::string text = where + ": " + std::string(name) + " is not a known setting";
        if (!near.empty())
            text.append("; did you mean ").append(near).append("?");
        return warn(std::move(text));
    }
    // The other names are shared with the servers' own images (POSTGRES_INITDB_ARGS): only a slip of letters is told.
    constexpr std::array<std::string_view, 5> shared = {"POSTGRES_", "REDIS_", "QDRANT_", "CHROMADB_", "NEO4J_"};
    for (std::string_view prefix : shared) {
        if (!name.starts_with(prefix) || near.empty() || near.size() != name.size())
            continue;
        if (std::is_permutation(name.begin(), name.end(), near.begin()))
            warn(where + ": " + std::string(name) + " is not a known setting; did you mean " + std::string(near) + "?");
    }
}

const GivenValue* SettingValues::given(std::string_view variable) const
{
    const auto found = given_.find(variable);
    return found == given_.end() ? nullptr : &found->second;
}

bool SettingValues::is_stronger(std::string_view variable, const UrlSource& than) const
{
    const GivenValue* value = given(variable);
    return value && value->strength > than.strength;
}

std::string SettingValues::take(std::string_view variable, Fallback fallback)
{
    return take(variable, nullptr, std::nullopt, std::move(fallback));
}

std::string SettingValues::take(std::string_view variable, const UrlSource* url, std::optional<std::string> in_url,
                                Fallback fallback)
{
    const GivenValue* value = given(variable);
    if (url && in_url && !is_stronger(variable, *url)) {
        const std::string checked = in_url->empty() ? "" : [&] {
            try {
                return check_setting(*find_setting(variable), *in_url);
            } catch (const StorageError& error) {
                throw error.prefixed("in " + url->variable + ": ");
            }
        }();
        record(variable, checked, url->part_origin());
        if (value)
            not_used(variable, url->variable + " says it");
        return checked;
    }
    if (value) {
        record(variable, value->value, value->origin);
        return value->value;
    }
    record(variable, fallback.value, fallback.origin);
    return fallback.value;
}

double SettingValues::take_number(std::string_view variable, Fallback fallback)
{
    const std::string text = take(variable, std::move(fallback));
    double value = 0; // std::stod would go by the application's locale
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::filesystem::path SettingValues::take_path(std::string_view variable)
{
    const std::string text = take(variable, Fallback{"", "not set"});
    return text.empty() ? std::filesystem::path() : expand_home(text);
}

void SettingValues::record(std::string_view variable, std::string value, std::string origin)
{
    Entry& entry = entries_[std::string(variable)];
    entry.value = std::move(value);
    entry.origin = std::move(origin);
}

void SettingValues::not_used(std::string_view variable, std::string reason)
{
    const GivenValue* value = given(variable);
    if (value)
        entries_[std::string(variable)].note = value->origin + " is not used: " + std::move(reason);
}

void SettingValues::not_used_group(std::string_view group, const std::string& reason, bool warn_too)
{
    std::string names;
    for (const Setting& setting : settings()) {
        if (setting.group() != group)
            continue;
        Entry& entry = entries_[std::string(setting.variable)];
        if (entry.value)
            continue;
        if (given(setting.variable)) {
            if (!entry.note.empty())
                continue; // said already
            names.append(names.empty() ? "" : ", ").append(setting.variable);
            not_used(setting.variable, reason);
        }
    }
    if (warn_too && !names.empty())
        warn(names + ": set but not used, because " + reason);
}

std::vector<SettingReport> SettingValues::describe() const
{
    std::vector<SettingReport> out;
    for (const Setting& setting : settings()) {
        SettingReport report;
        report.name = setting.name;
        report.variable = setting.variable;
        report.description = setting.description;
        report.origin = "not set";
        const auto found = entries_.find(setting.variable);
        if (found != entries_.end())
            report.note = found->second.note;
        if (found != entries_.end() && found->second.value) {
            report.value = shown_value(setting, *found->second.value);
            report.origin = found->second.origin;
        } else if (const GivenValue* value = given(setting.variable)) {
            report.value = shown_value(setting, value->value);
            report.origin = value->origin;
        }
        out.push_back(std::move(report));
    }
    return out;
}

} // namespace whisperstore::config
