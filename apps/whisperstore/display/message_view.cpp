#include "display/message_view.hpp"

#include "display/text_layout.hpp"

#include <whisperstore/core/time.hpp>

#include <algorithm>

namespace whisperstore::cli {

namespace {

/// A text in its column of a terminal; on one line elsewhere.
std::vector<std::string> lines_of(const Terminal& terminal, std::string_view text, std::size_t column)
{
    const std::string line = one_line(text);
    if (!terminal.fits_width)
        return {line};
    return wrap(line, std::clamp<std::size_t>(terminal.width > column ? terminal.width - column : 0, 20, 100));
}

const std::string& name_of(const UniversalMessage& message)
{
    return message.username.empty() ? message.user_id : message.username;
}

} // namespace

std::string short_time(std::string_view time)
{
    const auto parsed = try_parse_timestamp(time);
    if (!parsed)
        return one_line(time);
    std::string text = format_timestamp(*parsed).substr(0, 16);
    text[10] = ' ';
    return text;
}

json::object to_json(const SearchResult& result)
{
    json::object item;
    item["id"] = result.id;
    item["score"] = result.score;
    item["content"] = result.content;
    item["metadata"] = result.metadata;
    return item;
}

std::string metadata_text(const json::object& metadata, std::string_view key)
{
    const json::value* value = metadata.if_contains(key);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

void print_messages(Output& out, const Terminal& terminal, const std::vector<CachedMessage>& messages,
                    const std::string& indent)
{
    std::size_t name_width = 0;
    for (const CachedMessage& message : messages)
        name_width = std::max(name_width, display_width(one_line(name_of(*message))));
    name_width = std::min<std::size_t>(name_width, 20);
    const std::size_t column = display_width(indent) + 16 + 2 + name_width + 2;
    for (const CachedMessage& message : messages) {
        const std::string& name = name_of(*message);
        const std::string shown = fit(one_line(name), name_width);
        std::string line =
            indent + terminal.paint(Tone::quiet, short_time(format_timestamp(message->timestamp))) + "  ";
        line += terminal.paint(message->is_bot ? Tone::accent : tone_of_name(name), shown);
        line.append(name_width - display_width(shown) + 2, ' ');
        for (const std::string& text : lines_of(terminal, message->content, column)) {
            out.line(line + text);
            line.assign(column, ' ');
        }
    }
}

namespace {

/// "similarity 0.41 + words 0.40 (dance, studio) + neighbour 0.12; cosine 0.55".
std::string explained(const ScoreParts& parts)
{
    std::string line = "similarity " + fixed(parts.similarity, 2);
    const auto add = [&](std::string_view name, double part) {
        if (part != 0)
            line += " + " + std::string(name) + " " + fixed(part, 2);
    };
    add("words", parts.words);
    if (!parts.matched_words.empty()) {
        std::string words;
        for (const std::string& word : parts.matched_words)
            words += (words.empty() ? "" : ", ") + word;
        line += " (" + one_line(words) + ")";
    }
    add("neighbour", parts.neighbour);
    add("recency", parts.recency);
    add("importance", parts.importance);
    return line + "; cosine " + fixed(parts.cosine, 2);
}

} // namespace

void print_memories(Output& out, const Terminal& terminal, const std::vector<SearchResult>& memories,
                    const std::string& indent)
{
    for (const SearchResult& memory : memories)
        print_memory(out, terminal, memory, std::nullopt, indent);
}

void print_memory(Output& out, const Terminal& terminal, const SearchResult& memory,
                  const std::optional<ScoreParts>& parts, const std::string& indent)
{
    constexpr std::size_t bar_width = 10;
    const std::string inner = indent + std::string(7, ' ');
    {
        std::string line = indent + terminal.paint(Tone::strong, pad_left(fixed(memory.score, 2), 5)) + "  " +
                           terminal.paint(Tone::cyan, bar(memory.score, bar_width)) + "  ";
        std::string name = metadata_text(memory.metadata, "username");
        if (name.empty())
            name = metadata_text(memory.metadata, "user_id");
        line += name.empty() ? memory.id : terminal.paint(tone_of_name(name), one_line(name));
        if (const std::string channel = metadata_text(memory.metadata, "channel_id"); !channel.empty())
            line += terminal.paint(Tone::quiet, " · " + one_line(channel));
        if (const std::string time = metadata_text(memory.metadata, "timestamp"); !time.empty())
            line += terminal.paint(Tone::quiet, " · " + short_time(time));
        out.line(line);
        for (const std::string& text : lines_of(terminal, memory.content, display_width(inner)))
            out.line(inner + text);
        if (parts)
            out.line(inner + terminal.paint(Tone::quiet, explained(*parts)));
    }
}

} // namespace whisperstore::cli
