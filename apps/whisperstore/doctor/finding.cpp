#include "doctor/finding.hpp"

#include <algorithm>

namespace whisperstore::cli {

std::string_view to_string(Severity severity) noexcept
{
    switch (severity) {
    case Severity::ok:
        return "ok";
    case Severity::note:
        return "note";
    case Severity::warning:
        return "warning";
    case Severity::problem:
        break;
    }
    return "problem";
}

json::object Finding::to_json() const
{
    json::object out;
    out["check"] = check;
    out["severity"] = cli::to_string(severity);
    out["message"] = message;
    out["action"] = action;
    return out;
}

Severity Findings::worst() const noexcept
{
    Severity worst = Severity::ok;
    for (const Finding& finding : all_)
        worst = std::max(worst, finding.severity);
    return worst;
}

void Findings::add(std::string_view check, Severity severity, std::string message, std::string action)
{
    Finding finding;
    finding.check = check;
    finding.severity = severity;
    finding.message = std::move(message);
    finding.action = std::move(action);
    all_.push_back(std::move(finding));
}

} // namespace whisperstore::cli
