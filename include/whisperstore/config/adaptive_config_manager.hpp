#pragma once
/// \file
/// Chooses and configures the storage backends for where the process runs.

#include <whisperstore/config/environment_detector.hpp>
#include <whisperstore/config/settings.hpp>
#include <whisperstore/config/storage_configuration.hpp>
#include <whisperstore/core/json.hpp>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore {

/// When the backends of tier 1 (no servers) are used wherever the process runs, component by
/// component, unless its type or URL is set. Detection still says what it detected.
enum class LaptopDefaults
{
    off,           ///< the detected tier decides
    with_data_dir, ///< on where a data directory is set, by ConfigOptions::data_dir or WHISPERENGINE_DATA_DIR: the CLI
    on,            ///< demo, quickstart
};

/// Where an AdaptiveConfigManager takes its settings from, strongest first.
struct ConfigOptions
{
    /// Explicit settings by variable ("POSTGRES_HOST") or name ("postgres.host"); an unknown one is an error.
    std::map<std::string, std::string> settings = {};
    /// Explicit data directory; the same as the setting WHISPERENGINE_DATA_DIR.
    std::optional<std::filesystem::path> data_dir = std::nullopt;
    /// Environment variables; by default those of the process.
    std::optional<EnvironmentMap> environment = std::nullopt;
    /// A `.env` file, which must exist; by default `./.env` where there is one. An empty path: none.
    std::optional<std::filesystem::path> config_file = std::nullopt;
    /// Stands for `/` in detection.
    std::filesystem::path root = "/";
    LaptopDefaults laptop_defaults = LaptopDefaults::off;
};

/// Automatically configures storage based on the environment: detects, then applies what was set.
///
/// Overrides, strongest first: explicit arguments, environment, `.env` file, detected. A variable
/// that is set but empty counts as not set. Each backend's URL and its single settings (POSTGRES_HOST...)
/// complete each other; where both say something the stronger source wins, and the URL within one
/// source. A URL also implies the type where the type is not set.
///
/// Everything is read and checked by the constructor; afterwards the object never changes and may be
/// used by many threads.
class AdaptiveConfigManager
{
public:
    /// \throws StorageError invalid_argument naming the variable, its value (unless secret) and what
    /// is allowed; or what reading the file throws (see read_dotenv()).
    explicit AdaptiveConfigManager(ConfigOptions options = ConfigOptions());

    /// As detected.
    Environment environment() const noexcept { return environment_; }
    /// What the environment was told by.
    const std::string& environment_evidence() const noexcept { return evidence_; }
    /// As detected.
    Resources resources() const noexcept { return resources_; }
    /// 4 on Kubernetes; 2 in a container and on a desktop with at least 32 GB and 8 cores; else 1.
    int scale_tier() const noexcept { return scale_tier_; }
    /// Whether tier 1 backends are used although the tier may be higher.
    bool laptop_defaults() const noexcept { return laptop_defaults_; }

    /// The complete storage configuration. It holds secrets in the clear: show its to_json() only.
    const StorageConfiguration& get_storage_configuration() const noexcept { return configuration_; }

    /// Every setting with its value (as it may be shown) and where it came from, in the table's order.
    const std::vector<SettingReport>& describe() const noexcept { return reports_; }
    /// What is probably a mistake: unknown WHISPERENGINE_ variables, settings that are given but not used.
    const std::vector<std::string>& warnings() const noexcept { return warnings_; }

    /// All of the above, without secrets.
    json::object to_json() const;

private:
    Environment environment_ = Environment::desktop;
    std::string evidence_;
    Resources resources_;
    int scale_tier_ = 1;
    bool laptop_defaults_ = false;
    StorageConfiguration configuration_;
    std::vector<SettingReport> reports_;
    std::vector<std::string> warnings_;
};

/// The reference's tier for an environment and its resources.
int determine_scale_tier(Environment environment, const Resources& resources) noexcept;

} // namespace whisperstore
