#pragma once
// The settings that were given, and the book of which of them came into effect.

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/core/connection_url.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::config {

/// Where a value comes from; the larger wins.
enum class Strength
{
    file = 1,
    environment,
    argument
};

struct GivenValue
{
    std::string value; ///< checked, in canonical form, never empty
    Strength strength = Strength::file;
    std::string origin;
};

/// What a setting is when nobody gave it.
struct Fallback
{
    std::string value;
    std::string origin = "default";
};

/// A backend's URL that is in use.
struct UrlSource
{
    std::string variable;
    std::string text;
    ConnectionUrl url; ///< empty for sqlite URLs
    Strength strength = Strength::file;
    std::string origin;

    /// For values that the URL says: "environment REDIS_URL".
    std::string part_origin() const;
    /// All hosts as one text; nothing when it names none.
    std::optional<std::string> hosts() const;
};

class SettingValues
{
public:
    SettingValues(const ConfigOptions& options, const EnvironmentMap& environment);

    /// The value that was given, whether it will be used or not; null when there is none.
    const GivenValue* given(std::string_view variable) const;
    bool is_stronger(std::string_view variable, const UrlSource& than) const;

    /// Puts a setting into effect: the given value or the fallback.
    std::string take(std::string_view variable, Fallback fallback);
    /// The same where a URL may say it too: the stronger source wins, the URL within one source.
    std::string take(std::string_view variable, const UrlSource* url, std::optional<std::string> in_url,
                     Fallback fallback);
    bool take_boolean(std::string_view variable, Fallback fallback)
    {
        return take(variable, std::move(fallback)) == "true";
    }
    double take_number(std::string_view variable, Fallback fallback);
    std::filesystem::path take_path(std::string_view variable);
    /// Records what another setting, or detection, makes of this one.
    void record(std::string_view variable, std::string value, std::string origin);
    /// Says why a given value is not used.
    void not_used(std::string_view variable, std::string reason);
    void not_used_group(std::string_view group, const std::string& reason, bool warn);
    void warn(std::string text) { warnings_.push_back(std::move(text)); }

    std::vector<SettingReport> describe() const;
    std::vector<std::string> warnings() const { return warnings_; }

private:
    struct Entry
    {
        std::optional<std::string> value;
        std::string origin;
        std::string note;
    };

    void add(const Setting& setting, std::string_view value, Strength strength, std::string origin);
    void look_at_unknown(std::string_view name, const std::string& where);

    std::map<std::string, GivenValue, std::less<>> given_;
    std::map<std::string, Entry, std::less<>> entries_;
    std::vector<std::string> warnings_;
};

} // namespace whisperstore::config
