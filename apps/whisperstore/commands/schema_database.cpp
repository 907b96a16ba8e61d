#include "commands/schema_database.hpp"

#include "display/text_layout.hpp"

#include <whisperstore/core/connection_url.hpp>
#include <whisperstore/storage/storage_manager_factory.hpp>

#include <boost/asio/steady_timer.hpp>

namespace whisperstore::cli {

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto pause_before_another_try = std::chrono::milliseconds(100);

bool is_held_by_another(const StorageError& error)
{
    return error.errc() == StorageErrc::unavailable && error.native_code() == "EWOULDBLOCK";
}

awaitable<void> pause(asio::io_context& io)
{
    asio::steady_timer timer(io, pause_before_another_try);
    co_await timer.async_wait(asio::use_awaitable);
}

/// Where nothing is stored yet, and nothing may be created.
void use_nothing(DatabaseConfig& config)
{
    std::error_code error; // what cannot be looked at is told when it is opened
    const SqlitePath path = sqlite_path(config.connection_string);
    if (!path.memory && !std::filesystem::exists(path.path, error) && !error)
        config.connection_string = "sqlite:///:memory:";
}

} // namespace

SqlDialect dialect_of(const DatabaseConfig& config) noexcept
{
    return config.type == "sqlite" ? SqlDialect::sqlite : SqlDialect::postgresql;
}

SchemaDatabase::SchemaDatabase(Invocation& invocation, const AdaptiveConfigManager& manager, Access access, double wait)
    : invocation_(invocation)
{
    DatabaseConfig config = manager.get_storage_configuration().database;
    if (access == Access::read) {
        if (config.type == "sqlite")
            use_nothing(config);
        config.read_only = config.connection_string != "sqlite:///:memory:";
    }
    database_ = StorageManagerFactory::create_database_manager(std::move(config));
    connect(access == Access::write ? wait : 0);
    if (access == Access::write)
        invocation.run(database_->setup_schema(WhisperEngineSchema::get_core_schema(), invocation.context()));
}

void SchemaDatabase::connect(double wait)
{
    const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(wait));
    bool told = false;
    while (true) {
        try {
            return invocation_.run(database_->connect(invocation_.context()));
        } catch (const StorageError& error) {
            if (!is_held_by_another(error) || wait == 0)
                throw;
            if (Clock::now() >= end || invocation_.context().expired())
                throw advised(error, "; --wait SECONDS waits longer");
            if (!std::exchange(told, true) && !invocation_.json())
                report_note("Waiting: " + one_line(error.message()));
        }
        invocation_.run(pause(invocation_.runtime().io()));
    }
}

SchemaDatabase::~SchemaDatabase()
{
    try {
        close();
    } catch (...) {
        database_.reset(); // the error that led here is the one to tell
    }
}

void SchemaDatabase::close()
{
    if (const auto database = std::move(database_))
        invocation_.runtime().finish(database->disconnect());
}

} // namespace whisperstore::cli
