"""The figure of `straight_creases`: a boundary of straight pieces beside a curved one, and what that costs by size."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from experiments.claims import straight_creases as claim
from experiments.claims.drawing import small_print
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.bootstrap import Floats
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page, text_width
from quantstudy.show.canvas.style import BEST, HEADING, INK, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import SMOOTH, findings, height_of, plain_axes, title
from quantstudy.words.numbers import plural

APART, PANEL, HEAD, CURVE, TICKS = 0.3, 2.62, 0.4, 2.5, 0.55
"""Inches: between blocks, a square map, what stands above a diagram, the diagram, numbers left of it."""

BENDS = LinearSegmentedColormap.from_list("bends", ["#2C3E8F", "#8C4BA8", "#E0457B", "#F98C3C"])
"""Curvature, from nearly straight to strongly bent; all of it stands out from white."""

STRAIGHT, TIGHTEST = "#000000", 30.0
"""Colour of what is exactly straight, and the curvature from which the colour stays the same."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the boundary of one relu and one silu network, and accuracy and regions by size.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    own = claim.size_name(claim.STUDY.hidden)
    sizes = [size for size in map(claim.size_name, claim.SIZES) if (table["case"] == size).any()]
    asked = {claim.size_name(hidden) for hidden in claim.COMPARED.values()}
    seeds = [table[table["case"] == size]["seed"].nunique() for size in sizes]
    beside = min(count for size, count in zip(sizes, seeds, strict=True) if size not in asked)
    counted = plural(max(seeds), "seed") + (
        f" ({beside} at sizes other than 4×2, 8×3, 32×3)" if beside < max(seeds) else ""
    )
    top_maps = height_of(judged) + APART
    top_curves = top_maps + 0.55 + PANEL + APART + 0.1
    page = Page(
        top_curves + HEAD + CURVE + 0.5,
        title("Do ReLU and its kin draw straight lines only, and does that limit them?", judged),
        "Middle: the decision boundary of two networks (seed 0), point by point, coloured by how strongly it bends; "
        "the frame is enlarged beside it. Below: what the curved ones (silu, gelu) are ahead by in float "
        "accuracy, how accurate each group is, and into how many linear pieces the straight ones cut the plane, by the "
        f"widths of the hidden layers. {counted}; dots are seeds, bars 95 % intervals of the mean. In brackets: "
        "does not decide.",
        "Curvature is that of the level set logit = 0, exact from the network's first and second derivatives in "
        "float64, in 1 / half a side of the plane; between creases a piecewise-linear network has none at all. Regions "
        f"are the different patterns of active neurons among {claim.REGIONS_GRID} × {claim.REGIONS_GRID} points, so "
        "the smallest are missed; pieces are those among the points of the boundary. Means over relu, leaky_relu and "
        f"prelu. {_each(table)}",
    )
    findings(page, judged, "what it says")
    _maps(page, table, top_maps)
    width = (BODY - 2 * 0.3) / 3 - TICKS
    left = [TICKS + (width + TICKS + 0.3) * place for place in range(3)]
    ax = [_diagram(page, sizes, place, top_curves, width) for place in left]
    threshold = judged.claim.part("limits").smallest
    _lead(ax[0], table, sizes, threshold)
    _accuracy(ax[1], table, sizes)
    _counts(ax[2], table, sizes)
    heads = ("silu and gelu ahead by, points", "float accuracy, %", "linear pieces (log scale)")
    legends = (
        ((f"dashed: {100 * threshold:g} point matters", BEST),),
        (("silu, gelu", SMOOTH), ("relu, leaky_relu, prelu", BEST)),
        (("of the plane", INK), ("of the boundary", BEST)),
    )
    for place, head, legend in zip(left, heads, legends, strict=True):
        page.write(place - TICKS + 0.05, top_curves, head, weight="bold", size=SMALL)
        at = place
        for words, colour in legend:
            page.write(at, top_curves + 0.24, words, size=SMALL, color=colour)
            at += text_width(words, SMALL) + 0.25
    foot = f"hidden layers: 8×3 are three of 8 neurons (8,8,8). The study's own: {own}"
    page.write(BODY / 2, top_curves + HEAD + CURVE + 0.4, foot, **small_print("center"))
    return page.figure


def _each(table: pd.DataFrame) -> str:
    """Say how accurate the study's own networks are, activation by activation: the groups are not of one piece."""
    own = claim.size_name(claim.STUDY.hidden)
    wide = by_seed(table, "accuracy", case=own)
    accuracies = [f"{name} {100 * wide[name].mean():.1f}" for name in claim.STUDY.activations if name in wide]
    return f"Float accuracy at {own}, %: {', '.join(accuracies)}."


def _maps(page: Page, table: pd.DataFrame, top: float) -> None:
    gap = (BODY - 4 * PANEL) / 3
    norm = LogNorm(0.1, TIGHTEST)
    for place, name in enumerate(claim.DRAWN):
        left = 2 * place * (PANEL + gap)
        page.write(left, top + 0.02, name, weight="bold", size=HEADING)
        page.write(
            left + text_width(name, HEADING, "bold") + 0.15,
            top + 0.02,
            _curvature_words(table, name),
            **small_print(),
        )
        for number, (case, (x, y, half)) in enumerate(claim.WINDOWS.items()):
            ax = page.axes(left + number * (PANEL + gap), top + 0.2, PANEL, PANEL)
            ax.set(xlim=(x - half, x + half), ylim=(y - half, y + half), xticks=[], yticks=[])
            for spine in ax.spines.values():
                spine.set(visible=True, color=INK if number else RULE, linewidth=1.2)
            _line(ax, table[(table["activation"] == name) & (table["case"] == case)], norm, 7.0 if number else 3.0)
            if number == 0:
                left_edge, low_edge, side = _edges(*claim.WINDOWS["window"])
                ax.add_patch(Rectangle((left_edge, low_edge), side, side, fill=False, edgecolor=INK))
    _scale(page, top + 0.2 + PANEL + 0.12)


def _edges(x: float, y: float, half: float) -> tuple[float, float, float]:
    return x - half, y - half, 2.0 * half


def _line(ax: Axes, points: pd.DataFrame, norm: LogNorm, size: float) -> PathCollection | None:
    """Draw a boundary by its points, `point_x`, `point_y` and `curvature`."""
    if points.empty:
        ax.text(0.5, 0.5, "no boundary here", transform=ax.transAxes, ha="center", va="center", color=MUTED)
        return None
    wide = points.astype({"metric": str}).pivot(index="x", columns="metric", values="value")
    bends = wide["curvature"].to_numpy()
    colours = np.where(bends[:, None] > 0.0, BENDS(norm(np.clip(bends, 0.1, TIGHTEST))), (0.0, 0.0, 0.0, 1.0))
    return ax.scatter(wide["point_x"], wide["point_y"], s=size, c=colours, linewidths=0.0)


def _scale(page: Page, top: float) -> None:
    page.write(0.0, top + 0.1, "curvature:", size=SMALL)
    page.canvas.plot([0.85, 1.15], [top + 0.1] * 2, color=STRAIGHT, linewidth=4.0)
    page.write(1.22, top + 0.1, "exactly straight", size=SMALL)
    page.write(2.85, top + 0.1, "≤ 0.1", ha="right", size=SMALL)
    page.ramp(2.95, top, 2.0, BENDS)
    page.write(5.05, top + 0.1, f"≥ {TIGHTEST:g} (a circle of radius {1 / TIGHTEST:.2f})", size=SMALL)


def _curvature_words(table: pd.DataFrame, name: str) -> str:
    """Say what the boundary of the study's networks with this activation is like, in the mean over the seeds."""
    own = claim.size_name(claim.STUDY.hidden)
    kind = "straight" if name in claim.STRAIGHT else "curved"
    said = f"mean of the seeds: {100 * by_seed(table, kind, case=own)[name].mean():.4g} % of the boundary is {kind}"
    pieces = by_seed(table, "pieces", case=own)
    return f"{said}, in {pieces[name].mean():.0f} pieces" if name in pieces else said


def _diagram(page: Page, sizes: Sequence[str], left: float, top: float, width: float) -> Axes:
    ax = page.axes(left, top + HEAD, width, CURVE)
    ax.set_xlim(-0.5, len(sizes) - 0.5)
    ax.set_xticks(range(len(sizes)), [_short(size) for size in sizes])
    plain_axes(ax, grid="y")
    return ax


def _short(size: str) -> str:
    """Return the neurons of hidden layers, `8,8,8`, as `8×3` if all layers have the same number."""
    neurons = size.split(",")
    return f"{neurons[0]}×{len(neurons)}" if len(set(neurons)) == 1 and len(neurons) > 1 else size


def _mean(ax: Axes, places: Sequence[int], rows: Sequence[Floats], colour: str) -> None:
    """Draw the mean of each row `[seeds]` with its interval, joined by a line."""
    found = [interval(row[np.isfinite(row)]) for row in rows]
    means = [mean for mean, _, _ in found]
    ax.plot(places, means, color=colour, linewidth=1.2, alpha=0.6)
    for place, (mean, low, high) in zip(places, found, strict=True):
        if math.isfinite(low):
            ax.plot([place] * 2, [low, high], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([place], [mean], marker="o", markersize=4.5, color=colour)


def _lead(ax: Axes, table: pd.DataFrame, sizes: Sequence[str], threshold: float) -> None:
    rows = [100 * contrast(by_seed(table, "accuracy", case=size), claim.CURVED, claim.STRAIGHT) for size in sizes]
    for place, row in enumerate(rows):
        spread = np.linspace(-0.25, 0.25, len(row)) if len(row) > 1 else np.zeros(1)
        ax.scatter(place + spread, row, s=5.0, color=SEED_DOT, alpha=0.7, linewidths=0.0)
    ax.axhline(0.0, color=INK, linewidth=0.8)
    ax.axhline(100 * threshold, color=BEST, linewidth=1.0, linestyle=(0, (4, 3)))
    _mean(ax, range(len(sizes)), rows, INK)


def _accuracy(ax: Axes, table: pd.DataFrame, sizes: Sequence[str]) -> None:
    for group, colour in ((claim.STRAIGHT, BEST), (claim.CURVED, SMOOTH)):
        wide = [100 * by_seed(table, "accuracy", case=size) for size in sizes]
        _mean(ax, range(len(sizes)), [one[list(group)].mean(axis=1).to_numpy() for one in wide], colour)
    low, high = ax.get_ylim()
    ax.set_ylim(max(low, 50.0), min(high, 100.5))  # with few seeds intervals reach beyond what there is


def _counts(ax: Axes, table: pd.DataFrame, sizes: Sequence[str]) -> None:
    for metric, colour in (("regions", INK), ("pieces", BEST)):
        rows = [by_seed(table, metric, case=size)[list(claim.STRAIGHT)].mean(axis=1).to_numpy() for size in sizes]
        _mean(ax, range(len(sizes)), rows, colour)
    ax.set_yscale("log")
    ax.set_ylim(bottom=max(ax.get_ylim()[0], 1.0))
