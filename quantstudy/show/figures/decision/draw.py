"""The decision heatmap: which activation flips fewer pixels than the reference, per scheme and backend.

Raw rates are «all red» at few bits, and the scheme hides the activation. So the colour is the excess over a reference
activation on one diverging scale per scheme, and the text gives the rate and the paired difference with its interval.
Beside it a forest plot shows every seed.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from quantstudy.judge.flips import reference
from quantstudy.show.canvas.marks import tiles
from quantstudy.show.canvas.page import BODY, Page, text_width, wrap
from quantstudy.show.canvas.style import (
    BASE,
    DIVERGING,
    HEADING,
    INK,
    MISSING,
    MUTED,
    RULE,
    SEED_DOT,
    SMALL,
    ink_on,
    styled,
)
from quantstudy.show.figures.decision.data import METRICS, SAME, Column, Panel, panels, without_intervals
from quantstudy.show.values import SIMULATED, TORCHAO, not_learned
from quantstudy.words.numbers import listed, number, plural, span
from quantstudy.words.verdict import marked

if TYPE_CHECKING:
    from quantstudy.records.run import Run

ROW, HEAD, FOOT, SCALE = 0.40, 0.86, 0.62, 0.5
"""Inches: one activation, what stands above the cells, what stands below them, the colour scale's strip."""

NARROWEST = 0.9
"""Inches below which a forest plot is left out."""
BACKENDS = ((SIMULATED, 1.0), (TORCHAO, 0.62))
"""Each backend with the least width of its columns."""


@styled
def heatmap_decision(run: "Run") -> Figure:
    """Draw activation × (scheme, backend): flip rate and accuracy drop, coloured by the excess over the reference."""
    names = run.config.activations
    labels = min(1.6, max(text_width(name, BASE) for name in names) + 0.12)
    parts = [_fitted(panel, labels) for panel in panels(run)]
    height = HEAD + ROW * len(names) + FOOT
    title = marked(_title(run, parts), not_learned(run))
    page = Page(SCALE + height * max(1, len(parts)), title, _reading(run), _caption(run, parts))
    tops = [SCALE + height * index for index in range(len(parts))]
    with page.draft():
        grids = [_grids(page, panel, labels, top + HEAD) for panel, top in zip(parts, tops, strict=True)]
    _scale(page, labels, reference(run.config.activations))
    for panel, top, axes in zip(parts, tops, grids, strict=True):
        page.write(0.0, top + 0.1, f"{panel.bits} bits: {METRICS[panel.metric]}", size=HEADING, weight="bold")
        for row, name in enumerate(names):
            page.write(labels - 0.12, top + HEAD + ROW * (row + 0.5), wrap(name, labels - 0.12), ha="right")
        for backend, left, width, ax in axes:
            _write_columns(page, panel, backend, (left, top, width), ax)
        right = max((left + width * len(panel.of(backend)) for backend, left, width, _ in axes), default=labels)
        if panel.focus is not None and BODY - right - 0.3 > NARROWEST:
            _forest(page, panel, panel.focus, right + 0.3, top, names.index(reference(run.config.activations)))
    return page.figure


def _fitted(panel: Panel, labels: float) -> Panel:
    """Return the panel as it is or, where no room is left for the forest plot, its torchao cells without intervals."""
    taken = sum(len(panel.of(name)) * _column_width(panel.of(name), least) + 0.15 for name, least in BACKENDS)
    if BODY - labels - taken - 0.15 > NARROWEST:
        return panel
    columns = [
        replace(column, cells=without_intervals(column.cells)) if column.backend == TORCHAO else column
        for column in panel.columns
    ]
    return replace(panel, columns=tuple(columns))


def _column_width(columns: list[Column], least: float) -> float:
    lines = [(first, second) for column in columns for first, second in column.cells]
    widest = max((max(text_width(a, SMALL, "bold"), text_width(b, SMALL)) for a, b in lines), default=0.0)
    return max(least, widest + 0.12)


def _grids(page: Page, panel: Panel, left: float, top: float) -> list[tuple[str, float, float, Axes]]:
    """Draw the coloured cells; return per backend its name, left edge, column width and axes."""
    made = []
    for backend, least in BACKENDS:
        columns = panel.of(backend)
        if not columns:
            continue
        width, rows = _column_width(columns, least), len(columns[0].cells)
        ax = page.axes(left, top, width * len(columns), ROW * rows)
        shades = np.column_stack([column.shades for column in columns])
        tiles(ax, shades, DIVERGING, -1.0, 1.0)
        made.append((backend, left, width, ax))
        left += width * len(columns) + 0.15
    return made


def _write_columns(page: Page, panel: Panel, backend: str, place: tuple[float, float, float], ax: Axes) -> None:
    left, top, width = place
    columns = panel.of(backend)
    page.write(left + 0.03, top + 0.36, backend, size=SMALL, color=MUTED)
    for index, column in enumerate(columns):
        middle = left + width * (index + 0.5)
        page.write(middle, top + 0.57, column.scheme, ha="center", weight="bold", size=SMALL)
        if backend == SIMULATED and column.end:
            end = f"colour ±{number(100.0 * column.end, panel.places)}"
            page.write(middle, top + 0.73, end, ha="center", size=SMALL, color=MUTED)
        for row, (first, second) in enumerate(column.cells):
            shade = column.shades[row]
            if first == "n/a" or np.isnan(shade):
                frame = Rectangle((index, row), 1, 1, facecolor=MISSING, hatch="///", edgecolor="white", linewidth=1.5)
                ax.add_patch(frame)
            ink = INK if np.isnan(shade) else ink_on(DIVERGING(0.5 + 0.5 * shade))
            weight = "normal" if first in {SAME, "n/a"} else "bold"
            lift = 0.22 if second else 0.0
            ax.text(
                index + 0.5, row + 0.5 - lift, first, ha="center", va="center", size=SMALL, color=ink, weight=weight
            )
            if second:
                ax.text(index + 0.5, row + 0.5 + lift, second, ha="center", va="center", size=SMALL, color=ink)


def _scale(page: Page, left: float, name: str) -> None:
    """Draw the colour scale that all panels share; where it ends stands above each scheme."""
    less, more = f"less than {name} (better)", f"more than {name} (worse)"
    page.write(left, 0.15, less, size=SMALL)
    left += text_width(less, SMALL) + 0.12
    page.ramp(left, 0.05, 2.4, DIVERGING)
    page.write(left + 2.52, 0.15, more, size=SMALL)


def _forest(page: Page, panel: Panel, column: Column, left: float, top: float, base: int) -> None:
    """Draw one grey dot per seed, the mean and its interval, on the heatmap's rows; a dashed line at the reference."""
    rows, seeds = column.values.shape
    ax = page.axes(left, top + HEAD, BODY - left, ROW * rows)
    ax.set(ylim=(rows, 0.0), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.hlines(np.arange(1, rows), 0, 1, transform=ax.get_yaxis_transform(), color=RULE, linewidth=0.5)
    spread = 0.5 * ((np.arange(seeds) * 0.618034) % 1.0) - 0.25
    middle = np.arange(rows) + 0.5
    dots: dict[str, Any] = {"marker": "o", "color": SEED_DOT, "markersize": 3, "markeredgewidth": 0, "alpha": 0.75}
    ax.plot((100.0 * column.values).ravel(), (middle[:, None] + spread).ravel(), linestyle="", **dots)
    mean, low, high = (100.0 * part for part in (column.rate.mean, column.rate.low, column.rate.high))
    if np.isfinite(mean[base]):
        ax.axvline(mean[base], color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    ax.hlines(middle, low, high, color=INK, linewidth=2.0)
    ax.plot(mean, middle, linestyle="", marker="D", color=INK, markersize=5, markeredgecolor="white", zorder=3)
    ax.margins(x=0.04)
    ax.tick_params(axis="x", length=3)
    ax.locator_params(axis="x", nbins=max(2, int((BODY - left) / 0.55)))
    page.write(left, top + 0.57, f"{column.scheme}, every seed", weight="bold", size=SMALL)
    unit = "%" if panel.metric == "flip_rate" else "points"
    page.write((left + BODY) / 2, top + HEAD + ROW * rows + 0.37, unit, ha="center", size=SMALL, color=MUTED)


def _title(run: "Run", parts: list[Panel]) -> str:
    scheme, base, names = run.config.focus_scheme, reference(run.config.activations), run.config.activations
    panel = next((p for p in parts if p.metric == "flip_rate" and p.bits == run.config.focus_bits), None)
    column = panel.focus if panel else None
    if panel is None or column is None or np.isnan(column.rate.mean).all():
        return f"How many pixels change class at {scheme}? No value was recorded"
    start = f"{scheme} flips {span(list(column.rate.mean), panel.places)} of the pixels"
    if len(names) == 1:
        return f"{start} with {names[0]}"
    if run.config.seeds == 1:
        return f"{start}; one seed says nothing about which activation is better"
    flips = run.verdict()["schemes"][scheme]["flips"]
    if not flips["fewer"]:
        return f"{start}; no activation flips clearly fewer than {base}"
    if flips["fewest"] not in flips["fewer"]:
        return f"{start}; clearly fewer than with {base}: {listed(flips['fewer'])}"
    gap = number(100.0 * flips["below"], panel.places)
    return f"{start}; {flips['fewest']} flips the fewest on average, {gap} points below {base}"


def _reading(run: "Run") -> str:
    base, seeds = reference(run.config.activations), run.config.seeds
    if seeds == 1:
        return (
            f"Each cell: the value, and below it the difference to {base} in percentage points. "
            "One seed was run, so there are no intervals. Colour: the difference, on one scale per scheme."
        )
    return (
        f"Each cell: mean over {plural(seeds, 'seed')}, and below it the paired difference to {base} in percentage "
        "points with its 95 % interval. Colour: that difference, on one scale per scheme. Right: one dot per seed, "
        "mean and interval."
    )


def _caption(run: "Run", parts: list[Panel]) -> str:
    said = [
        "simulated: fake quantization. torchao: real quantized tensors; «same»: rate and difference read as in the "
        "simulated cell of that scheme.",
        "Schemes: w = weights, a = activations, number = bits, dyn = activation ranges per token at run time.",
        "Each interval stands for itself; who is ahead in the title and the verdict is corrected for comparing several "
        "activations.",
    ]
    undefined = sum(panel.undefined for panel in parts)
    if undefined:
        said.append(f"{plural(undefined, 'value')} undefined: left out of the means (n/a where none is left).")
    return " ".join(said[: 2 if run.config.seeds == 1 else 3] + said[3:])
