#include "invocation.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

#include <unistd.h>

namespace whisperstore::cli {

namespace {

bool is_there(const std::filesystem::path& path)
{
    std::error_code error; // what cannot be looked at is told when it is opened
    return std::filesystem::exists(path, error) || error;
}

constexpr std::string_view nothing_there =
    ": `whisperstore import FILE.jsonl` imports messages, `whisperstore init` makes empty stores";

/// Reading must not create anything, so it needs something to read.
void require_data(const StorageConfiguration& configuration)
{
    if (has_data(configuration.database))
        return;
    const SqlitePath database = sqlite_path(configuration.database.connection_string);
    std::string message =
        "nothing is stored in " + database.path.parent_path().string() +
        " yet: `whisperstore import FILE.jsonl` imports messages, `whisperstore init` makes an empty one";
    const auto demo = database.path.parent_path() / "demo";
    if (is_there(demo / "database.db"))
        message += "; the demo's data is in " + demo.string() + ": add --data-dir " + demo.string();
    throw StorageError(StorageErrc::not_found, message);
}

/// Whether there is a folder of vectors; what `schema apply` makes has none yet.
bool has_vectors(const VectorDatabaseConfig& vectors)
{
    return !vectors.type.starts_with("local_") || is_there(vectors.persist_directory);
}

/// Whether a data directory is set, wherever.
bool has_data_dir(const AdaptiveConfigManager& manager)
{
    for (const SettingReport& report : manager.describe())
        if (report.variable == "WHISPERENGINE_DATA_DIR")
            return report.origin != "default";
    return false;
}

} // namespace

bool has_data(const DatabaseConfig& database)
{
    if (database.type != "sqlite")
        return true;
    const SqlitePath file = sqlite_path(database.connection_string);
    return file.memory || is_there(file.path);
}

StorageError advised(const StorageError& error, std::string_view advice)
{
    ErrorDetails details{error.backend(), error.operation(), error.native_code(), error.outcome(), error.retryable()};
    return StorageError(error.errc(), std::string(error.message()).append(advice), std::move(details));
}

OpenStorage::~OpenStorage()
{
    try {
        close();
    } catch (...) {
        layer_.reset(); // the error that led here is the one to tell
    }
}

void OpenStorage::close()
{
    if (const auto layer = std::move(layer_))
        runtime_.finish(layer->close());
}

Invocation::Invocation(GlobalOptions globals)
    : globals_(std::move(globals)), out_(STDOUT_FILENO), terminal_(Terminal::of(STDOUT_FILENO))
{
    runtime_.limit(globals_.timeout);
}

AdaptiveConfigManager Invocation::configure(LaptopDefaults laptop_defaults, const std::string& default_data_dir)
{
    AdaptiveConfigManager manager = read_configuration(laptop_defaults, default_data_dir);
    for (const std::string& warning : manager.warnings())
        report_warning(warning, globals_.json);
    return manager;
}

AdaptiveConfigManager Invocation::read_configuration(LaptopDefaults laptop_defaults,
                                                     const std::string& default_data_dir) const
{
    ConfigOptions options;
    options.laptop_defaults = laptop_defaults;
    if (!globals_.env_file.empty())
        options.config_file = globals_.env_file;
    if (!globals_.data_dir.empty())
        options.data_dir = globals_.data_dir;
    AdaptiveConfigManager manager(options);
    if (!default_data_dir.empty() && !has_data_dir(manager)) {
        options.data_dir = default_data_dir;
        manager = AdaptiveConfigManager(std::move(options));
    }
    return manager;
}

OpenStorage Invocation::open(const AdaptiveConfigManager& manager, Access access)
{
    return open(manager, manager.get_storage_configuration(), access);
}

OpenStorage Invocation::open(const AdaptiveConfigManager& manager, StorageConfiguration configuration, Access access)
{
    return OpenStorage(runtime_, open_layer(manager, std::move(configuration), access));
}

std::shared_ptr<StorageLayer> Invocation::open_shared(const AdaptiveConfigManager& manager, Access access)
{
    return open_layer(manager, manager.get_storage_configuration(), access);
}

std::shared_ptr<StorageLayer> Invocation::open_layer(const AdaptiveConfigManager& manager,
                                                     StorageConfiguration configuration, Access access)
{
    if (access == Access::read) {
        require_data(configuration);
        configuration.database.read_only = true;
        configuration.vector_database.read_only = true;
        Availability& vectors = configuration.availability.vector_database;
        if (vectors == Availability::required && !has_vectors(configuration.vector_database))
            vectors = Availability::degrade; // what the other stores hold can be read without
    }
    configuration.backup.folder.clear(); // a command is over before anything is due
    configuration.metrics.interval = std::chrono::seconds(0);
    try {
        return run(initialize_storage_layer(std::move(configuration), context()));
    } catch (const StorageError& error) {
        // 3D000: there is no such database, which nothing of ours makes.
        if (access == Access::read && error.errc() == StorageErrc::not_found && error.native_code() != "3D000")
            throw advised(error, nothing_there);
        const bool no_server = error.errc() == StorageErrc::unsupported || error.errc() == StorageErrc::unavailable;
        if (no_server && !manager.laptop_defaults())
            throw advised(error,
                          "; --data-dir DIR or WHISPERENGINE_DATA_DIR=DIR keeps everything in local files instead");
        throw;
    }
}

} // namespace whisperstore::cli
