"""The figure of `special_functions`: instructions per element, and what a training step takes more than with relu."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import special_functions as claim
from experiments.claims.drawing import ends_of
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, LEVELS, MUTED, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import SMOOTH, findings, height_of, names_width, title
from quantstudy.words.numbers import NO_BREAK, number, plural

APART, HEAD, LINE, AXIS = 0.3, 0.66, 0.36, 0.3
"""Inches: between blocks, above a panel, an activation's row, the numbers below."""
COUNTS, GAP, NUMBERS = 2.35, 0.25, 0.62
"""Inches: the panel of instructions, between panels, the means at the right of a panel."""
ORDINARY, SPECIAL = "#A9B8C9", LEVELS
"""Colours of ordinary and of special-function instructions."""
CONTROL = "relu again"
"""The row of relu's second turn."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, instructions per element, and slow-downs against relu per setting with all rounds.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = list(claim.STUDY.activations)
    top = height_of(judged) + APART
    cases = [case for case in claim.SETTINGS.values() if claim.timed(table, case)]
    rounds = table[table["metric"] == "seconds"]["seed"].nunique()
    page = Page(
        top + HEAD + LINE * (len(names) + 1) + AXIS,
        title("Do Swish (silu) and GELU need the special-function unit, and does that slow a job?", judged),
        "Left: instructions per element in code compiled for a GPU (sm_90), red those of the special-function unit. "
        "Right: how much longer a whole training step takes than with relu in the same round; further right is "
        f"slower, the lines stand at 0 and 1 %. Grey dots: {plural(rounds, 'round')}; bars: 95 % intervals of the "
        "mean; orange are silu and gelu. In brackets: does not decide.",
        f"This network: 2-8-8-8-1, {claim.MODELS} at once, batch {claim.STUDY.batch}, compiled training loop. Wide: "
        f"{'→'.join(map(str, claim.WIDTHS))}, batch {claim.BATCH}, float32, autograd, fused Adam; plain torch "
        "(hardgelu: the article's own where/clamp), and the same with each activation as one pass forward and one "
        f"backward (on one thread). «{CONTROL}» is relu's second turn in the round over its first: what differs there "
        "is noise. Order drawn anew in every round; a dot beyond a panel's end lies on its edge.",
    )
    findings(page, judged, "what it says")
    labels = names_width([*names, CONTROL])
    for row, name in enumerate([*names, CONTROL]):
        colour = SMOOTH if name in claim.SMOOTH else MUTED if name == CONTROL else INK
        page.write(labels - 0.15, top + HEAD + LINE * (row + 0.5), name, ha="right", va="center", color=colour)
    _counts(page, table, names, (labels, top))
    left = labels + COUNTS + GAP
    width = (BODY - left - GAP * (max(len(cases), 1) - 1)) / max(len(cases), 1)
    for place, case in enumerate(cases):
        start = left + (width + GAP) * place
        page.write(start, top + 0.1, HEADS[case], weight="bold", size=SMALL)
        relu = by_seed(table, "seconds", case=case)[claim.REFERENCE].median()
        page.write(start, top + 0.33, f"step with relu: {_time(relu)}; mean, %", size=SMALL, color=MUTED)
        ax = page.axes(start, top + HEAD, width - NUMBERS, LINE * (len(names) + 1))
        control = by_seed(table, "control", case=case)[claim.REFERENCE].rename(CONTROL)
        wide = claim.slowdowns(table, case).drop(columns=claim.REFERENCE).join(control)
        _slowdowns(ax, 100.0 * wide, [*names, CONTROL], claim.SMOOTH)
    return page.figure


HEADS = {
    "small": "this network, fused, CPU",
    "wide": "4096-wide MLP, plain torch, CPU",
    "wide_fused": "the same, single-pass kernels",
    "gpu": "this network, fused, GPU",
}
"""Headings of the settings."""


def _time(seconds: float) -> str:
    return f"{1e3 * seconds:.0f}{NO_BREAK}ms" if seconds >= 0.01 else f"{1e6 * seconds:.0f}{NO_BREAK}µs"


def _counts(page: Page, table: pd.DataFrame, names: Sequence[str], place: tuple[float, float]) -> None:
    """Draw the instructions per element forward and backward, the special ones apart and said as a number."""
    left, top = place
    page.write(left, top + 0.1, "instructions per element", weight="bold", size=SMALL)
    page.write(left, top + 0.33, "forward, backward; red: special", size=SMALL, color=MUTED)
    found = table[table["metric"].isin([f"{what}_{way}" for what in ("mufu", "instructions") for way in WAYS])]
    ax = page.axes(left, top + HEAD, COUNTS - 0.1, LINE * (len(names) + 1))
    ax.set(ylim=(len(names) + 1, 0), yticks=[])
    ax.tick_params(axis="x", length=2)
    if not len(found):
        ax.text(0.5, 0.5, "not counted:\nthere is no Triton here", transform=ax.transAxes, ha="center", va="center")
        ax.set_axis_off()
        return
    wide = found.astype({"activation": str, "metric": str}).pivot(index="activation", columns="metric", values="value")
    ax.set_xlim(0.0, 1.28 * wide.to_numpy().max())
    for row, name in enumerate(names):
        for way, at in zip(WAYS, (0.3, 0.7), strict=True):
            special, every = wide.loc[name, f"mufu_{way}"], wide.loc[name, f"instructions_{way}"]
            ax.barh([row + at] * 2, [special, every - special], 0.34, left=[0.0, special], color=[SPECIAL, ORDINARY])
            ax.annotate(f"{special:g}", (every, row + at), (3, 0), textcoords="offset points", va="center", size=SMALL,
                        color=SPECIAL if special else MUTED, weight="bold" if special else "normal")  # fmt: skip


WAYS = ("forward", "backward")


def _slowdowns(ax: Axes, wide: pd.DataFrame, names: Sequence[str], smooth: Sequence[str]) -> None:
    """Draw rounds, mean and interval of every activation, in per cent, one row each from the top."""
    rows = {name: wide[name].dropna().to_numpy(np.float64) for name in wide.columns}
    found = {name: interval(values) for name, values in rows.items() if len(values)}
    ends = ends_of(rows, found)
    low, high = min([*ends, -1.0]), max([*ends, 11.0])
    pad = 0.04 * (high - low)
    ax.set(ylim=(len(names), 0), xlim=(low - pad, high + pad), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2)
    ax.locator_params(axis="x", nbins=5)
    for at, style in ((0.0, "solid"), (1.0, (0, (1.5, 1.5)))):
        ax.axvline(at, color=INK if at == 0.0 else LEVELS, linewidth=0.8, linestyle=style, zorder=1)
    for row, name in enumerate(names):
        if name not in found:
            if name == "relu":
                ax.text(1.02, row + 0.5, "0", transform=ax.get_yaxis_transform(), va="center", size=SMALL, color=MUTED)
            continue
        values, (mean, bottom, top), colour = rows[name], found[name], SMOOTH if name in smooth else INK
        spread = row + 0.5 + 0.22 * np.linspace(-1.0, 1.0, len(values) + 2)[1:-1]
        ax.plot(np.clip(values, low, high), spread, ".", color=SEED_DOT, markersize=3.5, alpha=0.6, zorder=2)
        if math.isfinite(bottom):
            ax.plot([bottom, top], [row + 0.5] * 2, color=colour, linewidth=2.2, zorder=3, solid_capstyle="butt")
        ax.plot(
            mean, row + 0.5, "o", color=colour, markersize=5, markeredgecolor="white", markeredgewidth=0.6, zorder=4
        )
        ax.text(1.02, row + 0.5, number(mean, 1, sign=True), transform=ax.get_yaxis_transform(), va="center",
                size=SMALL, color=colour)  # fmt: skip
