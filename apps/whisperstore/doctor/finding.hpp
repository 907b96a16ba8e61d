#pragma once
// What `whisperstore doctor` found.

#include <whisperstore/core/json.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::cli {

enum class Severity
{
    ok,
    note,    ///< worth knowing; nothing has to be done
    warning, ///< works, and should be looked at
    problem, ///< does not work, or soon will not
};
std::string_view to_string(Severity severity) noexcept;

struct Finding
{
    std::string check; ///< "configuration", "disk space", "cache", …
    Severity severity = Severity::ok;
    std::string message;
    std::string action; ///< what to do; empty when ok or a note
    json::object to_json() const;
};

class Findings
{
public:
    void ok(std::string_view check, std::string message) { add(check, Severity::ok, std::move(message), {}); }
    void note(std::string_view check, std::string message) { add(check, Severity::note, std::move(message), {}); }
    void warning(std::string_view check, std::string message, std::string action)
    {
        add(check, Severity::warning, std::move(message), std::move(action));
    }
    void problem(std::string_view check, std::string message, std::string action)
    {
        add(check, Severity::problem, std::move(message), std::move(action));
    }
    const std::vector<Finding>& all() const noexcept { return all_; }
    Severity worst() const noexcept;

private:
    void add(std::string_view check, Severity severity, std::string message, std::string action);

    std::vector<Finding> all_;
};

} // namespace whisperstore::cli
