#pragma once
/// \file
/// Logging: the library is silent unless the application gives a component a Logger.

#include <functional>
#include <string_view>

namespace whisperstore {

enum class LogLevel
{
    debug,
    info,
    warning,
    error
};
std::string_view to_string(LogLevel level) noexcept;

/// Receives log lines; called from any thread, must not throw or block for long. Empty = silent.
using Logger = std::function<void(LogLevel level, std::string_view component, std::string_view message)>;

} // namespace whisperstore
