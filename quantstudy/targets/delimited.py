"""Tables as text (.csv): with commas, semicolons or tabs, quotes, byte-order marks, decimal points or commas."""

import csv
import io
from collections.abc import Iterator

import numpy as np

from quantstudy.targets.columns import NUMBER, Cells, Columns, require_names, require_size
from quantstudy.targets.files import Unusable, short

DELIMITERS = (",", ";", "\t")

MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Byte-order marks of what is not UTF-8, as spreadsheets write «Unicode text»."""


def columns_of(contents: bytes) -> Columns:
    """Return the columns of a table as text: its first line names them, every other one that is not blank is a row.

    The delimiter is the one of DELIMITERS that cuts the first line into most parts. Spaces around cells and empty
    columns at the right end are left out. A column whose cells are all numbers is one of numbers; where commas don't
    delimit, they may be decimal marks.

    Args:
        contents: the bytes of the file.

    Raises:
        Unusable: no text, no names, a line with more or fewer cells than there are names, points and commas both.
    """
    text = _text(contents)
    first = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    delimiter = _delimiter(first)
    lines = _lines(text, delimiter)
    _, header = next(lines, (0, []))
    while header and not header[-1]:
        header.pop()
    if not header:
        raise Unusable("the file is blank")
    if all(NUMBER.fullmatch(name) for name in header):
        raise Unusable(f"its first line must name the columns, and holds numbers ({short(header[0])} …)")
    require_names(header)
    rows, places = [], []
    for place, cells in lines:
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        if len(cells) != len(header):
            raise Unusable(f"line {place} has {_cells(len(cells))}, the first one names {len(header)}")
        rows.append(cells)
        places.append(place)
        require_size(len(rows), len(header))
    return Columns(tuple(header), _typed(header, rows, delimiter), places, "line")


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count > 1 else ''}"


def _text(contents: bytes) -> str:
    encoding = MARKS.get(contents[:2], "utf-8-sig")
    try:
        return contents.decode(encoding)
    except UnicodeDecodeError:
        raise Unusable("a table as UTF-8 text is needed") from None


def _lines(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of every line that is not blank and its cells, without the spaces around them."""
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter, skipinitialspace=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                yield reader.line_num, stripped
    except csv.Error as error:
        raise Unusable(f"line {reader.line_num} can't be read ({error})") from None


def _delimiter(line: str) -> str:
    """Return what cuts a line into most parts.

    >>> _delimiter('"a;b;c",d'), _delimiter("a"), _delimiter("x\\ty, z\\tlabel")
    (',', ',', '\\t')
    """
    return max(DELIMITERS, key=lambda mark: len(next(csv.reader([line], delimiter=mark, skipinitialspace=True), [])))


def _typed(header: list[str], rows: list[list[str]], delimiter: str) -> tuple[Cells, ...]:
    """Return the columns: numbers where all cells are, else text."""
    found: list[Cells] = []
    marks: dict[str, str] = {}
    for number, name in enumerate(header):
        cells = pointed = tuple(row[number] for row in rows)
        if delimiter != "," and not all(map(NUMBER.fullmatch, cells)):
            pointed = tuple(cell if "." in cell else cell.replace(",", ".") for cell in cells)
        if all(map(NUMBER.fullmatch, pointed)):
            marks |= {mark: name for mark in ".," if any(mark in cell for cell in cells)}
            found.append(np.array(list(map(float, pointed)), np.float64))
        else:
            found.append(cells)
    if len(marks) == 2:
        point, comma = short(marks["."]), short(marks[","])
        raise Unusable(f"column {point} has decimal points and column {comma} decimal commas: one of both is needed")
    return tuple(found)
