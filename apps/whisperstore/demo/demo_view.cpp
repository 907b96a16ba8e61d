#include "demo/demo_report.hpp"
#include "display/message_view.hpp"
#include "display/network_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/core/version.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

namespace whisperstore::cli {

namespace {

constexpr const char* margin = "  ";

/// A path as one would type it here.
std::string shown_path(const std::filesystem::path& path)
{
    const char* home = std::getenv("HOME");
    const auto shorter = [](const std::filesystem::path& base, const std::filesystem::path& whole) {
        std::error_code error; // then the whole path is shown
        const std::filesystem::path relative = std::filesystem::relative(whole, base, error);
        return error || relative.empty() || *relative.begin() == ".." ? std::string() : relative.string();
    };
    std::error_code error;
    if (const std::string here = shorter(std::filesystem::current_path(error), path); !here.empty() && here != ".")
        return here;
    if (home && *home)
        if (const std::string below = shorter(home, path); !below.empty() && below != ".")
            return "~/" + below;
    return path.string();
}

/// The sections of the demo, one after the other.
class DemoView
{
public:
    DemoView(Output& out, const Terminal& terminal, const DemoReport& report)
        : out_(out), terminal_(terminal), report_(report)
    {
    }

    void print()
    {
        title();
        stores();
        heading("What was said last in the " + report_.channel, "context " + report_.channel + " --limit 6");
        print_messages(out_, terminal_, report_.conversation, margin);
        answers();
        people();
        connections();
        metrics();
        next_steps();
    }

private:
    std::string quiet(std::string_view text) const { return terminal_.paint(Tone::quiet, text); }

    /// A quiet remark, wrapped.
    void note(const std::string& text)
    {
        for (const std::string& line : wrap(one_line(text), terminal_.width - display_width(margin)))
            out_.line(margin + quiet(line));
    }

    void title()
    {
        const std::size_t inner = terminal_.width - 4;
        const auto boxed = [&](std::string_view text, Tone tone) {
            const std::string shown = fit(text, inner);
            out_.line(quiet("│ ") + terminal_.paint(tone, shown) + std::string(inner - display_width(shown), ' ') +
                      quiet(" │"));
        };
        out_.line(quiet("╭" + repeat("─", inner + 2) + "╮"));
        boxed("whisperstore " + std::string(library_version()), Tone::accent);
        for (const std::string& line :
             wrap("One storage layer for a chat assistant: database, vectors, cache and graph", inner))
            boxed(line, Tone::plain);
        out_.line(quiet("╰" + repeat("─", inner + 2) + "╯"));
    }

    void heading(const std::string& text, const std::string& command)
    {
        out_.line();
        const std::string shown = "── " + text + " ";
        std::string hint = command.empty() ? "" : " whisperstore " + command;
        std::size_t used = display_width(shown) + display_width(hint);
        if (used + 2 > terminal_.width) {
            used -= display_width(hint);
            hint.clear();
        }
        out_.line(quiet("── ") + terminal_.paint(Tone::strong, text) + " " +
                  quiet(repeat("─", terminal_.width > used + 1 ? terminal_.width - used : 1) + hint));
        out_.line();
    }

    double metric(std::string_view layer, std::string_view key) const
    {
        const json::value* part = report_.metrics.if_contains(layer);
        const json::value* value = part ? part->as_object().if_contains(key) : nullptr;
        return value && value->is_number() ? value->to_number<double>() : 0.0;
    }
    std::uint64_t total(std::string_view layer, std::string_view key) const
    {
        return static_cast<std::uint64_t>(metric(layer, key));
    }

    void stores()
    {
        heading("A conversation, turn by turn through four stores", "import FILE.jsonl");
        const ImportReport& import = report_.import;
        if (import.imported > 0)
            out_.line(margin + terminal_.paint(Tone::good, "✓ ") + counted(import.imported, "message") + " stored in " +
                      terminal_.paint(Tone::strong, duration(import.seconds)) +
                      (import.known > 0 ? ", " + grouped(import.known) + " were there already" : ""));
        else
            out_.line(margin + terminal_.paint(Tone::good, "✓ ") + "all " + counted(import.known, "message") +
                      " are there already, from an earlier run");
        if (report_.by_text && import.documents > 0)
            out_.line(margin + terminal_.paint(Tone::good, "✓ ") + counted(import.documents, "text") + " embedded by " +
                      report_.model + " here, in " + terminal_.paint(Tone::strong, duration(import.embedding_seconds)) +
                      " of that");
        Table table(terminal_, std::string(margin) + "  ");
        table.column("").column("").column("");
        for (const DemoStore& store : report_.stores)
            table.row({Cell(store.name, Tone::cyan), Cell(store.type, Tone::quiet), Cell(store.holds)});
        table.print(out_);
    }

    void answers()
    {
        if (report_.by_text)
            heading("Recalled by meaning and words", "recall QUESTION --user U");
        else
            heading("Recalled by meaning", "recall --vectors questions.f32 --row N");
        std::size_t found = 0;
        double milliseconds = 0;
        for (const DemoAnswer& answer : report_.answers) {
            const std::size_t rank = answer.rank();
            found += rank < answer.memories.size() ? 1 : 0;
            milliseconds += answer.milliseconds;
            out_.line(margin + terminal_.paint(Tone::strong, one_line(answer.question.question)));
            // The best one; and where that is not the message looked for, those down to it.
            const std::size_t shown = rank < answer.memories.size() ? rank + 1 : 1;
            print_memories(out_, terminal_,
                           {answer.memories.begin(), answer.memories.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                                                   shown, answer.memories.size()))},
                           margin);
        }
        if (report_.answers.empty())
            return;
        const auto count = static_cast<double>(report_.answers.size());
        out_.line();
        if (!report_.by_text)
            note("There is no embedding model here, so the sample's own vectors were used (tools/quickstart fetches "
                 "one).");
        note(std::string("The message looked for is among the five ") + (report_.by_text ? "best" : "nearest") +
             " in " + grouped(found) + " of " + counted(report_.answers.size(), "question") + ".");
        note("Conversation context, similar memories and connected memories took " + fixed(milliseconds / count, 1) +
             " ms a question.");
    }

    void people()
    {
        if (report_.people.empty())
            return;
        std::uint64_t most = 1;
        std::uint64_t most_replies = 1;
        std::size_t name_width = 0;
        for (const DemoPerson& person : report_.people) {
            most = std::max(most, person.messages);
            most_replies =
                std::max(most_replies, *std::max_element(person.replies_to.begin(), person.replies_to.end()));
            name_width = std::max(name_width, display_width(one_line(person.username)));
        }
        constexpr std::size_t bar_width = 10;
        const std::size_t left = display_width(margin) + name_width + 6 + bar_width;
        const std::size_t room = terminal_.width > left ? (terminal_.width - left) / report_.people.size() : 0;
        const std::size_t cell = std::min<std::size_t>(room, std::max<std::size_t>(name_width, 4) + 2);
        const bool with_matrix = cell >= 6;
        heading(with_matrix ? "The relationship network: who answers whom" : "Who writes how much",
                "network " + report_.user);
        if (with_matrix) {
            std::string head = pad_right(std::string(margin) + "messages", left);
            for (const DemoPerson& person : report_.people)
                head += pad_left(fit(one_line(person.username), cell - 1), cell);
            out_.line(quiet(head));
        }
        for (const DemoPerson& person : report_.people) {
            std::string line = margin;
            line.append(
                terminal_.paint(tone_of_name(person.username), pad_right(one_line(person.username), name_width)));
            line.append(" ").append(pad_left(grouped(person.messages), 4)).append(" ");
            line += terminal_.paint(Tone::cyan,
                                    bar(static_cast<double>(person.messages) / static_cast<double>(most), bar_width));
            for (std::size_t i = 0; with_matrix && i < person.replies_to.size(); ++i)
                line += std::string(cell - 4, ' ') + heat(person.replies_to[i], most_replies);
            out_.line(line);
        }
        if (with_matrix) {
            out_.line();
            note("Each line: how often they answered whom. The graph knows it, by REPLIES_TO.");
        }
    }

    /// Four columns: a number with a shade for how large it is.
    std::string heat(std::uint64_t value, std::uint64_t largest) const
    {
        static constexpr std::array<std::string_view, 4> shades = {"░", "▒", "▓", "█"};
        if (value == 0)
            return quiet("   ·");
        const std::size_t step = std::min<std::size_t>(shades.size() - 1, value * shades.size() / (largest + 1));
        return pad_left(grouped(value), 3) + terminal_.paint(Tone::cyan, shades[step]);
    }

    void connections()
    {
        if (report_.connected.empty())
            return;
        heading("Connected with " + report_.user + " and “" + report_.words + "”",
                "connected " + report_.user + " --context " + report_.words);
        for (const ConnectedMemory& memory : report_.connected) {
            std::string start = margin + terminal_.paint(Tone::cyan, "• ");
            for (const std::string& text : wrap(one_line(memory.content), terminal_.width - 4)) {
                out_.line(start + text);
                start = std::string(margin) + "  ";
            }
        }
        out_.line();
        note("Around " + report_.user + " there are " + counted(report_.network.nodes.size(), "node") + " and " +
             counted(report_.network.edges.size(), "relationship") + " within two steps.");
    }

    void metrics()
    {
        heading("How the stores did", "status");
        Table table(terminal_, margin);
        table.column("").column("").column("", Align::right).column("").column("", Align::right);
        const auto milliseconds = [&](std::string_view layer, std::string_view key) {
            return duration(metric(layer, key) / 1000);
        };
        const auto percent = [&](std::string_view layer, std::string_view key) {
            return fixed(metric(layer, key) * 100, 0) + " %";
        };
        table.row({Cell("database", Tone::cyan), Cell("queries"),
                   Cell(grouped(total("database", "total_queries_executed"))), Cell("on average"),
                   Cell(milliseconds("database", "query_response_time_avg"))});
        table.row({Cell("vectors", Tone::cyan), Cell("documents"),
                   Cell(grouped(total("vector_database", "total_documents"))), Cell("a search"),
                   Cell(milliseconds("vector_database", "search_response_time_avg"))});
        table.row({Cell("cache", Tone::cyan), Cell("messages"), Cell(grouped(total("cache", "total_cached_messages"))),
                   Cell("hit rate"), Cell(percent("cache", "cache_hit_rate"))});
        table.print(out_);
    }

    void next_steps()
    {
        heading("Go on from here", "");
        const std::string files = shown_path(report_.data_dir) + ", as plain SQLite files";
        std::string where = "The data stays in " + (report_.server.empty() ? files : report_.server);
        if (!report_.vectors.empty())
            where.append(", the vectors in ").append(report_.vectors);
        else if (!report_.server.empty())
            where.append(", the vectors in ").append(files);
        out_.line(margin + where + ".");
        out_.line();
        std::vector<std::string> commands;
        commands.push_back("export WHISPERENGINE_DATA_DIR=" + report_.data_dir.string());
        commands.emplace_back("whisperstore status");
        commands.emplace_back("whisperstore context band-room --limit 8");
        if (report_.by_text)
            commands.emplace_back("whisperstore recall \"What happened to the bike?\" --user jonas --explain");
        else
            commands.push_back("whisperstore recall --vectors " + shown_path(report_.sample / "questions.f32") +
                               " --row 5 --filter '{\"user_id\": \"jonas\"}'");
        commands.emplace_back("whisperstore connected aiko --context lake");
        commands.emplace_back(
            "whisperstore sql \"SELECT username, content FROM messages WHERE content LIKE '%cello%'\"");
        for (const std::string& command : commands)
            out_.line("    " + terminal_.paint(Tone::accent, command));
    }

    Output& out_;
    const Terminal& terminal_;
    const DemoReport& report_;
};

} // namespace

void print_demo(Output& out, const Terminal& terminal, const DemoReport& report)
{
    DemoView(out, terminal, report).print();
}

} // namespace whisperstore::cli
