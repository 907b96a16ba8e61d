#pragma once
/// \file
/// Every setting there is: one table that parsing, provenance, validation, `config show` and the
/// documentation are made from.

#include <whisperstore/core/json.hpp>

#include <span>
#include <string>
#include <string_view>

namespace whisperstore {

enum class SettingKind
{
    text,
    choice,  ///< one of Setting::allowed, in any case
    boolean, ///< true/false, yes/no, on/off, 1/0
    integer, ///< Setting::minimum to Setting::maximum
    number,  ///< the same, fractions allowed
    hosts,   ///< host[:port], or several with commas
    url,     ///< one of the schemes in Setting::allowed; may hold a secret
    path,    ///< a leading ~ is the home directory
};

/// One setting.
struct Setting
{
    std::string_view name;     ///< "postgres.host"; what stands before the dot is its group
    std::string_view variable; ///< "POSTGRES_HOST"
    SettingKind kind;
    std::string_view allowed; ///< choices, or the schemes of a URL, with commas
    double minimum;           ///< of numbers, inclusive
    double maximum;           ///< of numbers, inclusive
    bool secret;              ///< never shown
    std::string_view description;

    std::string_view group() const noexcept { return name.substr(0, name.find('.')); }
};

/// The whole table, in the order it is shown.
std::span<const Setting> settings() noexcept;

/// A setting by its variable or by its name; null when there is none.
const Setting* find_setting(std::string_view variable_or_name) noexcept;

/// The variable that is spelt most like `name`; empty when none is near.
std::string_view nearest_variable(std::string_view name);

/// What a value may be, for people: "sqlite, postgresql or postgresql_cluster", "1 to 65535".
std::string allowed_values(const Setting& setting);

/// Checks a value and returns it in canonical form (choices as in the table, `true`/`false`, numbers trimmed).
/// \throws StorageError invalid_argument naming the variable, the value (unless secret) and what is allowed.
std::string check_setting(const Setting& setting, std::string_view value);

/// A value as it may be shown: `***` for a secret, a URL without its password.
std::string shown_value(const Setting& setting, std::string_view value);

/// A setting as it came out.
struct SettingReport
{
    std::string name;
    std::string variable;
    std::string value;  ///< as it may be shown; empty when there is none
    std::string origin; ///< "explicit argument", "environment POSTGRES_HOST", ".env (line 3)", "detected: tier 1
                        ///< desktop", "default", "not set"
    std::string note;   ///< why a value that was given is not used; else empty
    std::string description;
    json::object to_json() const;
};

} // namespace whisperstore
