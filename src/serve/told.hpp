#pragma once
// What the source said, ready to be sent.

#include "serve/shared_result.hpp"

#include <whisperstore/config/serve_config.hpp>
#include <whisperstore/serve/monitoring_source.hpp>

#include <memory>
#include <string>

namespace whisperstore::serve {

struct HealthTold
{
    bool ready = false;
    std::string statuses; ///< of the layer and its components: another text is another health
    std::shared_ptr<const std::string> body;
};
using TextTold = std::shared_ptr<const std::string>;

/// The source behind single flights.
struct Told
{
    Told(const boost::asio::any_io_executor& executor, const std::shared_ptr<Activity>& activity,
         const ServeConfig& config, const std::shared_ptr<MonitoringSource>& source);
    void end();

    const std::shared_ptr<SharedResult<TextTold>> metrics_text;
    const std::shared_ptr<SharedResult<TextTold>> metrics;
    const std::shared_ptr<SharedResult<TextTold>> configuration;
    const std::shared_ptr<SharedResult<HealthTold>> health;
};

} // namespace whisperstore::serve
