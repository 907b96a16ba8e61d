#include "demo/demo_report.hpp"
#include "display/message_view.hpp"
#include "display/network_view.hpp"
#include "display/table.hpp"
#include "display/text_layout.hpp"

#include <whisperstore/core/version.hpp>

#include <algorithm>
#include <array>

namespace whisperstore::cli {

namespace {

constexpr const char* margin = "  ";

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
        boxed("One storage layer for a chat assistant: database, vectors, cache and graph", Tone::plain);
        out_.line(quiet("╰" + repeat("─", inner + 2) + "╯"));
    }

    void heading(const std::string& text, const std::string& command)
    {
        out_.line();
        const std::string shown = "── " + text + " ";
        const std::string hint = command.empty() ? "" : " whisperstore " + command;
        const std::size_t used = display_width(shown) + display_width(hint);
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
        heading("A conversation, turn by turn through four stores", "import conversation.jsonl");
        const ImportReport& import = report_.import;
        if (import.imported > 0)
            out_.line(margin + terminal_.paint(Tone::good, "✓ ") + counted(import.imported, "message") + " stored in " +
                      terminal_.paint(Tone::strong, duration(import.seconds)) +
                      (import.known > 0 ? ", " + grouped(import.known) + " were there already" : ""));
        else
            out_.line(margin + terminal_.paint(Tone::good, "✓ ") + "all " + counted(import.known, "message") +
                      " are there already, from an earlier run");
        Table table(terminal_, margin);
        table.column("").column("").column("");
        const json::object& collections = report_.metrics;
        static_cast<void>(collections);
        table.row({Cell("database", Tone::cyan),
                   Cell("tables of " + counted(report_.people.size(), "user") + " and their messages"), Cell("")});
        table.print(out_);
        out_.line(margin + quiet("Everything is in " + report_.data_dir.string() + ", as plain SQLite files."));
    }

    void answers()
    {
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
        out_.line(margin + quiet("The message looked for is among the five nearest in " + grouped(found) + " of " +
                                 counted(report_.answers.size(), "question") + "."));
        out_.line(margin + quiet("Conversation context, similar memories and connected memories took " +
                                 fixed(milliseconds / count, 1) + " ms a question."));
    }

    void people()
    {
        if (report_.people.empty())
            return;
        heading("Who writes, and who answers whom", "sql 'SELECT username, message_count FROM users'");
        std::uint64_t most = 1;
        std::uint64_t most_replies = 1;
        std::size_t name_width = 0;
        for (const DemoPerson& person : report_.people) {
            most = std::max(most, person.messages);
            most_replies =
                std::max(most_replies, *std::max_element(person.replies_to.begin(), person.replies_to.end()));
            name_width = std::max(name_width, display_width(one_line(person.username)));
        }
        const std::size_t cell = std::max<std::size_t>(name_width, 4) + 1;
        constexpr std::size_t bar_width = 14;
        std::string head = margin + std::string(name_width + bar_width + 6, ' ') + "  ";
        for (const DemoPerson& person : report_.people)
            head += pad_left(one_line(person.username), cell);
        const bool with_matrix = display_width(head) <= terminal_.width;
        if (with_matrix)
            out_.line(quiet(head));
        for (const DemoPerson& person : report_.people) {
            const std::string name = one_line(person.username);
            std::string line =
                margin + terminal_.paint(tone_of_name(person.username), pad_right(name, name_width)) + " " +
                pad_left(grouped(person.messages), 4) + " " +
                terminal_.paint(Tone::cyan,
                                bar(static_cast<double>(person.messages) / static_cast<double>(most), bar_width));
            line += "  ";
            for (std::size_t i = 0; with_matrix && i < person.replies_to.size(); ++i)
                line += std::string(cell - 4, ' ') + heat(person.replies_to[i], most_replies);
            out_.line(line);
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
        heading("What belongs together around " + report_.user,
                "connected " + report_.user + " --context " + report_.words);
        out_.line(margin + counted(report_.network.nodes.size(), "node") + " and " +
                  counted(report_.network.edges.size(), "relationship") + " within two steps:");
        print_relationship_counts(out_, terminal_, report_.network, margin);
        if (report_.connected.empty())
            return;
        out_.line();
        out_.line(margin + std::string("Connected with “") + report_.words + "”:");
        print_connected(out_, terminal_, report_.connected, margin);
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
        out_.line(margin + std::string("The data stays in ") + report_.data_dir.string() + ".");
        out_.line();
        const std::string vectors = (report_.sample / "questions.f32").string();
        for (const std::string& command :
             {"export WHISPERENGINE_DATA_DIR=" + report_.data_dir.string(), std::string("whisperstore status"),
              std::string("whisperstore context band-room --limit 8"),
              "whisperstore recall --vectors " + vectors + " --row 5 --filter '{\"channel_id\": \"band-room\"}'",
              std::string("whisperstore network jonas --limit 40"),
              std::string("whisperstore sql \"SELECT username, content FROM messages WHERE content LIKE '%cello%'\"")})
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
