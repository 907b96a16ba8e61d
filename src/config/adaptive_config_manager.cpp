#include "config/configuration_builder.hpp"
#include "config/setting_values.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>

namespace whisperstore {

int determine_scale_tier(Environment environment, const Resources& resources) noexcept
{
    if (environment == Environment::kubernetes)
        return 4;
    if (environment == Environment::container)
        return 2;
    return resources.memory_gb >= 32 && resources.cpu_cores >= 8 ? 2 : 1;
}

AdaptiveConfigManager::AdaptiveConfigManager(ConfigOptions options)
{
    const EnvironmentMap variables = options.environment ? std::move(*options.environment) : process_environment();
    const EnvironmentDetector detector(options.root, variables);
    environment_ = detector.environment();
    evidence_ = detector.evidence();
    resources_ = detector.resources();
    scale_tier_ = determine_scale_tier(environment_, resources_);

    config::SettingValues values(options, variables);
    laptop_defaults_ =
        options.laptop_defaults == LaptopDefaults::on ||
        (options.laptop_defaults == LaptopDefaults::with_data_dir && values.given("WHISPERENGINE_DATA_DIR"));
    const int tier = laptop_defaults_ ? 1 : scale_tier_;
    const std::string origin =
        laptop_defaults_ ? "laptop defaults: tier 1"
                         : "detected: tier " + std::to_string(scale_tier_) + " " + std::string(to_string(environment_));
    configuration_ = config::ConfigurationBuilder(values, environment_, tier, origin, laptop_defaults_).build();
    configuration_.scale_tier = scale_tier_;
    configuration_.environment = environment_;
    reports_ = values.describe();
    warnings_ = values.warnings();
}

json::object AdaptiveConfigManager::to_json() const
{
    json::object out;
    out["environment"] = to_string(environment_);
    out["environment_evidence"] = evidence_;
    out["resources"] = resources_.to_json();
    out["scale_tier"] = scale_tier_;
    out["laptop_defaults"] = laptop_defaults_;
    out["configuration"] = configuration_.to_json();
    json::array settings;
    for (const SettingReport& report : reports_)
        settings.emplace_back(report.to_json());
    out["settings"] = std::move(settings);
    json::array warnings;
    for (const std::string& warning : warnings_)
        warnings.emplace_back(warning);
    out["warnings"] = std::move(warnings);
    return out;
}

} // namespace whisperstore
