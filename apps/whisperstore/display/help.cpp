#include "display/help.hpp"

#include "display/terminal.hpp"
#include "display/text_layout.hpp"

#include <algorithm>
#include <unistd.h>
#include <utility>
#include <vector>

namespace whisperstore::cli {

namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

class HelpWriter
{
public:
    HelpWriter() : terminal_(Terminal::of(STDOUT_FILENO)), width_(std::clamp<std::size_t>(terminal_.width, 40, 100)) {}

    void paragraph(std::string_view text)
    {
        for (const std::string& line : wrap(text, width_))
            text_.append(line).append("\n");
    }
    void usage(const std::string& line)
    {
        text_.append("\n").append(terminal_.paint(Tone::strong, "Usage:")).append(" ").append(line).append("\n");
    }
    void section(std::string_view heading, const Entries& entries)
    {
        if (entries.empty())
            return;
        text_.append("\n").append(terminal_.paint(Tone::strong, std::string(heading) + ":")).append("\n");
        std::size_t column = 0;
        for (const auto& [name, description] : entries)
            if (display_width(name) <= longest_name)
                column = std::max(column, display_width(name));
        for (const auto& [name, description] : entries) {
            const std::size_t indent = column + 4;
            const std::vector<std::string> lines = wrap(description, width_ > indent + 20 ? width_ - indent : 20);
            text_.append("  ").append(terminal_.paint(Tone::cyan, name));
            const std::size_t used = display_width(name);
            if (used > column)
                text_.append("\n").append(indent, ' ');
            else
                text_.append(indent - used - 2, ' ');
            for (std::size_t i = 0; i < lines.size(); ++i)
                text_.append(i > 0 ? std::string(indent, ' ') : std::string()).append(lines[i]).append("\n");
        }
    }
    void footer(const std::string& text)
    {
        if (!text.empty())
            text_.append("\n").append(text).append("\n");
    }
    std::string take() { return std::move(text_); }

private:
    static constexpr std::size_t longest_name = 34;
    Terminal terminal_;
    std::size_t width_;
    std::string text_;
};

std::string option_names(const CLI::Option& option)
{
    std::string names;
    for (const std::string& name : option.get_snames())
        names.append(names.empty() ? "-" : ", -").append(name);
    for (const std::string& name : option.get_lnames())
        names.append(names.empty() ? "--" : ", --").append(name);
    if (option.get_items_expected_max() > 0)
        names.append(" ").append(option.get_option_text());
    return names;
}

Entries positionals(const CLI::App& command)
{
    Entries entries;
    for (const CLI::Option* option : command.get_options())
        if (option->get_positional())
            entries.emplace_back(option->get_name(true), option->get_description());
    return entries;
}

Entries options_of(const CLI::App& command)
{
    Entries entries;
    for (const CLI::Option* option : command.get_options())
        if (option->nonpositional())
            entries.emplace_back(option_names(*option), option->get_description());
    return entries;
}

Entries commands_of(const CLI::App& command)
{
    Entries entries;
    for (const CLI::App* sub : command.get_subcommands({})) {
        std::string name = sub->get_name();
        for (const CLI::Option* option : sub->get_options())
            if (option->get_positional())
                name.append(" ").append(option->get_name(true));
        if (!sub->get_subcommands({}).empty()) {
            std::string choices;
            for (const CLI::App* inner : sub->get_subcommands({}))
                choices.append(choices.empty() ? "" : "|").append(inner->get_name());
            name.append(" ").append(choices);
        }
        entries.emplace_back(std::move(name), sub->get_description());
    }
    return entries;
}

} // namespace

std::string command_path(const CLI::App& command)
{
    const CLI::App* parent = command.get_parent();
    return parent ? command_path(*parent) + " " + command.get_name() : command.get_name();
}

std::string help_text(const CLI::App& command)
{
    HelpWriter writer;
    writer.paragraph(command.get_description());

    std::string usage = command_path(command);
    for (const CLI::Option* option : command.get_options())
        if (option->get_positional())
            usage.append(option->get_required() ? " " + option->get_name(true) : " [" + option->get_name(true) + "]");
    for (const CLI::Option* option : command.get_options())
        if (option->nonpositional() && option->get_required())
            usage.append(" ").append(option_names(*option));
    if (!command.get_subcommands({}).empty())
        usage.append(" COMMAND");
    writer.usage(usage + " [OPTION]...");

    writer.section("Arguments", positionals(command));
    writer.section("Commands", commands_of(command));
    writer.section("Options", options_of(command));
    if (const CLI::App* program = command.get_parent()) {
        while (program->get_parent())
            program = program->get_parent();
        Entries everywhere = options_of(*program);
        std::erase_if(everywhere, [](const auto& entry) {
            return entry.first.find("--help") != std::string::npos ||
                   entry.first.find("--version") != std::string::npos;
        });
        writer.section("Options of every command", everywhere);
    }
    writer.footer(command.get_footer());
    return writer.take();
}

} // namespace whisperstore::cli
