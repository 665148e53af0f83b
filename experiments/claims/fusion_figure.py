"""The figure of `fusion`: the bytes that a point moves, eager against fused, what they are, and the time beside."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.claims import fusion as claim
from experiments.claims.drawing import ends_of
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.intervals import interval
from quantstudy.show.canvas.page import BODY, Page, text_width, wrap
from quantstudy.show.canvas.style import BASE, INK, MUTED, RULE, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, title
from quantstudy.words.numbers import MINUS, NO_BREAK, number, plural

APART, LEGEND, HEAD, LINE, AXIS = 0.3, 0.75, 0.35, 0.66, 0.3
"""Inches: between blocks, the legend, above a panel, an activation's row, the numbers below."""
GAP, NUMBERS, SIDE = 0.3, 0.62, 0.6
"""Inches: between panels, the means at the right of the times, the words of `BARS`."""
COLOURS = {
    "linear layers": "#8FA6BF",
    "activations": "#D55E00",
    "loss": "#F2C14E",
    "inputs": "#56B4E9",
    "layers' outputs": "#B07AA1",
    "parameters": "#4D7C5B",
    "gradient sums": "#9CC5A1",
    "logit": "#1a1a1a",
    "Adam": "#5C5C8A",
}
"""What bytes are moved for, in the order in which bars are stacked."""
BY_OPERATION = ("linear layers", "activations", "loss")
"""Kinds that only eager torch has: it is counted by operation, the kernels by tensor."""
WAYS = {"fused": INK, "single_pass": "#0072B2"}
"""Ways whose times are drawn beside eager's, with their colours."""
FAR = 2.0
"""Times the median of eager's totals from which on a bar is cut off."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, bytes per point in the forward pass and in a step, and the share of time saved.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = list(claim.STUDY.activations)
    top = height_of(judged) + APART
    bottom = top + LEGEND + HEAD + LINE * len(names) + AXIS
    note = wrap(_note(table), BODY, BASE)
    times = [metric for metric in TIMES if (table["metric"] == metric).any()]
    rounds = table[table["metric"].isin(times)]["seed"].nunique()
    page = Page(
        bottom + (0.3 + 0.185 * note.count("\n") if note else 0.0),
        title("Does fusing the activation into the layer before it remove memory traffic?", judged),
        f"Bytes read and written per point, one 2-8-8-8-1 network, batch {claim.STUDY.batch}. Eager: torch, every "
        "tensor that an operation reads or writes. Alone: the same with each activation fused into the layer before "
        "it. Whole: all loads and stores of the Triton kernel of the whole network, and of torch's operations around "
        "it. Behind a bar: the share saved. Right: the share of time saved against eager torch in the same round; "
        f"right of 0 is faster. Grey dots: {plural(rounds, 'round')}, bars: 95 % intervals. In brackets: does not "
        "decide.",
        "Bytes are exact counts. Eager is torch.nn.functional (hardgelu: the article's own where/clamp), autograd, "
        "Adam; what an operation moves inside itself is not seen, so its bars are never too long. "
        "Alone leaves of the activations' bytes what the gradient needs. "
        "The kernel's loads "
        "and stores are counted in Triton's interpreter, the parameters anew for every block of 64 points, so its bars "
        "are never too short. The fused forward pass writes the same maps as the eager one, and reads none back; the "
        "fused step keeps them in registers. Bytes are those asked for: caches serve small tensors. "
        f"Times: {claim.MODELS} networks over {claim.GRID}² points on the CPU, all cores, memory kept between calls.",
    )
    findings(page, judged, "what it says")
    labels = max(text_width(name, BASE, "bold") for name in names) + 0.15
    _legend(page, table, top)
    first = top + LEGEND
    for row, name in enumerate(names):
        middle = first + HEAD + LINE * (row + 0.5)
        page.canvas.plot([0.0, BODY], [middle - LINE / 2] * 2, color=RULE, linewidth=0.6)
        page.write(0.0, middle, name, va="center", weight="bold")
        for words, shift in BARS.values():
            page.write(labels, middle + shift, words, size=SMALL, color=MUTED, va="center")
    page.write(0.0, bottom + 0.1, note, va="top", linespacing=1.25)
    columns = 2 + max(len(times), 1)
    left = labels + SIDE
    width = (BODY - left - GAP * (columns - 1)) / columns
    for place, (part, head) in enumerate(PARTS.items()):
        start = left + (width + GAP) * place
        page.write(start, first + 0.1, head, weight="bold", size=SMALL)
        _bars(page.axes(start, first + HEAD, width, LINE * len(names)), table, part, names)
    for place, metric in enumerate(times):
        start = left + (width + GAP) * (2 + place)
        page.write(start, first + 0.1, TIMES[metric], weight="bold", size=SMALL)
        ax = page.axes(start, first + HEAD, width - NUMBERS, LINE * len(names))
        _times(ax, table, metric, names)
    return page.figure


BARS = {claim.EAGER: ("eager", -0.2), claim.ALONE: ("alone", 0.0), claim.FUSED: ("whole", 0.2)}
"""Of each case that is counted its name and how far below the middle of its row it stands, in inches."""
PARTS = {"forward_bytes": "forward pass, bytes per point", "step_bytes": "training step, bytes per point"}
TIMES = {"forward_seconds": "time saved, forward, CPU, %", "gpu_step_seconds": "time saved, step, GPU, %"}
"""Headings of the panels."""


def _note(table: pd.DataFrame) -> str:
    """Say what the fused forward pass would move if nobody asked for the maps; empty where it was not counted."""
    asked = table[(table["metric"] == "forward_bytes.layers' outputs") & (table["case"] == "fused")]
    eager, fused = (claim.totals(table, "forward_bytes", case) for case in ("eager", "fused"))
    if not len(asked):
        return ""
    rest = fused - asked.astype({"activation": str}).set_index("activation")["value"]
    least = 100.0 * (1.0 - rest / eager).min()
    return (
        f"Of the fused forward pass's {fused.min():.0f} bytes, {asked['value'].min():.0f} are the hidden layers' maps, "
        "before and after the activation, written because they are asked for. Without them it would be "
        f"{rest.max():.0f} at most, at least {least:.0f}{NO_BREAK}% less than eager."
    )


def _legend(page: Page, table: pd.DataFrame, top: float) -> None:
    """Name the colours: eager's kinds, then the kernels', then the ways whose times are drawn."""
    kernels = [kind for kind in COLOURS if kind not in BY_OPERATION]
    lines = [("eager, alone, by operation:", [*BY_OPERATION, "Adam"]), ("whole, by tensor:", kernels)]
    start = max(text_width(words, SMALL) for words, _ in lines) + 0.2
    for place, (words, kinds) in enumerate(lines):
        middle, left = top + 0.05 + 0.24 * place, start
        page.write(0.0, middle, words, size=SMALL, color=MUTED)
        for kind in kinds:
            page.canvas.barh([middle - 0.01], [0.16], 0.14, left=[left], color=COLOURS[kind])
            page.write(left + 0.22, middle, kind, size=SMALL)
            left += 0.45 + text_width(kind, SMALL)
    if not len(table):
        return
    middle, left = top + 0.05 + 0.48, start
    page.write(0.0, middle, "times:", size=SMALL, color=MUTED)
    for way, words in (("fused", "all layers in one kernel"), ("single_pass", "torch's layers, each activation in one "
                                                                                "pass")):  # fmt: skip
        page.canvas.plot([left + 0.08], [middle - 0.01], "o", color=WAYS[way], markersize=5)
        page.write(left + 0.22, middle, words, size=SMALL)
        left += 0.45 + text_width(words, SMALL)


def _bars(ax: Axes, table: pd.DataFrame, part: str, names: Sequence[str]) -> None:
    """Draw the stacked bars of all activations, one per case of `BARS`, the total behind each."""
    found = table.astype({"activation": str, "case": str, "metric": str})
    found = found[found["metric"].str.startswith(f"{part}.")]
    if not len(found):
        ax.text(0.5, 0.5, "not counted", transform=ax.transAxes, ha="center", va="center", color=MUTED)
        ax.set_axis_off()
        return
    wide = found.assign(metric=found["metric"].str.partition(".")[2]).pivot_table(
        index=["activation", "case"], columns="metric", values="value", fill_value=0.0
    )
    totals = wide.sum(axis=1)
    eager = totals[totals.index.get_level_values("case") == "eager"]
    usual = max([*eager[eager <= FAR * eager.median()], 1.0])  # one far longer than the others runs out of the panel
    edge = 1.45 * usual
    ax.set(ylim=(len(names), 0), yticks=[], xlim=(0.0, edge))
    ax.patch.set_visible(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2)
    ax.locator_params(axis="x", nbins=5)
    for row, name in enumerate(names):
        for case, (_, below) in BARS.items():
            if (name, case) not in wide.index:
                continue
            end, shift = 0.0, 0.5 + below / LINE
            for kind in (kind for kind in COLOURS if kind in wide.columns):
                value = float(wide.loc[(name, case), kind])
                ax.barh(row + shift, value, 0.16 / LINE, left=end, color=COLOURS[kind])
                end += value
            saved = "" if case == "eager" else f"  {MINUS}{100.0 * (1.0 - end / totals[name, 'eager']):.0f}{NO_BREAK}%"
            style: dict[str, Any] = {"textcoords": "offset points", "va": "center", "size": SMALL}
            if end > edge:
                box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
                ax.annotate(f"{end:.0f} →", (edge, row + shift), (-4, 0), ha="right", bbox=box, **style)
            else:
                weight = "bold" if saved else "normal"
                ax.annotate(f"{end:.0f}{saved}", (end, row + shift), (3, 0), weight=weight, **style)


def _times(ax: Axes, table: pd.DataFrame, metric: str, names: Sequence[str]) -> None:
    """Draw rounds, mean and interval of the share of time saved, per activation and way."""
    ways = [way for way in WAYS if ((table["metric"] == metric) & (table["case"] == way)).any()]
    gains = {way: 100.0 * claim.gains(table, metric, way) for way in ways}
    rows = {(name, way): gain[name].dropna().to_numpy(np.float64) for way, gain in gains.items() for name in gain}
    found = {key: interval(values) for key, values in rows.items() if len(values)}
    ends = ends_of(rows, found)
    low, high = max(min([*ends, -10.0]), -300.0), min(max([*ends, 10.0]), 100.0)
    pad = 0.04 * (high - low)
    ax.set(ylim=(len(names), 0), xlim=(low - pad, high + pad), yticks=[])
    ax.patch.set_visible(False)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="x", length=2)
    ax.locator_params(axis="x", nbins=5)
    ax.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
    for row, name in enumerate(names):
        for way, shift in zip(ways, (0.5 - 0.11 / LINE, 0.5 + 0.11 / LINE), strict=False):
            if (name, way) not in found:
                continue
            values, (mean, bottom, top), at = rows[name, way], found[name, way], row + shift
            spread = at + 0.15 * np.linspace(-1.0, 1.0, len(values) + 2)[1:-1]
            ax.plot(np.clip(values, low, high), spread, ".", color=SEED_DOT, markersize=3, alpha=0.6, zorder=2)
            if math.isfinite(bottom):
                ends_shown = np.clip([bottom, top], low, high)
                ax.plot(ends_shown, [at] * 2, color=WAYS[way], linewidth=2.0, zorder=3, solid_capstyle="butt")
            ax.plot(np.clip(mean, low, high), at, "o", color=WAYS[way], markersize=4.5, markeredgecolor="white",
                    markeredgewidth=0.6, zorder=4)  # fmt: skip
            ax.text(1.03, at, number(mean, 0, sign=True), transform=ax.get_yaxis_transform(), va="center", size=SMALL,
                    color=WAYS[way])  # fmt: skip
