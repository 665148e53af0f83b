"""Judge and draw the sweep of the bound over width, depth and bits (`bound_effects`).

`quantstudy sweep experiments/sweeps/bound.toml --out FOLDER`, then, from the root of a checkout:
`python -m experiments.bound_sweep FOLDER`. It writes results/sweeps/bound.json and bound.png, and lines of the README.
"""

import json
import sys
from pathlib import Path

from experiments.blocks import with_block
from experiments.bound_effects import DROP, FULL, PAIRS, RANGE, bound_of, judged
from experiments.bound_spread import spreads, taken
from experiments.bound_sweep_figure import bound_sweep
from experiments.bound_sweep_words import block

ROOT = Path(__file__).resolve().parents[1]
TO = ROOT / "results" / "sweeps"
README = ROOT / "README.md"
MARKS = ("<!-- results/sweeps: made by experiments/bound_sweep.py, do not edit -->", "<!-- end of results/sweeps -->")


def main(folder: str) -> None:
    """Judge a sweep and keep what came out."""
    from quantstudy.engine.sweep_report import held_sweep
    from quantstudy.records.frames import frame
    from quantstudy.records.objects import objects_at
    from quantstudy.records.swept import table_of
    from quantstudy.show.canvas.page import png

    objects, columns = objects_at(folder), ("activation", "hidden", "scheme", "seed", "metric", "value")
    bound = bound_of(frame(table_of(objects, columns, metrics=(DROP, FULL, RANGE))))
    found = judged(bound, taken(spreads(held_sweep(objects)[1], objects), PAIRS, bound.shapes))
    TO.mkdir(parents=True, exist_ok=True)
    (TO / "bound.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
    (TO / "bound.png").write_bytes(png(bound_sweep(bound, found)))
    README.write_text(with_block(README.read_text(), MARKS, block(found)))
    print("written to results/sweeps and README.md")


if __name__ == "__main__":
    main(sys.argv[1])
