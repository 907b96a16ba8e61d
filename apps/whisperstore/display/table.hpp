#pragma once
// Aligned columns.

#include "display/output.hpp"
#include "display/terminal.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whisperstore::cli {

enum class Align
{
    left,
    right
};

/// A cell: its text, made safe to show, and how it is painted.
struct Cell
{
    Cell(std::string_view cell_text, Tone cell_tone = Tone::plain);
    std::string text;
    Tone tone;
};

/// Whether a column may be cut where the terminal is too narrow.
enum class Cut
{
    allowed,
    never
};

/// Rows in aligned columns, fitted to a terminal's width: where it is too narrow the widest columns
/// are cut, with an ellipsis. Elsewhere (a pipe, a file) nothing is cut.
class Table
{
public:
    explicit Table(const Terminal& terminal, std::string indent = {}) : terminal_(terminal), indent_(std::move(indent))
    {
    }

    /// A column with a heading (empty headings everywhere: no heading line).
    Table& column(std::string_view heading, Align align = Align::left, Cut cut = Cut::allowed);
    void row(std::vector<Cell> cells);
    bool empty() const noexcept { return rows_.empty(); }

    /// Whether the columns would have to be cut to shreds.
    bool is_cramped() const;

    /// Writes what was added since the last call. The first call settles the widths.
    void print(Output& out);

private:
    struct Column
    {
        std::string heading;
        Align align;
        Cut cut;
        std::size_t width;
    };
    void settle();
    std::size_t natural_width(std::size_t column) const;
    std::string line_of(const std::vector<Cell>& cells) const;

    const Terminal& terminal_;
    std::string indent_;
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
    bool settled_ = false;
};

} // namespace whisperstore::cli
