"""The table of everything: rows of all charts as columns, texts by their number in a list."""

from collections.abc import Iterable, Sequence
from typing import Any

from quantstudy.show.page.findings.blocks import Block
from quantstudy.words.findings import VIEWS

TEXTS = ("view", "scheme", "activation", "setting", "measure", "unit", "better")
"""Columns that hold texts."""
NUMBERS = ("value", "low", "high")
"""Columns that hold numbers, in the unit of their row; None where there is none."""


def table_of(blocks: Iterable[Block]) -> dict[str, Any]:
    """Return the rows of some blocks, in their order: `count`, `texts` (column → its texts, each once) and `columns`.

    A column of texts holds, per row, the place of its text in that list.
    """
    columns: dict[str, list[Any]] = {name: [] for name in (*TEXTS, *NUMBERS)}
    for block in blocks:
        for row in block.rows:
            measure = row.measure
            of = VIEWS[block.view], row.scheme, row.activation, row.setting, measure.name, measure.sign, measure.better
            for name, value in zip((*TEXTS, *NUMBERS), (*of, *row.shown()), strict=True):
                columns[name].append(value)
    texts, coded = {}, {}
    for name in TEXTS:
        texts[name], coded[name] = _coded(columns[name])
    return {
        "count": len(columns["value"]),
        "texts": texts,
        "columns": coded | {name: columns[name] for name in NUMBERS},
    }


def _coded(values: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the texts of a column, each once, and the place of every value among them."""
    found = {text: place for place, text in enumerate(dict.fromkeys(values))}
    return list(found), [found[value] for value in values]
