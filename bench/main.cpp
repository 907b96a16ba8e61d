// storage_bench: our backends beside the drivers and engines they stand on.

#include "harness.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <unistd.h>

namespace whisperstore::bench {

const std::vector<Case>& cases()
{
    static const std::vector<Case> all = [] {
        std::vector<Case> list;
        for (std::vector<Case> (*const group)() :
             {cache_cases, chat_turn_cases, chat_turn_sql_cases, decorator_cases, graph_cases, http_cases,
              packstream_cases, postgresql_cases, qdrant_cases, sqlite_cases, text_cases, vector_cases})
            std::ranges::move(group(), std::back_inserter(list));
#if defined(WHISPERSTORE_BENCH_REDIS_CASES)
        std::ranges::move(redis_cases(), std::back_inserter(list));
#endif
        return list;
    }();
    return all;
}

namespace {

void print(const Result& result, bool as_json)
{
    const bool comparable = !std::isnan(result.reference);
    const double ratio = comparable ? result.ours / result.reference : std::nan("");
    if (as_json) {
        boost::json::object line;
        line["case"] = result.name;
        line["ours"] = result.ours;
        line["reference"] = comparable ? boost::json::value(result.reference) : boost::json::value(nullptr);
        line["ratio"] = comparable ? boost::json::value(ratio) : boost::json::value(nullptr);
        line["unit"] = result.unit;
        line["note"] = result.note;
        std::cout << boost::json::serialize(line) << std::endl;
        return;
    }
    std::printf("%-34s %14.4g %-12s", result.name.c_str(), result.ours, result.unit.c_str());
    if (comparable)
        std::printf(" %14.4g reference   ratio %7.3f", result.reference, ratio);
    std::printf("   %s\n", result.note.c_str());
    std::fflush(stdout);
}

/// What the command line asks for.
struct Request
{
    std::vector<std::string> wanted;
    bool as_json = false;
    bool list = false;
    Settings settings;

    bool wants(std::string_view name) const
    {
        return wanted.empty() || std::ranges::any_of(wanted, [&](const std::string& prefix) {
                   // The whole name of a case means that case, not those it is the beginning of.
                   const bool is_name =
                       std::ranges::any_of(cases(), [&](const Case& one) { return one.name == prefix; });
                   return is_name ? name == prefix : name.starts_with(prefix);
               });
    }
};

void list_cases(const Request& request)
{
    for (const Case& one : cases())
        if (request.wants(one.name))
            std::printf("%-24s %s\n", std::string(one.name).c_str(), std::string(one.explanation).c_str());
}

/// Each case, in order, its results as soon as they are there. A case that fails keeps nobody from the others.
int run_cases(const Request& request)
{
    int exit_code = 0;
    for (const Case& one : cases()) {
        if (!request.wants(one.name))
            continue;
        try {
            for (const Result& result : one.run(request.settings))
                print(result, request.as_json);
        } catch (const std::exception& error) {
            std::cerr << "storage_bench: " << one.name << ": " << error.what() << '\n';
            exit_code = 1;
        }
    }
    return exit_code;
}

int run(int argc, char** argv)
{
    CLI::App app(
        "Measures whisperstore beside the drivers and engines it stands on, by turns in one process: a warm-up, "
        "then rounds of reference and ours, of which the medians are printed.",
        "storage_bench");
    Request request;
    std::string directory = ".";
    app.add_option("--case", request.wanted, "Only the cases whose names begin so; may be given several times")
        ->type_name("NAME");
    app.add_flag("--list", request.list, "Print names and explanations of the cases, and run none");
    app.add_flag("--json", request.as_json,
                 "One JSON object a line and result: case, ours, reference, ratio (ours / reference), unit, note; "
                 "reference and ratio are null where nothing comparable exists");
    app.add_option("--rounds", request.settings.rounds, "Rounds after the warm-up")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    app.add_option("--scale", request.settings.scale, "Amount of work; 0.1 for a quick look")
        ->capture_default_str()
        ->check(CLI::Range(0.001, 100.0));
    app.add_option("--directory", directory, "Where a folder for the files is made, and removed at the end")
        ->capture_default_str();
    app.footer("Names, references and aims of the cases: docs/benchmarks.md");
    CLI11_PARSE(app, argc, argv);

    for (const std::string& prefix : request.wanted)
        if (std::ranges::none_of(cases(), [&](const Case& one) { return one.name.starts_with(prefix); })) {
            std::cerr << "storage_bench: no case begins with '" << prefix << "'; --list names them all\n";
            return 2;
        }
    if (request.list) {
        list_cases(request);
        return 0;
    }
    request.settings.directory = std::filesystem::absolute(directory) / ("storage_bench-" + std::to_string(::getpid()));
    const int exit_code = run_cases(request);
    std::filesystem::remove_all(request.settings.directory);
    return exit_code;
}

} // namespace

} // namespace whisperstore::bench

int main(int argc, char** argv)
{
    try {
        return whisperstore::bench::run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "storage_bench: " << error.what() << '\n';
        return 1;
    }
}
