#pragma once
/// \file
/// A storage layer for code that is no coroutine.

#include <whisperstore/core/blocking.hpp>
#include <whisperstore/storage/initialize_storage_layer.hpp>

namespace whisperstore::blocking {

/// Opens the storage layer that the environment asks for; every operation on it can then be run with
/// blocking::run():
/// \code
/// auto storage = ws::blocking::initialize_storage_layer();
/// auto result = ws::blocking::run(storage->database().execute_query("SELECT count(*) FROM users"));
/// ws::blocking::run(storage->close());
/// \endcode
inline std::shared_ptr<StorageLayer> initialize_storage_layer()
{
    return run(whisperstore::initialize_storage_layer());
}
inline std::shared_ptr<StorageLayer> initialize_storage_layer(const AdaptiveConfigManager& config_manager)
{
    return run(whisperstore::initialize_storage_layer(config_manager));
}
inline std::shared_ptr<StorageLayer> initialize_storage_layer(StorageConfiguration configuration)
{
    return run(whisperstore::initialize_storage_layer(std::move(configuration)));
}
/// On the application's io_context, which is not running yet.
inline std::shared_ptr<StorageLayer> initialize_storage_layer(asio::io_context& io)
{
    return run(io, whisperstore::initialize_storage_layer());
}
inline std::shared_ptr<StorageLayer> initialize_storage_layer(asio::io_context& io,
                                                              const AdaptiveConfigManager& config_manager)
{
    return run(io, whisperstore::initialize_storage_layer(config_manager));
}

} // namespace whisperstore::blocking
