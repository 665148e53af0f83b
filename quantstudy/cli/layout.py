"""How things are laid out for a terminal's width: sentences wrap between words, a row of a table never breaks."""

import shutil
import textwrap
from collections.abc import Iterable, Sequence
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

LEAST = 80
"""Columns that are printed into where a terminal has fewer, or where there is none: a pipe, a file."""

GAP = 2
"""Spaces between two columns."""


def width() -> int:
    """Return the number of columns to print into; `COLUMNS` says it, else the terminal."""
    return max(LEAST, shutil.get_terminal_size((LEAST, 24)).columns)


def console() -> Console:
    """Return a console of that width that colours no numbers; it prints headings bold on a terminal."""
    return Console(width=width(), highlight=False)


def say(text: str) -> None:
    """Print a sentence, wrapped between words; all lines but the first are indented, so that one sees where it begins.

    A word that is longer than the line, such as a path, is left whole, so that it can be copied.
    """
    bound = text.replace(" %", "\N{NO-BREAK SPACE}%")  # which stays with its number
    lines = textwrap.wrap(bound, width(), subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    print("\n".join(lines).replace("\N{NO-BREAK SPACE}", " "))


def print_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table whose first column is names, to the left, and the others numbers, to the right; a line per row.

    Args:
        headings: of the columns; a line break makes a narrow column out of a long heading.
        rows: their cells. Where they are too wide for the terminal, names give way (`shortened`).
    """
    listed = list(rows)
    cells = zip(headings[1:], *(row[1:] for row in listed), strict=True)
    numbers = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in cells]
    room = max(12, width() - sum(numbers) - GAP * len(numbers))
    table = plain_table(*headings, numbers=headings[1:])
    for name, *others in listed:
        table.add_row(*map(Text, (shortened(name, room), *others)))
    console().print(table, crop=False)


def plain_table(*headings: str, numbers: Sequence[str] = (), words: Sequence[str] = ()) -> Table:
    """Return a table without lines; columns of `numbers` stand to the right, and only those of `words` wrap."""
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for heading in headings:
        justify: Literal["left", "right"] = "right" if heading in numbers else "left"
        table.add_column(Text(heading), justify=justify, no_wrap=heading not in words)
    return table


def shortened(name: str, room: int) -> str:
    """Return a name in so many columns: one that is too long loses its middle, since the end distinguishes names.

    >>> shortened("torch.nn.functional:softsign@3", 24), shortened("relu", 24)
    ('torch.n…ional:softsign@3', 'relu')
    """
    if len(name) <= room:
        return name
    left = (room - 1) // 3
    return f"{name[:left]}…{name[len(name) - (room - 1 - left) :]}"
