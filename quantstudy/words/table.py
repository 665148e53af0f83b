"""A table as a page shows it and as it is saved."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple


class Table(NamedTuple):
    """A table of a page.

    Attributes:
        name: of the file that it is saved as, without its ending: letters, digits, `_` and `-`.
        caption: what it holds; the page shows it folded up under this.
        head: names of the columns.
        rows: texts; the first of each names the row.
        csv: the same with all digits, as the text of a CSV file; empty where there is none to save.
    """

    name: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    csv: str = ""


def csv_text(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as the text of a CSV file; None is an empty cell.

    >>> csv_text(["name", "value"], [["a,b", 0.25], ["c", None]])
    'name,value\\n"a,b",0.25\\nc,\\n'
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()
