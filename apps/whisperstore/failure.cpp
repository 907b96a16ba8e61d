#include "failure.hpp"

#include "display/output.hpp"
#include "display/terminal.hpp"
#include "display/text_layout.hpp"

#include <unistd.h>

namespace whisperstore::cli {

namespace {

void say(const std::string& line) noexcept
{
    try {
        Output out(STDERR_FILENO);
        out.line(line);
        out.flush();
    } catch (...) {
        return; // nobody can be told that standard error is gone
    }
}

std::string prefixed(Tone tone, std::string_view kind, std::string_view message)
{
    const Terminal terminal = Terminal::of(STDERR_FILENO);
    std::string line = terminal.paint(tone, std::string("whisperstore:").append(kind));
    return line.append(" ").append(one_line(message));
}

} // namespace

Exit exit_for(StorageErrc code) noexcept
{
    switch (code) {
    case StorageErrc::invalid_argument:
    case StorageErrc::syntax:
    case StorageErrc::unsupported:
        return Exit::usage;
    case StorageErrc::not_found:
        return Exit::not_found;
    case StorageErrc::unavailable:
    case StorageErrc::conflict:
        return Exit::unavailable;
    case StorageErrc::corrupt:
    case StorageErrc::version_mismatch:
        return Exit::damaged;
    case StorageErrc::timeout:
        return Exit::timeout;
    case StorageErrc::authentication:
    case StorageErrc::permission:
        return Exit::refused;
    case StorageErrc::already_exists:
        return Exit::exists;
    case StorageErrc::cancelled:
        return Exit::interrupted;
    case StorageErrc::constraint_violation:
    case StorageErrc::type_mismatch:
    case StorageErrc::outcome_unknown:
    case StorageErrc::resource_exhausted:
    case StorageErrc::closed:
        break;
    }
    return Exit::failed;
}

std::string exit_code_help()
{
    return "Exit codes:\n"
           "  0    done\n"
           "  1    failed in a way that has no code below\n"
           "  2    the command line, a query, a filter, a file or a setting is wrong\n"
           "  3    what was named does not exist, or nothing is stored yet\n"
           "  4    a backend cannot be reached, or another process holds the data\n"
           "  5    stored data or a backup fails its checks, or is of another version\n"
           "  6    the time of --timeout passed\n"
           "  7    not allowed: file permissions, authentication, read-only\n"
           "  8    it exists already\n"
           "  130  interrupted by Ctrl-C (143: by SIGTERM); what was under way is rolled back\n"
           "  141  the reader of the output went away";
}

void report_error(const StorageError& error, bool as_json) noexcept
{
    try {
        if (!as_json) {
            say(prefixed(Tone::bad, "", error.what()));
            return;
        }
        json::object details;
        details["code"] = to_string(error.errc());
        details["message"] = error.message();
        details["backend"] = error.backend();
        details["operation"] = error.operation();
        details["native_code"] = error.native_code();
        details["outcome"] = to_string(error.outcome());
        details["retryable"] = error.retryable();
        json::object document;
        document["error"] = std::move(details);
        say(compact(document));
    } catch (const std::bad_alloc&) {
        say("whisperstore: out of memory");
    }
}

void report_warning(std::string_view message, bool as_json) noexcept
{
    try {
        if (!as_json) {
            say(prefixed(Tone::warning, " warning:", message));
            return;
        }
        json::object document;
        document["warning"] = message;
        say(compact(document));
    } catch (const std::bad_alloc&) {
        return; // there will be an error to tell soon
    }
}

void report_note(std::string_view message) noexcept { say(std::string(message)); }

} // namespace whisperstore::cli
