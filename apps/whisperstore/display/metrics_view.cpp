#include "display/metrics_view.hpp"

#include "display/table.hpp"
#include "display/text_layout.hpp"

namespace whisperstore::cli {

namespace {

std::string shown(const json::value& value)
{
    if (value.is_null()) // its store does not answer
        return "-";
    return value.is_double() ? fixed(value.get_double(), 3) : compact(value);
}

} // namespace

void print_reference_metrics(const Terminal& terminal, Output& out, const json::object& metrics)
{
    Table table(terminal);
    table.column("METRIC (since this command began)").column("VALUE", Align::right);
    for (const auto& [layer, values] : metrics) {
        if (!values.is_object() || layer == "extended")
            continue;
        for (const auto& [key, value] : values.get_object()) {
            if (value.is_object())
                continue;
            std::string name(layer);
            name.append(".").append(key);
            table.row({Cell(std::move(name)), Cell(shown(value))});
        }
    }
    table.print(out);
}

} // namespace whisperstore::cli
