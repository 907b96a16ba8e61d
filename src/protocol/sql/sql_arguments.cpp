#include "core/text.hpp"
#include "protocol/sql/sql_lexer.hpp"

#include <whisperstore/core/error.hpp>

#include <algorithm>
#include <cmath>

namespace whisperstore::sql {

namespace {

StorageError invalid(const std::string& message) { return StorageError(StorageErrc::invalid_argument, message); }

} // namespace

std::vector<std::size_t> argument_order(const TranslatedQuery& query, const Parameters& parameters)
{
    std::vector<std::size_t> order;
    order.reserve(query.placeholder_count);
    if (query.style != PlaceholderStyle::named) {
        if (parameters.size() != query.placeholder_count)
            throw invalid("the query has " + std::to_string(query.placeholder_count) + " placeholders, but " +
                          std::to_string(parameters.size()) + " arguments were given");
        for (std::size_t i = 0; i < query.placeholder_count; ++i)
            order.push_back(i);
        return order;
    }
    for (const std::string& name : query.names) {
        std::size_t found = parameters.size();
        for (std::size_t i = 0; i < parameters.size(); ++i)
            if (parameters[i].name == name) {
                if (found != parameters.size())
                    throw invalid("the argument '" + name + "' was given twice");
                found = i;
            }
        if (found == parameters.size())
            throw invalid("the query uses :" + name + ", but no argument of that name was given");
        order.push_back(found);
    }
    for (const Parameter& parameter : parameters) {
        if (parameter.name.empty())
            throw invalid("the query uses names, but an argument has none: write arg(\"name\", value)");
        if (std::find(query.names.begin(), query.names.end(), parameter.name) == query.names.end())
            throw invalid("the argument '" + parameter.name + "' is not used by the query");
    }
    return order;
}

void check_arguments(const Parameters& parameters)
{
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const Parameter& parameter = parameters[i];
        const auto name = [&] {
            return parameter.name.empty() ? "argument " + std::to_string(i + 1) : "argument '" + parameter.name + "'";
        };
        if (parameter.value.kind() == ValueKind::text) {
            const std::string_view value = parameter.value.as_text();
            // Names are made only for the rare error.
            if (value.find('\0') != std::string_view::npos || !text::is_valid_utf8(value))
                text::check(value, name());
        } else if (parameter.value.kind() == ValueKind::real && std::isnan(parameter.value.as_real())) {
            throw invalid(name() + " is not a number (NaN): bind null where there is no value");
        }
    }
}

} // namespace whisperstore::sql
