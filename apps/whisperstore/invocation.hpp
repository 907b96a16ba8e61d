#pragma once
// What a command works with: the options that stand anywhere, configuration, stores, output.

#include "display/output.hpp"
#include "display/terminal.hpp"
#include "failure.hpp"
#include "runtime.hpp"

#include <whisperstore/config/adaptive_config_manager.hpp>
#include <whisperstore/storage/storage_layer.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace whisperstore::cli {

/// The options that are accepted before and after the command's name.
struct GlobalOptions
{
    bool json = false;
    std::string data_dir; ///< empty: not given
    std::string env_file; ///< empty: ./.env where there is one
    double timeout = 0;   ///< seconds; 0: no limit
};

/// How a command uses the stores.
enum class Access
{
    read, ///< changes nothing: opens read-only, beside a process that writes, and creates no files
    write,
};

/// The stores while a command uses them.
class OpenStorage
{
public:
    OpenStorage(Runtime& runtime, std::shared_ptr<StorageLayer> layer) : runtime_(runtime), layer_(std::move(layer)) {}
    /// Closes without telling of failures: there is an error under way already.
    ~OpenStorage();
    OpenStorage(const OpenStorage&) = delete;
    OpenStorage& operator=(const OpenStorage&) = delete;

    StorageLayer& operator*() const noexcept { return *layer_; }
    StorageLayer* operator->() const noexcept { return layer_.get(); }
    /// Closes; throws what fails.
    void close();

private:
    Runtime& runtime_;
    std::shared_ptr<StorageLayer> layer_;
};

/// One run of the program.
class Invocation
{
public:
    explicit Invocation(GlobalOptions globals);

    const GlobalOptions& globals() const noexcept { return globals_; }
    bool json() const noexcept { return globals_.json; }
    Output& out() noexcept { return out_; }
    const Terminal& terminal() const noexcept { return terminal_; }
    Runtime& runtime() noexcept { return runtime_; }
    const OperationContext& context() const noexcept { return runtime_.context(); }
    /// Runs one operation; see Runtime::run().
    template <typename T>
    T run(awaitable<T> work)
    {
        return runtime_.run(std::move(work));
    }

    /// Reads the configuration and warns of what looks like a mistake.
    /// \param default_data_dir where no data directory is set, in place of the library's default.
    AdaptiveConfigManager configure(LaptopDefaults laptop_defaults = LaptopDefaults::with_data_dir,
                                    const std::string& default_data_dir = {});
    /// The same for who tells of the mistakes himself.
    AdaptiveConfigManager read_configuration(LaptopDefaults laptop_defaults = LaptopDefaults::with_data_dir,
                                             const std::string& default_data_dir = {}) const;
    /// Opens the stores of a configuration. Throws StorageError not_found for Access::read where
    /// nothing is stored yet.
    OpenStorage open(const AdaptiveConfigManager& manager, Access access);
    /// As configured, possibly adjusted.
    OpenStorage open(const AdaptiveConfigManager& manager, StorageConfiguration configuration, Access access);
    /// As open(), for what keeps the layer itself: whoever calls closes it.
    std::shared_ptr<StorageLayer> open_shared(const AdaptiveConfigManager& manager, Access access);
    /// Both in one.
    OpenStorage open(Access access) { return open(configure(), access); }

private:
    std::shared_ptr<StorageLayer> open_layer(const AdaptiveConfigManager& manager, StorageConfiguration configuration,
                                             Access access);

    GlobalOptions globals_;
    Runtime runtime_;
    Output out_;
    Terminal terminal_;
};

/// Whether there are files to be opened, where the database is one; what cannot be looked at is told when it is opened.
bool has_data(const DatabaseConfig& database);

/// The error with more advice at the end of its message.
StorageError advised(const StorageError& error, std::string_view advice);

} // namespace whisperstore::cli
