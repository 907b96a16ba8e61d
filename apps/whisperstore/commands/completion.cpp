#include "commands/completion.hpp"

#include "commands/command_tree.hpp"

#include <algorithm>
#include <set>
#include <vector>

namespace whisperstore::cli {

namespace {

/// What a shell may offer for a value.
enum class Offer
{
    nothing,
    files,
    directories
};

Offer offer_for(std::string_view value_name)
{
    if (value_name.starts_with("FILE"))
        return Offer::files;
    return value_name == "DIR" ? Offer::directories : Offer::nothing;
}

struct OptionEntry
{
    std::vector<std::string> names; ///< with their dashes
    std::string description;
    bool takes_value;
    Offer offer;
};

struct CommandEntry
{
    std::vector<std::string> path;                             ///< empty for the program, {"backup", "create"}
    std::vector<std::pair<std::string, std::string>> commands; ///< those below it, with descriptions
    std::vector<OptionEntry> options;                          ///< its own
    std::vector<std::pair<std::string, Offer>> arguments;

    std::string joined(char between) const
    {
        std::string out;
        for (const std::string& name : path)
            out.append(out.empty() ? "" : std::string(1, between)).append(name);
        return out;
    }
};

OptionEntry entry_of(const CLI::Option& option)
{
    OptionEntry entry{
        {}, option.get_description(), option.get_items_expected_max() > 0, offer_for(option.get_option_text())};
    for (const std::string& name : option.get_snames())
        entry.names.push_back("-" + name);
    for (const std::string& name : option.get_lnames())
        entry.names.push_back("--" + name);
    return entry;
}

/// A command and all below it.
void collect(const CLI::App& command, const std::vector<std::string>& path, std::vector<CommandEntry>& out)
{
    CommandEntry entry{path, {}, {}, {}};
    for (const CLI::Option* option : command.get_options()) {
        if (option->get_positional())
            entry.arguments.emplace_back(option->get_name(true), offer_for(option->get_name(true)));
        else if (path.empty() || !option->check_lname("help")) // the help of the program is that of all
            entry.options.push_back(entry_of(*option));
    }
    for (const CLI::App* sub : command.get_subcommands({}))
        entry.commands.emplace_back(sub->get_name(), sub->get_description());
    out.push_back(std::move(entry));
    for (const CLI::App* sub : command.get_subcommands({})) {
        std::vector<std::string> inner = path;
        inner.push_back(sub->get_name());
        collect(*sub, inner, out);
    }
}

/// The program first; its options count for every command.
std::vector<CommandEntry> commands_of(const CLI::App& program)
{
    std::vector<CommandEntry> entries;
    collect(program, {}, entries);
    return entries;
}

/// For single quotes of a shell.
std::string shell_quoted(std::string_view text)
{
    std::string out = "'";
    for (const char letter : text)
        out.append(letter == '\'' ? std::string_view("'\\''") : std::string_view(&letter, 1));
    return out.append("'");
}

/// A pattern of `case` that matches the names of all options `wanted` holds for.
std::string option_pattern(const std::vector<CommandEntry>& entries, bool (*wanted)(const OptionEntry&))
{
    std::set<std::string> names;
    for (const CommandEntry& entry : entries)
        for (const OptionEntry& option : entry.options)
            if (wanted(option))
                names.insert(option.names.begin(), option.names.end());
    std::string pattern;
    for (const std::string& name : names)
        pattern.append(pattern.empty() ? "" : "|").append(name);
    return pattern;
}

/// For zsh's specifications, in which these stand for something.
std::string zsh_escaped(std::string_view text)
{
    std::string out;
    for (const char letter : text)
        out.append(std::string_view(":[]\\").find(letter) == std::string_view::npos ? "" : "\\").push_back(letter);
    return out;
}

const char* zsh_action(Offer offer)
{
    return offer == Offer::files ? "_files" : offer == Offer::directories ? "_files -/" : " ";
}

std::string zsh_function(const CommandEntry& entry)
{
    return entry.path.empty() ? "_whisperstore" : "_whisperstore_" + entry.joined('_');
}

std::string zsh_option(const OptionEntry& option, const std::string& name)
{
    std::string item = name + "[" + zsh_escaped(option.description) + "]";
    if (option.takes_value)
        item.append(":value:").append(zsh_action(option.offer));
    return " \\\n        " + shell_quoted(item);
}

/// fish: the condition that a command has been named and none below it.
std::string fish_condition(const CommandEntry& entry)
{
    std::string condition;
    for (const std::string& name : entry.path)
        condition.append(condition.empty() ? "" : "; and ").append("__fish_seen_subcommand_from ").append(name);
    if (entry.commands.empty())
        return condition;
    condition.append(condition.empty() ? "" : "; and ").append("not __fish_seen_subcommand_from");
    for (const auto& [name, description] : entry.commands)
        condition.append(" ").append(name);
    return condition;
}

std::string fish_offer(Offer offer)
{
    return offer == Offer::files         ? " -r -F"
           : offer == Offer::directories ? " -x -a '(__fish_complete_directories)'"
                                         : " -x";
}

} // namespace

std::string bash_completion(const CLI::App& program)
{
    const std::vector<CommandEntry> entries = commands_of(program);
    std::string everywhere;
    for (const OptionEntry& option : entries.front().options)
        for (const std::string& name : option.names)
            everywhere.append(" ").append(name);
    std::string paths;
    std::string offers;
    for (const CommandEntry& entry : entries) {
        if (!entry.path.empty())
            paths.append(paths.empty() ? "" : "|").append(shell_quoted(entry.joined(' ')));
        std::string words;
        for (const auto& [name, description] : entry.commands)
            words.append(" ").append(name);
        if (!entry.path.empty())
            for (const OptionEntry& option : entry.options)
                for (const std::string& name : option.names)
                    words.append(" ").append(name);
        const Offer argument = entry.arguments.empty() ? Offer::nothing : entry.arguments.front().second;
        offers.append("        ")
            .append(shell_quoted(entry.joined(' ')))
            .append(") words=\"")
            .append(words.append(everywhere), 1);
        offers.append("\"").append(argument == Offer::files         ? " other=-f"
                                   : argument == Offer::directories ? " other=-d"
                                                                    : "");
        offers.append(" ;;\n");
    }
    const auto with_value = [](const OptionEntry& option) { return option.takes_value; };
    const auto with_file = [](const OptionEntry& option) { return option.offer == Offer::files; };
    const auto with_directory = [](const OptionEntry& option) { return option.offer == Offer::directories; };
    const std::string value_options = option_pattern(entries, with_value);

    return "# bash completion of whisperstore; made by `whisperstore completion bash`\n"
           "_whisperstore()\n"
           "{\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= words= other= i "
           "word\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        word=${COMP_WORDS[i]}\n"
           "        case $word in\n"
           "            " +
           value_options +
           ") i=$((i + 1)); continue ;;\n"
           "        esac\n"
           "        case \"${path:+$path }$word\" in\n"
           "            " +
           paths +
           ") path=\"${path:+$path }$word\" ;;\n"
           "        esac\n"
           "    done\n"
           "    COMPREPLY=()\n"
           "    case $previous in\n"
           "        " +
           option_pattern(entries, with_file) +
           ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
           "        " +
           option_pattern(entries, with_directory) +
           ") COMPREPLY=($(compgen -d -- \"$current\")); return ;;\n"
           "        " +
           value_options +
           ") return ;;\n"
           "    esac\n"
           "    case $path in\n" +
           offers +
           "    esac\n"
           "    if [[ -n $other && $current != -* ]]; then\n"
           "        COMPREPLY=($(compgen $other -- \"$current\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _whisperstore whisperstore\n";
}

std::string zsh_completion(const CLI::App& program)
{
    const std::vector<CommandEntry> entries = commands_of(program);
    std::string out =
        "#compdef whisperstore\n# zsh completion of whisperstore; made by `whisperstore completion zsh`\n";
    for (const CommandEntry& entry : entries) {
        const std::string function = zsh_function(entry);
        out.append("\n").append(function).append(
            "()\n{\n    local curcontext=\"$curcontext\" state line\n    _arguments -C");
        std::vector<OptionEntry> options = entry.options;
        if (!entry.path.empty())
            options.insert(options.end(), entries.front().options.begin(), entries.front().options.end());
        for (const OptionEntry& option : options)
            for (const std::string& name : option.names)
                out.append(zsh_option(option, name));
        for (const auto& [name, offer] : entry.arguments)
            out.append(" \\\n        ").append(shell_quoted(":" + zsh_escaped(name) + ":" + zsh_action(offer)));
        if (entry.commands.empty()) {
            out.append("\n}\n");
            continue;
        }
        std::string list;
        std::string calls;
        for (const auto& [name, description] : entry.commands) {
            list.append(" \\\n            ").append(shell_quoted(zsh_escaped(name) + ":" + zsh_escaped(description)));
            calls.append("                ")
                .append(name)
                .append(") ")
                .append(function)
                .append("_")
                .append(name)
                .append(" ;;\n");
        }
        out.append(" \\\n        '1: :->command' '*::argument:->arguments'\n"
                   "    case $state in\n"
                   "        command)\n"
                   "            local -a commands\n"
                   "            commands=(" +
                   list +
                   ")\n"
                   "            _describe command commands ;;\n"
                   "        arguments)\n"
                   "            case $line[1] in\n" +
                   calls +
                   "            esac ;;\n"
                   "    esac\n"
                   "}\n");
    }
    return out.append("\n"
                      "if [ \"$funcstack[1]\" = _whisperstore ]; then\n"
                      "    _whisperstore \"$@\"\n"
                      "else\n"
                      "    compdef _whisperstore whisperstore\n"
                      "fi\n");
}

std::string fish_completion(const CLI::App& program)
{
    std::string out = "# fish completion of whisperstore; made by `whisperstore completion fish`\n"
                      "complete -c whisperstore -f\n";
    for (const CommandEntry& entry : commands_of(program)) {
        const std::string condition = fish_condition(entry);
        const std::string here = condition.empty() ? "" : " -n " + shell_quoted(condition);
        for (const auto& [name, description] : entry.commands)
            out.append("complete -c whisperstore")
                .append(here)
                .append(" -a ")
                .append(name)
                .append(" -d ")
                .append(shell_quoted(description))
                .append("\n");
        for (const OptionEntry& option : entry.options) {
            out.append("complete -c whisperstore").append(entry.path.empty() ? "" : here);
            for (const std::string& name : option.names)
                out.append(name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
            out.append(option.takes_value ? fish_offer(option.offer) : "").append(" -d ");
            out.append(shell_quoted(option.description)).append("\n");
        }
        for (const auto& [name, offer] : entry.arguments)
            if (offer != Offer::nothing)
                out.append("complete -c whisperstore").append(here).append(fish_offer(offer)).append("\n");
    }
    return out;
}

void add_completion_commands(CLI::App& program, Selected& selected)
{
    CLI::App* command = program.add_subcommand("completion", "Print the completion script of a shell");
    command->require_subcommand(1);
    command->footer("In bash and zsh:  source <(whisperstore completion bash)   (or zsh)\n"
                    "In fish:          whisperstore completion fish | source");
    const auto add = [&](const char* shell, std::string (*script)(const CLI::App&)) {
        command->add_subcommand(shell, std::string("The script for ") + shell)->callback([&program, &selected, script] {
            selected.action = [&program, script](Invocation& invocation) {
                invocation.out().write(script(program));
                return Exit::done;
            };
        });
    };
    add("bash", bash_completion);
    add("zsh", zsh_completion);
    add("fish", fish_completion);
}

} // namespace whisperstore::cli
