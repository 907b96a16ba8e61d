// storage_bench: our backends beside the drivers and engines they stand on.

#include "harness.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdio>
#include <iostream>

namespace whisperstore::bench {

const std::vector<Case>& cases()
{
    static const std::vector<Case> all = [] {
        std::vector<Case> list = sqlite_cases();
        std::vector<Case> more = decorator_cases();
        for (Case& each : more)
            list.push_back(std::move(each));
        for (Case& each : vector_cases())
            list.push_back(std::move(each));
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

int run(int argc, char** argv)
{
    CLI::App app("Measures whisperstore beside the drivers and engines it stands on, by turns in one process.", "storage_bench");
    std::vector<std::string> wanted;
    bool as_json = false;
    bool list = false;
    Settings settings;
    std::string directory = "bench-data";
    app.add_option("--case", wanted, "Only the cases whose names begin so");
    app.add_flag("--json", as_json, "One JSON object a line");
    app.add_flag("--list", list, "Names and explanations of all cases");
    app.add_option("--rounds", settings.rounds, "Interleaved rounds; the medians are printed")->capture_default_str()->check(CLI::Range(1, 1000));
    app.add_option("--scale", settings.scale, "Amount of work; 0.1 for a quick look")->capture_default_str()->check(CLI::Range(0.001, 100.0));
    app.add_option("--directory", directory, "Where the files go; removed at the end")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    settings.directory = std::filesystem::absolute(directory);

    const auto is_wanted = [&](std::string_view name) {
        return wanted.empty() ||
               std::any_of(wanted.begin(), wanted.end(), [&](const std::string& prefix) { return name.starts_with(prefix); });
    };
    bool any = false;
    for (const Case& one : cases()) {
        if (!is_wanted(one.name))
            continue;
        any = true;
        if (list) {
            std::cout << one.name << ": " << one.explanation << '\n';
            continue;
        }
        for (const Result& result : one.run(settings))
            print(result, as_json);
    }
    if (!any) {
        std::cerr << "storage_bench: no case of that name; see --list\n";
        return 2;
    }
    std::filesystem::remove_all(settings.directory);
    return 0;
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
