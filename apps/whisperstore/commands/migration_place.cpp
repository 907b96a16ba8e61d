#include "commands/migration_place.hpp"

#include "display/text_layout.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <utility>

namespace whisperstore::cli {

namespace {

namespace fs = std::filesystem;

/// The scheme of a URL, and the settings it stands for.
struct Scheme
{
    std::string_view name;
    std::string_view variable;
    std::string_view strip; ///< what is taken off its front
    std::string_view type_variable;
    std::string_view type;
};

constexpr std::array<Scheme, 13> schemes{{
    {"sqlite://", "WHISPERENGINE_DATABASE_URL", "", "WHISPERENGINE_DATABASE_TYPE", "sqlite"},
    {"postgresql://", "WHISPERENGINE_DATABASE_URL", "", "", ""},
    {"postgres://", "WHISPERENGINE_DATABASE_URL", "", "", ""},
    {"qdrant+http", "QDRANT_URL", "qdrant+", "", ""},
    {"chroma+http", "CHROMADB_URL", "chroma+", "", ""},
    {"redis://", "REDIS_URL", "", "", ""},
    {"rediss://", "REDIS_URL", "", "", ""},
    {"neo4j://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j_cluster"},
    {"neo4j+s://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j_cluster"},
    {"neo4j+ssc://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j_cluster"},
    {"bolt://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"},
    {"bolt+s://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"},
    {"bolt+ssc://", "NEO4J_URI", "", "WHISPERENGINE_GRAPH_DB_TYPE", "neo4j"},
}};

StorageConfiguration read(Invocation& invocation, ConfigOptions options)
{
    const AdaptiveConfigManager manager(std::move(options));
    for (const std::string& warning : manager.warnings())
        report_warning(warning, invocation.json());
    return manager.get_storage_configuration();
}

StorageConfiguration from_url(Invocation& invocation, const std::string& place)
{
    for (const Scheme& scheme : schemes) {
        if (!place.starts_with(scheme.name))
            continue;
        ConfigOptions options;
        options.laptop_defaults = LaptopDefaults::on;
        if (!invocation.globals().env_file.empty())
            options.config_file = invocation.globals().env_file;
        options.settings.emplace(scheme.variable, place.substr(scheme.strip.size()));
        if (!scheme.type.empty())
            options.settings.emplace(scheme.type_variable, scheme.type);
        return read(invocation, std::move(options));
    }
    throw StorageError(StorageErrc::invalid_argument, "'" + one_line(place.substr(0, place.find("://") + 3)) +
                                                          "…' is no URL of a store; allowed are " +
                                                          migration_place_forms);
}

} // namespace

const char* const migration_place_forms = "a folder with local stores, a file with settings (KEY=VALUE lines), or the "
                                          "URL of one store: sqlite:///FILE, postgresql://…, qdrant+http://…, "
                                          "chroma+http://…, redis://…, neo4j://…, bolt://…";

StorageConfiguration configuration_of(Invocation& invocation, const std::string& place)
{
    if (place.empty())
        return invocation.configure().get_storage_configuration();
    if (place.find("://") != std::string::npos)
        return from_url(invocation, place);
    // Nothing of the other place's settings must get in: neither the environment nor ./.env counts.
    ConfigOptions options;
    options.environment.emplace();
    if (const char* home = std::getenv("HOME"))
        options.environment->emplace("HOME", home);
    std::error_code unknown; // told below
    if (fs::is_regular_file(place, unknown)) {
        options.config_file = place;
        options.laptop_defaults = LaptopDefaults::on;
    } else if (fs::is_directory(place, unknown) || place.find('/') != std::string::npos) {
        options.config_file.emplace();
        options.data_dir = place;
        options.laptop_defaults = LaptopDefaults::on;
    } else {
        throw StorageError(StorageErrc::invalid_argument, "there is nothing called '" + one_line(place) +
                                                              "'; allowed are " + migration_place_forms +
                                                              " (a folder that is yet to be made is written with a /)");
    }
    return read(invocation, std::move(options));
}

} // namespace whisperstore::cli
