"""The figure of `backward_memory`: what is kept for the backward pass and by whom, and the peak that comes of it."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import backward_memory as claim
from experiments.claims.drawing import small_print
from quantstudy.activations.catalogue import DEFAULT_ACTIVATIONS
from quantstudy.judge.claims import Judged
from quantstudy.show.canvas.page import BODY, Page, wrap
from quantstudy.show.canvas.style import BASE, BEST, DEPLOYABLE, INK, LEVELS, MUTED, RULE, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, title
from quantstudy.words.numbers import MINUS, NO_BREAK, listed

ROW, APART, HEAD, AXIS = 0.27, 0.33, 0.62, 0.25
"""Inches: a row, between blocks, what stands above the bars, their numbers below."""
TOLD, BARS, GAP = 2.9, 4.1, 0.45
"""Inches: where the column «told by the output» and the bars begin, between the two panels of bars."""
LINEAR, ALONE, PEAK = "#A9B8C9", LEVELS, BEST
"""Colours: kept by linear layers, kept for the activation alone, the peak."""
MIB = 2.0**20
SAID = {
    "plain": "plain",
    "in_place": "in place",
    "in_place_from_output": "in place (ours)",
    "single_pass": "one kernel",
}
"""Words for the ways."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the bars per activation and way, and which derivatives the output determines.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    peak = claim.peaks(table)
    bars = [(name, way) for name in DEFAULT_ACTIVATIONS for way in _drawn(name, peak)]
    notes = _notes(table, peak)
    top_bars = height_of(judged) + APART
    top_told = top_bars + HEAD + ROW * len(bars) + AXIS + APART
    page = Page(
        top_told + sum(map(_height, notes)),
        title("Do monotonic activations need only their output for the gradient, and does that save memory?", judged),
        f"One training step (forward and backward) of a {claim.LAYERS}-layer MLP, {claim.WIDTH} wide, "
        f"{claim.BATCH} rows a batch. Left: what waits for the backward pass. A linear layer keeps its input, which is "
        "the activation's output, in any case (grey); an activation that goes by its output adds nothing, one that "
        "goes by its input keeps that as well (red). Right: the most bytes alive at once.",
        "Exact bytes of float32 tensors, counted storage by storage: no timing, no seeds. The peak includes "
        "parameters, inputs and targets, gradients and what passes by; Adam would add two copies of the parameters to "
        "every bar. In brackets: told beside, the verdict does not depend on it. Plain: torch.nn.functional, for "
        "hardgelu the article's own where/clamp. In place: relu_, leaky_relu_, silu_, gelu_, hardswish_ of torch, of "
        "which the last three copy their input first; (ours): a function that keeps its output alone. One kernel: a "
        "single function that keeps its input. MiB = 2²⁰ bytes.",
    )
    findings(page, judged, "what it says")
    _rows(page, table, bars, top_bars)
    top = top_told
    for note in notes:
        page.write(0.0, top, note, va="top", linespacing=1.25)
        top += _height(note)
    return page.figure


def _height(note: str) -> float:
    return 0.06 + 0.185 * (note.count("\n") + 1)


def _drawn(name: str, peak: Mapping[tuple[str, str], float]) -> list[str]:
    """Return the ways that are shown: torch's in-place form, else ours; one kernel where it keeps less than plain."""
    found = [way for way in ("plain", "in_place") if (name, way) in peak]
    if "in_place" not in found and (name, "in_place_from_output") in peak:
        found.append("in_place_from_output")
    if peak.get((name, "single_pass"), math.inf) < peak.get((name, "plain"), 0.0):
        found.append("single_pass")
    return found


def _rows(page: Page, table: pd.DataFrame, bars: Sequence[tuple[str, str]], top: float) -> None:
    peak = claim.peaks(table)
    linear, alone = (
        dict.fromkeys(bars, 0.0) | claim.peaks(table, f"{holder}_bytes") for holder in ("linear", "activation")
    )
    determined = _told(table)
    width = (BODY - BARS - GAP) / 2
    page.write(TOLD - 0.2, top + 0.2, "derivative told\nby the output?", va="center", **small_print())
    page.write(BARS, top, "Kept when the forward pass ends, MiB", weight="bold")
    page.canvas.barh([top + 0.31] * 2, [0.15] * 2, 0.13, left=[BARS, BARS + 2.0], color=[LINEAR, ALONE])
    page.write(BARS + 0.22, top + 0.31, "linear layers' inputs", size=SMALL)
    page.write(BARS + 2.22, top + 0.31, "for the activation alone", size=SMALL)
    page.write(BARS + width + GAP, top, "Peak of the whole step, MiB", weight="bold")
    page.write(BARS + width + GAP, top + 0.31, "and the share saved against its own plain form", **small_print())
    height = ROW * len(bars)
    kept = _axes(page, BARS, top + HEAD, width, height, max((linear[bar] + alone[bar] for bar in bars), default=MIB))
    most = _axes(page, BARS + width + GAP, top + HEAD, width, height, max((peak[bar] for bar in bars), default=MIB))
    for place, bar in enumerate(bars):
        name, way = bar
        middle = top + HEAD + ROW * (place + 0.5)
        if way == "plain":
            page.canvas.plot([0.0, BODY], [middle - ROW / 2] * 2, color=RULE, linewidth=0.6)
            page.write(0.0, middle, name, weight="bold")
            word, colour = determined.get(name, ("n/a", MUTED))
            page.write(TOLD - 0.2, middle, word, color=colour, weight="bold")
        page.write(1.15, middle, SAID[way], color=INK if way == "plain" else MUTED)
        shown = [linear[bar] / MIB, alone[bar] / MIB]
        kept.barh([place] * 2, shown, 0.62, left=[0.0, shown[0]], color=[LINEAR, ALONE])
        extra = f"{shown[0]:.0f} + {shown[1]:.0f}" if shown[1] else f"{shown[0]:.0f}"
        kept.annotate(extra, (sum(shown), place), (4, 0), textcoords="offset points", va="center", size=SMALL)
        most.barh(place, peak[bar] / MIB, 0.62, color=PEAK, alpha=1.0 if way == "plain" else 0.6)
        most.annotate(
            f"{peak[bar] / MIB:.1f}{_saved(bar, peak)}",
            (peak[bar] / MIB, place),
            (4, 0),
            textcoords="offset points",
            va="center",
            size=SMALL,
        )


def _saved(bar: tuple[str, str], peak: Mapping[tuple[str, str], float]) -> str:
    if bar[1] == "plain" or (bar[0], "plain") not in peak:
        return ""
    share = 100.0 * (1.0 - peak[bar] / peak[bar[0], "plain"])
    return f"  {MINUS}{share:.0f}{NO_BREAK}%" if round(share) else "  saves nothing"


def _axes(page: Page, left: float, top: float, width: float, height: float, largest: float) -> Axes:
    ax = page.axes(left, top, width, max(height, ROW))
    ax.set(xlim=(0.0, 1.32 * max(largest / MIB, 1.0)), ylim=(max(height / ROW, 1.0) - 0.5, -0.5), yticks=[])
    ax.patch.set_visible(False)  # the rules between rows run on behind it
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2)
    ax.grid(axis="x", color=RULE, linewidth=0.5, alpha=0.6)
    ax.set_axisbelow(True)
    return ax


def _told(table: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return per activation whether the output determines the derivative, in words with their colour."""
    grid = table[(table["metric"] == "told")].astype({"activation": str})
    found = {}
    for name, values in grid.groupby("activation")["value"]:
        words = "yes" if (values == 1).all() else "no" if (values == 0).all() else "if slopes > 0"
        found[str(name)] = (words, DEPLOYABLE if words == "yes" else LEVELS if words == "no" else INK)
    return found


def _notes(table: pd.DataFrame, peak: Mapping[tuple[str, str], float]) -> list[str]:
    """Return sentences, wrapped: whose derivatives are determined by the output, prelu's slopes, what in place does."""
    grid = table[table["case"] == "grid"].astype({"activation": str})
    wide = grid.pivot(index=["activation", "x"], columns="metric", values="value")
    sentences = _in_place(table, peak)
    for monotonic, words in ((1, "Monotonic"), (0, "Not monotonic")):
        for told, verb in ((1, "the output tells the derivative"), (0, "one output has several derivatives")):
            rows = wide[(wide["monotonic"] == monotonic) & (wide["told"] == told)] if len(wide) else wide
            names = [name + (f" (slope {x:g})" if x else "") for name, x in rows.index]
            if names:
                sentences.append(f"{words}, {verb}: {listed(sorted(names), most=30)}.".replace("-", MINUS))
    learned = table[table["metric"] == "slopes_not_positive"]["value"]
    if len(learned):
        sentences.append(
            f"prelu learns its slopes: in the study's networks {100 * learned.mean():.0f}{NO_BREAK}% of them end at or "
            f"below 0 (mean over {len(learned)} seed{'s' if len(learned) > 1 else ''}), where it is not monotonic."
        )
    return [wrap(sentence, BODY, BASE) for sentence in sentences]


def _in_place(table: pd.DataFrame, peak: Mapping[tuple[str, str], float]) -> list[str]:
    """Say why working in place saves what it saves, for relu and leaky_relu."""
    alone = claim.peaks(table, "activation_bytes")
    sentences = []
    for name in ("relu", "leaky_relu"):
        if (name, "plain") in peak and (name, "in_place") in peak:
            own = alone.get((name, "plain"), 0.0)
            why = "keeps its input as well" if own else "keeps nothing of its own: its output waits in any case"
            share = 100.0 * (1.0 - peak[name, "in_place"] / peak[name, "plain"])
            saves = f"{share:.0f}{NO_BREAK}%" if round(share) else "nothing"
            sentences.append(f"Plain {name} {why}, so in place saves {saves}.")
    return [" ".join(sentences)] if sentences else []
