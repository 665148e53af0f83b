"""Everything that the page shows of a run's findings as one JSON-able document."""

from typing import TYPE_CHECKING, Any

from quantstudy.show.page.findings.added import backends, cost, engines, multiverse, recover
from quantstudy.show.page.findings.blocks import Block
from quantstudy.show.page.findings.compared import compare, forest
from quantstudy.show.page.findings.table import table_of
from quantstudy.show.page.findings.varied import cause, cliff, layers, placement
from quantstudy.words.findings import CLAIMS, FIND, NOT_HELD, VIEWS, left_out

if TYPE_CHECKING:
    from quantstudy.records.run import Run

MOST_ROWS = 9_000
"""Rows of the table; charts that would bring more are left out, the last ones first, and the page says which."""

MAKERS = {
    "forest": forest,
    "compare": compare,
    "cliff": cliff,
    "layers": layers,
    "placement": placement,
    "recover": recover,
    "cause": cause,
    "multiverse": multiverse,
    "backends": backends,
    "engines": engines,
    "cost": cost,
}
"""What makes the charts of each view; the view of claims has none."""


def findings(run: "Run") -> dict[str, Any]:
    """Return the findings of a finished run, from its records and verdict.json alone.

    Returns:
        `views` (name and title of those that the run has), `blocks` (the charts: `Block.document`), `table`
        (`table.table_of`: the rows of all charts), `name` of the run's folder, `seeds`, `claims` and
        `left_out` (sentences, the latter empty where nothing is), `not_held` and `find` (with {names} to fill in). No
        NaN and no infinity: null instead.
    """
    blocks = [block for view in VIEWS if view in MAKERS for block in MAKERS[view](run)]
    kept, gone = fitting(blocks)
    documents, at = [], 0
    for block in kept:
        documents.append(block.document(at))
        at += len(block.rows)
    shown = {block.view for block in kept} | {"claims"}
    return {
        "views": [[name, title] for name, title in VIEWS.items() if name in shown],
        "blocks": documents,
        "table": table_of(kept),
        "name": run.folder.name,
        "seeds": run.config.seeds,
        "claims": CLAIMS,
        "not_held": NOT_HELD,
        "find": FIND,
        "left_out": left_out([block.title for block in gone], MOST_ROWS),
    }


def fitting(blocks: list[Block], most: int = MOST_ROWS) -> tuple[list[Block], list[Block]]:
    """Return the charts that fit into so many rows of the table, and the others.

    The first chart of every view comes first, then the second of each, and so on: no view is left out for another one.
    """
    places: dict[str, int] = {}
    order = []
    for at, block in enumerate(blocks):
        places[block.view] = places.get(block.view, -1) + 1
        order.append((places[block.view], at))
    kept, rows = set(), 0
    for _, at in sorted(order):
        if rows + len(blocks[at].rows) <= most:
            kept.add(at)
            rows += len(blocks[at].rows)
    return [block for at, block in enumerate(blocks) if at in kept], [
        block for at, block in enumerate(blocks) if at not in kept
    ]
