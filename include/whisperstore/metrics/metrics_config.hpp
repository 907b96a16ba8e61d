#pragma once
/// \file
/// How metrics are kept.

#include <chrono>

namespace whisperstore {

struct MetricsConfig
{
    /// Between two entries of the history in `performance_metrics`; 0: none is kept.
    std::chrono::seconds interval{300};
    /// How long entries stay.
    std::chrono::hours retention{168};
};

} // namespace whisperstore
