#include "display/table.hpp"

#include "display/text_layout.hpp"

#include <algorithm>

namespace whisperstore::cli {

namespace {

constexpr std::string_view gap = "  ";
constexpr std::size_t narrowest = 8; // a column is not cut below this

} // namespace

Cell::Cell(std::string_view cell_text, Tone cell_tone) : text(one_line(cell_text)), tone(cell_tone) {}

Table& Table::column(std::string_view heading, Align align)
{
    columns_.push_back(Column{one_line(heading), align, 0});
    return *this;
}

void Table::row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

void Table::settle()
{
    settled_ = true;
    for (Column& column : columns_)
        column.width = display_width(column.heading);
    for (const std::vector<Cell>& cells : rows_)
        for (std::size_t i = 0; i < columns_.size() && i < cells.size(); ++i)
            columns_[i].width = std::max(columns_[i].width, display_width(cells[i].text));
    if (!terminal_.fits_width || columns_.empty())
        return;
    std::size_t used = display_width(indent_) + gap.size() * (columns_.size() - 1);
    for (const Column& column : columns_)
        used += column.width;
    while (used > terminal_.width) {
        const auto widest = std::max_element(columns_.begin(), columns_.end(),
                                             [](const Column& a, const Column& b) { return a.width < b.width; });
        if (widest->width <= narrowest)
            break;
        --widest->width;
        --used;
    }
}

std::string Table::line_of(const std::vector<Cell>& cells) const
{
    std::string line = indent_;
    for (std::size_t i = 0; i < columns_.size() && i < cells.size(); ++i) {
        const Column& column = columns_[i];
        const bool last = i + 1 == columns_.size();
        std::string text = terminal_.fits_width ? fit(cells[i].text, column.width) : cells[i].text;
        const std::size_t used = display_width(text);
        const std::size_t filling = used < column.width ? column.width - used : 0;
        if (i > 0)
            line.append(gap);
        if (column.align == Align::right)
            line.append(filling, ' ');
        line.append(terminal_.paint(cells[i].tone, text));
        if (column.align == Align::left && !last)
            line.append(filling, ' ');
    }
    return line;
}

void Table::print(Output& out)
{
    if (!settled_) {
        settle();
        std::vector<Cell> headings;
        bool any = false;
        for (const Column& column : columns_) {
            headings.emplace_back(column.heading, Tone::quiet);
            any = any || !column.heading.empty();
        }
        if (any)
            out.line(line_of(headings));
    }
    for (const std::vector<Cell>& cells : rows_)
        out.line(line_of(cells));
    rows_.clear();
}

} // namespace whisperstore::cli
