#include "display/table.hpp"

#include "display/text_layout.hpp"

#include <algorithm>

namespace whisperstore::cli {

namespace {

constexpr std::string_view gap = "  ";
constexpr std::size_t narrowest = 8;      // a column is not cut below this
constexpr std::size_t legible = 16;       // columns on average that a reader can do something with
constexpr std::size_t widest_filled = 60; // where nothing is cut, one long cell should not push all others away

} // namespace

Cell::Cell(std::string_view cell_text, Tone cell_tone) : text(one_line(cell_text)), tone(cell_tone) {}

Table& Table::column(std::string_view heading, Align align, Cut cut)
{
    columns_.push_back(Column{one_line(heading), align, cut, 0});
    return *this;
}

void Table::row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }

std::size_t Table::natural_width(std::size_t column) const
{
    std::size_t width = display_width(columns_[column].heading);
    for (const std::vector<Cell>& cells : rows_)
        if (column < cells.size())
            width = std::max(width, display_width(cells[column].text));
    return width;
}

bool Table::is_cramped() const
{
    if (!terminal_.fits_width || columns_.size() < 2)
        return false;
    std::size_t used = 0;
    for (std::size_t i = 0; i < columns_.size(); ++i)
        used += natural_width(i) + gap.size();
    return used > terminal_.width && terminal_.width / columns_.size() < legible;
}

void Table::settle()
{
    settled_ = true;
    std::size_t used = display_width(indent_);
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        const std::size_t natural = natural_width(i);
        columns_[i].width = terminal_.fits_width ? natural : std::min(natural, widest_filled);
        used += columns_[i].width + (i > 0 ? gap.size() : 0);
    }
    while (terminal_.fits_width && used > terminal_.width) {
        Column* widest = nullptr;
        for (Column& column : columns_)
            if (column.cut == Cut::allowed && (!widest || column.width > widest->width))
                widest = &column;
        if (!widest || widest->width <= narrowest)
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
        std::string text = terminal_.fits_width ? fit(cells[i].text, column.width) : cells[i].text;
        const std::size_t used = display_width(text);
        const std::size_t filling = used < column.width ? column.width - used : 0;
        if (i > 0)
            line.append(gap);
        if (column.align == Align::right)
            line.append(filling, ' ');
        line.append(terminal_.paint(cells[i].tone, text));
        if (column.align == Align::left)
            line.append(filling, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
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
