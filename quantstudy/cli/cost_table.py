"""The table of costs as a person sees it in a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quantstudy.cli.layout import print_rows, say

COUNTED = ("mufu", "instructions", "registers")
BYTES = ("plain", "from_input", "from_output", "fused")
"""What the table of costs shows of the instructions, and of the ways to keep something for backward."""

COST_LEGEND = (
    "Per element on {target}, forward/backward: MUFU (special-function) instructions and all instructions; registers "
    "per thread. Bytes per element for backward, plain torch/our function that keeps its input/its output/fused into "
    "its layer: kept; added to what the next layer keeps anyway. bounded: on both sides."
)
"""What stands under the table of costs."""

WAYS = {"torch": "plain torch", "numba": "ours in Numba", "triton": "ours in Triton"}
"""What the ways that are timed are called on the screen."""


def print_cost(table: Mapping[str, Any]) -> None:
    """Print a cost table (`cost.table`): instructions and bytes, then the time of every way, 80 columns wide."""
    entries = table["activations"]
    rows = []
    for name, entry in entries.items():
        pairs = [_slashed(entry[f"{what}_forward"], entry[f"{what}_backward"]) for what in COUNTED]
        kept = [_slashed(*(entry[what][way] for way in BYTES)) for what in ("saved_bytes", "added_bytes")]
        rows.append((name, *pairs, *kept, "yes" if entry["bounded"] else "no"))
    print_rows(("activation", "MUFU", "instructions", "registers", "kept", "added", "bounded"), rows)
    say(COST_LEGEND.format(target=table["target"]))
    for device, where in (("cpu", f"one thread of {table['processor']}"), ("gpu", table["gpu"])):
        for way in next(iter(entries.values()))["nanoseconds"][device] or ():
            print()
            say(f"{WAYS.get(way, way)}, nanoseconds per element on {where}:")
            print_rows(("activation", "forward", "× relu", "+ backward", "× relu"), _times(entries, device, way))
    print("Ratios: median over the rounds (quartiles).")


def _times(entries: Mapping[str, Any], device: str, way: str) -> Iterator[Sequence[str]]:
    for name, entry in entries.items():
        timed = entry["nanoseconds"][device][way]
        if timed is None:  # it has no kernel
            yield name, *"----"
            continue
        modes = [timed[mode] for mode in ("forward", "forward_backward")]
        cells = [
            (f"{mode['median']:.2f}", f"{mode['ratio']:.2f} ({mode['ratio_low']:.2f} to {mode['ratio_high']:.2f})")
            for mode in modes
        ]
        yield name, *cells[0], *cells[1]


def _slashed(*values: float | None) -> str:
    return "/".join("-" if value is None else f"{value:g}" for value in values)
