"""What a person sees in a terminal: progress per stage, the verdict, the table of traits."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from quantstudy.judge.claims import Judged
from quantstudy.records import Run
from quantstudy.subject.activations import ACTIVATIONS, ALIASES

STAGES = {
    "train": "train networks",
    "measure": "quantize and measure",
    "vary": "vary what is quantized",
    "picture": "evaluate the median seeds",
    "multiverse": "evaluate",
    "judge": "judge",
    "draw": "draw figures",
    "cost": "measure costs",
}
"""What the stages of a command are called on the screen; a claim is called by its name."""

COUNTED = ("mufu", "instructions", "registers")
BYTES = ("plain", "from_input", "from_output", "fused")
"""What the table of costs shows of the instructions, and of the ways to keep something for backward."""

COST_LEGEND = (
    "Per element on {target}, forward/backward: MUFU (special-function) instructions",
    "and all instructions; registers per thread. Bytes per element for backward,",
    "plain torch/our function that keeps its input/its output/fused into its layer:",
    "kept; added to what the next layer keeps anyway. bounded: on both sides.",
)
"""What stands under the table of costs."""

WAYS = {"torch": "plain torch", "numba": "ours in Numba", "triton": "ours in Triton"}
"""What the ways that are timed are called on the screen."""


COMPARED = 8
"""Activations in the table of a comparison at most; compare.json holds all."""


def notify(line: str) -> None:
    """Print one line for the user on standard error."""
    print(f"quantstudy: {line}", file=sys.stderr)


@contextmanager
def stage_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function (stage, done, total) that draws a bar per stage; quiet where standard error is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda stage, done, total: None
        return
    columns = (TextColumn("{task.description:<26}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TextColumn("left"), TimeRemainingColumn(), console=console, transient=True) as bars:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show


def print_activations() -> None:
    """Print every activation with its traits, one row each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "f(x)", "range", "bends at", "smooth", "monotonic", "exactly 0 somewhere"):
        table.add_column(heading, overflow="fold")
    other_names = {name: alias for alias, name in ALIASES.items() if alias != name.replace("_", "")}
    for activation in ACTIVATIONS.values():
        alias = other_names.get(activation.name)
        table.add_row(
            f"{activation.name} (= {alias})" if alias else activation.name,
            activation.formula,
            f"{_bound(activation.floor)} to {_bound(activation.ceiling)}",
            ", ".join(f"{bend:g}" for bend in activation.bends) or "none",
            *("yes" if trait else "no" for trait in (activation.smooth, activation.monotonic, activation.gates)),
        )
    _console().print(table)
    print("NAME@CAP is min(f(x), CAP), for example relu@3. Any torch function will do: module:function, for example")
    print("torch.nn.functional:softsign, or mine:wave of a file mine.py in the current folder.")


def print_verdict(run: Run) -> None:
    """Print the ranking of the focus scheme and the verdict in words, at most 25 lines."""
    verdict = run.verdict()
    bits = run.config.focus_bits
    console = _console()
    shown = verdict["schemes"][f"w{bits}a{bits}"]
    table = Table(title=f"w{bits}a{bits}: accuracy after quantization, mean over {run.config.seeds} seeds", box=None)
    for heading in ("activation", "accuracy %", "95 % interval", "drop (points)", "flip rate %", "deployable"):
        table.add_column(heading, justify="left" if heading == "activation" else "right")
    for row in shown["ranking"][:12]:
        table.add_row(
            row["activation"],
            f"{100 * row['mean']:.1f}",
            _interval(row["low"], row["high"]),
            f"{100 * row['drop']:.1f}",
            f"{100 * row['flip_rate']:.1f}",
            "yes" if row["deployable"] else "no",
        )
    console.print(table)
    for line in verdict["summary"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    print(f"figures and page: {run.folder / 'report.html'}")


def print_comparison(found: Mapping[str, Any], folder: Path) -> None:
    """Print how two runs differ (`compare.compare_runs`): the first schemes as a table, the rest in words, 30 lines."""
    from quantstudy.judge.compare_words import comparison_lines, pair_name, rows_of, shown_pair
    from quantstudy.judge.verdict import RANKED

    console = _console()
    for key, run in found["runs"].items():
        console.print(f"{key.upper()}: {run['folder']}", markup=False, soft_wrap=True)
    pair = shown_pair(found)
    rows = rows_of(found, RANKED, pair)
    if not all(row["same"] for row in rows):
        table = _table("activation", "A %", "B %", "B − A (points)", "95 % interval", "p (Holm)", "real")
        seeds = found["seeds"]["paired"]
        table.title = f"{pair_name(*pair)}: accuracy after quantization, mean over common seeds ({seeds})"
        for row in rows[:COMPARED]:
            means = [_hundredths(row[key]) for key in ("mean_a", "mean_b", "difference")]
            adjusted = "-" if row["p_holm"] is None else f"{row['p_holm']:.3f}"
            between = _interval(row["low"], row["high"])
            table.add_row(row["activation"], *means, between, adjusted, "yes" if row["real"] else "no")
        console.print(table)
    for line in comparison_lines(found):
        console.print(line, markup=False, soft_wrap=True)
    print(f"figure and numbers: {folder / 'compare.png'}, compare.json")


def print_multiverse(found: Mapping[str, Any], folder: Path) -> None:
    """Print how often each activation is best under other choices (`multiverse.run_multiverse`), and that in words."""
    from quantstudy.judge.multiverse_words import share, specifications

    table = _table("activation", "best", "best or tied", "mean rank")
    table.title = f"{found['scheme']}: share of {specifications(found['specifications'])}"
    shares = found["share_best_or_tied"]
    for name in sorted(found["mean_rank"], key=lambda name: (-(shares[name] or 0), found["mean_rank"][name])):
        told = "-" if shares[name] is None else share(shares[name])
        table.add_row(name, share(found["share_best"][name]), told, f"{found['mean_rank'][name]:.1f}")
    console = _console()
    console.print(table)
    for line in found["summary"]:
        console.print(line, markup=False, soft_wrap=True)
    print(f"figure and numbers: {folder / 'figures' / 'multiverse.png'}, multiverse.json")


def print_claim(result: Judged, folder: Path) -> None:
    """Print one claim, its verdict and what became of its parts."""
    from quantstudy.judge.claim_words import effect

    console = _console()
    for line in (result.claim.says, f"{result.claim.name}: {result.verdict}"):
        console.print(line, markup=False, soft_wrap=True)
    table = _table("part", "effect [95 % interval]", "p (Holm)", "outcome")
    for outcome in result.outcomes:
        p = f"{outcome.p:.4f}" if math.isfinite(outcome.p) else "-"
        told = outcome.verdict if outcome.part.decides else f"({outcome.verdict}, beside)"
        table.add_row(escape(outcome.part.says), escape(effect(outcome)), p, told)  # brackets are no markup
    console.print(table)
    print(f"ledger and figure: {folder / 'README.md'}, figures/{result.claim.name}.png")


def print_claims(results: Sequence[Judged], folder: Path) -> None:
    """Print every claim with its verdict, a line each."""
    table = Table(box=None, pad_edge=False)
    for heading in ("claim", "verdict", "what it says"):
        table.add_column(heading, overflow="fold")
    for result in results:
        table.add_row(result.claim.name, result.verdict, escape(result.claim.says))
    _console().print(table)
    print(f"ledger, tables and figures: {folder / 'README.md'}")


def print_cost(table: Mapping[str, Any]) -> None:
    """Print a cost table (`cost.table`): instructions and bytes, then the time of every way, 80 columns wide."""
    console = _console()
    entries = table["activations"]
    shown = _table("activation", "MUFU", "instructions", "registers", "kept", "added", "bounded")
    for name, entry in entries.items():
        pairs = [_slashed(entry[f"{what}_forward"], entry[f"{what}_backward"]) for what in COUNTED]
        kept = [_slashed(*(entry[what][way] for way in BYTES)) for what in ("saved_bytes", "added_bytes")]
        shown.add_row(name, *pairs, *kept, "yes" if entry["bounded"] else "no")
    console.print(shown)
    for line in COST_LEGEND:
        print(line.format(target=table["target"]))
    for device, where in (("cpu", f"{table['processor']}, one thread"), ("gpu", table["gpu"])):
        for way in next(iter(entries.values()))["nanoseconds"][device] or ():
            print(f"\n{WAYS.get(way, way)}, nanoseconds per element on {where}:")
            console.print(_times(entries, device, way))
    print("Ratios: median over the rounds (quartiles).")


def _times(entries: Mapping[str, Any], device: str, way: str) -> Table:
    shown = _table("activation", "forward", "× relu", "+ backward", "× relu")
    for name, entry in entries.items():
        timed = entry["nanoseconds"][device][way]
        if timed is None:  # it has no kernel
            shown.add_row(name, *"----")
            continue
        modes = [timed[mode] for mode in ("forward", "forward_backward")]
        cells = [
            (f"{mode['median']:.2f}", f"{mode['ratio']:.2f} ({mode['ratio_low']:.2f} to {mode['ratio_high']:.2f})")
            for mode in modes
        ]
        shown.add_row(name, *cells[0], *cells[1])
    return shown


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    return table


def _slashed(*values: float | None) -> str:
    return "/".join("-" if value is None else f"{value:g}" for value in values)


def _console() -> Console:
    # a pipe has no width: rich would fold the tables at 80 columns
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def _hundredths(fraction: float | None) -> str:
    return "-" if fraction is None else f"{round(100 * fraction, 1) + 0.0:.1f}"  # no -0.0


def _interval(low: float | None, high: float | None) -> str:
    return "none (one seed)" if low is None or high is None else f"{_hundredths(low)} to {_hundredths(high)}"


def _bound(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ("-inf" if value < 0 else "inf")
