"""The figure of `smooth_suffers`: the 2 × 2 of smooth or kinked and unbounded or bounded, at 4 and at 8 bits."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import smooth_suffers as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import DEPLOYABLE, INK, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import (
    HARD,
    SMOOTH,
    findings,
    height_of,
    names_width,
    plain_axes,
    present,
    strips,
    title,
)
from quantstudy.words.numbers import MINUS, number, plural

ROW, TALL = 0.3, 2.6
"""Inches: an activation's row, the plot of the cells."""
SHAPES = {"smooth": SMOOTH, "kinked": HARD}
BOUNDS = ("unbounded", "bounded")
PAIRS = {
    "the bound alone": (
        ("silu", "silu_bounded"),
        ("gelu", "gelu_bounded"),
        ("relu", "relu@3"),
        ("hardswish", "hardswish@3"),
        ("hardgelu_uncapped", "hardgelu"),
    ),
    "the curve alone": tuple(claim.TWINS.items()),
}
"""Pairs that differ in one thing, as (has it, has it not): without the bound and with it, smooth and kinked."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the cells of the 2 × 2 with their seeds, and every activation by itself.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = present(table, claim.activations())
    kinds = {name: kind for kind, members in claim.GROUPS.items() for name in members}
    top = height_of(judged) + 0.35
    twins = top + 0.35 + TALL + 0.75
    below = twins + 0.4 + ROW * sum(map(len, PAIRS.values())) + 0.75
    page = Page(
        below + 0.4 + ROW * len(names) + 0.35,
        title("Do smooth, unbounded activations lose more when quantized? Is it the curve or the bound?", judged),
        "Middle: accuracy lost by the four kinds of activation; if a line falls to the right, the bound helps, if "
        "orange lies above blue, being smooth costs. Then pairs that differ in one thing: right of 0 the first loses "
        "more (dashed: what matters). Below: every activation by itself, weights and activations quantized alone and "
        "together. Grey dots: "
        f"{plural(table['seed'].nunique(), 'seed')}; bars: 95 % intervals of the mean.",
        "silu_bounded and gelu_bounded are f(x) − f(x − 3): smooth, flat at both ends. hardswish and "
        "hardgelu_uncapped are the kinked twins of silu and gelu; @3 is a cap at 3; relu has no smooth twin here. All "
        "trained alike, each with its own activation. Range: largest minus smallest output of the last hidden layer. "
        "In no cell: " + ", ".join(claim.BESIDE) + ". In brackets: does not decide.",
    )
    findings(page, judged, "what it says about the accuracy lost, weights and activations quantized")
    width = (BODY - 1.6) / 2
    for column, bits in enumerate(claim.STUDY.bit_widths):
        left = 0.5 + column * (width + 0.9)
        page.write(left, top + 0.1, f"{bits} bits: points lost at w{bits}a{bits}", weight="bold", size=SMALL)
        _cells(page.axes(left, top + 0.35, width, TALL), claim.losses(table, f"w{bits}a{bits}"), claim.ALLOWED)
    _twins(page, table, judged, twins)
    labels = names_width([*names, "kinked, unbounded"])
    schemes = [scheme for bits in claim.STUDY.bit_widths for scheme in (f"w{bits}", f"a{bits}", f"w{bits}a{bits}")]
    width = (BODY - labels - 0.2 * (len(schemes) + 1)) / (len(schemes) + 1)
    for place, name in enumerate(names):
        kind = kinds.get(name)
        colour = SHAPES[kind[0]] if kind else MUTED
        page.write(
            labels - 0.12, below + 0.4 + ROW * (place + 0.5), name, ha="right", va="center", color=colour, size=SMALL
        )
    spans = by_seed(table[table["metric"] == "output_range"], "output_range", x=float(len(claim.STUDY.hidden) - 1))
    columns = [(f"lost at {scheme}", by_seed(table, "accuracy_drop", case=scheme), 100.0) for scheme in schemes]
    for column, (head, wide, scale) in enumerate([*columns, ("range, layer 3", spans, 1.0)]):
        left = labels + column * (width + 0.2)
        page.write(left, below + 0.12, head, weight="bold", size=SMALL)
        ax = page.axes(left, below + 0.4, width, ROW * len(names))
        strips(ax, wide, names, scale=scale, colours={name: SHAPES[kind[0]] for name, kind in kinds.items()})
        ax.locator_params(axis="x", nbins=3)
        if scale == 1.0:
            ax.set_xscale("symlog", linthresh=10.0)
            ax.set_xticks([0, 10, 100], ["0", "10", "100"])
    return page.figure


def _twins(page: Page, table: pd.DataFrame, judged: Judged, top: float) -> None:
    """Draw what the first of each pair loses more than the second; dashed: the smallest effect that matters."""
    pairs = [(kind, *pair) for kind, members in PAIRS.items() for pair in members]
    names = [f"{one} {MINUS} {other}" for _, one, other in pairs]
    labels = names_width(["the bound alone"]) + names_width(names)
    for place, (name, (kind, _, _)) in enumerate(zip(names, pairs, strict=True)):
        middle = top + 0.4 + ROW * (place + 0.5)
        if place == 0 or kind != pairs[place - 1][0]:
            page.write(0.0, middle, kind, va="center", weight="bold", size=SMALL)
            if place:
                page.canvas.plot([0.0, labels], [middle - ROW / 2] * 2, color=RULE, linewidth=0.8)
        page.write(labels - 0.12, middle, name, ha="right", va="center", size=SMALL)
    bits_studied = claim.STUDY.bit_widths
    width = (BODY - labels - 0.4) / len(bits_studied)
    for column, bits in enumerate(bits_studied):
        left = labels + column * (width + 0.4)
        head = f"{bits} bits: points lost more by the first"
        page.write(left, top + 0.12, head, weight="bold", size=SMALL)
        lost = by_seed(table, "accuracy_drop", case=f"w{bits}a{bits}")
        lost = lost.reindex(columns=sorted({name for _, *pair in pairs for name in pair}))
        wide = pd.DataFrame({name: lost[one] - lost[other] for name, (_, one, other) in zip(names, pairs, strict=True)})
        ax = page.axes(left, top + 0.4, width, ROW * len(names))
        strips(ax, wide, names, scale=100.0)
        ax.axvline(0.0, color=INK, linewidth=0.8)
        matters = 100 * judged.claim.part(f"bound_{bits}").smallest
        ax.axvline(matters, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))


def _cells(ax: Axes, cells: Mapping[tuple[str, str], Floats], allowed: float) -> None:
    """Draw the seeds and the mean of every cell, in points, and join the two bounds of each shape."""
    drawn = [100 * allowed]
    for row, (shape, colour) in enumerate(SHAPES.items()):
        at = np.array([0.0, 1.0]) + (-0.07 if shape == "smooth" else 0.07)
        found = []
        high_up = 0.96 - 0.08 * row
        for place, bound in zip(at, BOUNDS, strict=True):
            values = 100 * cells[shape, bound]
            values = values[np.isfinite(values)]
            spread = np.linspace(-0.035, 0.035, len(values)) if len(values) > 1 else np.zeros(len(values))
            ax.scatter(place + spread, values, s=5.0, color=SEED_DOT, alpha=0.6, linewidths=0.0)
            mean, low, high = interval(values)
            ax.plot([place] * 2, [low, high], color=colour, linewidth=2.6, solid_capstyle="butt")
            found.append(mean)
            drawn += [value for value in (*values, low, high) if np.isfinite(value)]
            places = 1 if mean >= 10 else 2
            bounds = f" [{number(low, places)}, {number(high, places)}]" if np.isfinite(low) else ""
            style: dict[str, Any] = {
                "transform": ax.get_xaxis_transform(),
                "color": colour,
                "ha": "center",
                "va": "center",
            }
            ax.text(BOUNDS.index(bound), high_up, f"{number(mean, places)}{bounds}", size=SMALL, weight="bold", **style)
        ax.plot(at, found, color=colour, marker="o", markersize=6.0, linewidth=1.6)
        ax.text(0.5, high_up, shape, color=colour, transform=ax.transAxes, ha="center", va="center")
    low, high = min(0.0, *drawn), max(drawn)
    ax.set(xlim=(-0.5, 1.5), ylim=(low - 0.05 * (high - low) * (low < 0.0), low + 1.25 * (high - low)))
    ax.axhline(100 * allowed, color=DEPLOYABLE, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.text(1.46, 100 * allowed, "allowed", color=DEPLOYABLE, size=SMALL, ha="right", va="bottom")
    ax.set_xticks([0.0, 1.0], BOUNDS, color=INK)
    plain_axes(ax, grid="y")
