"""The figure of `activation_matters`: every network's accuracy, and how far activations and seeds spread it."""

import math

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims import activation_matters as claim
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import findings, height_of, names_width, strips, title, write_names
from quantstudy.words.numbers import number, plural

ROW, HEAD, GAP, AXIS, BAR = 0.36, 0.4, 0.42, 0.62, 0.26
"""Inches: an activation, what stands above a plot, between plots, numbers and unit below, a bar."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the accuracies of every case by activation, and the two spreads as bars below each.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = list(claim.STUDY.activations)
    heads = {
        claim.SHARED: f"float, all at the rate {claim.STUDY.lr:g}",
        claim.TUNED: "float, own rates",
        "w8a8": "w8a8, at the same rate",
        "w4a4": "w4a4, at the same rate",
    }
    top = height_of(judged) + 0.3
    below = top + HEAD + ROW * len(names) + AXIS + 0.25
    page = Page(
        below + HEAD + 3 * BAR + 0.35,
        title("Just use some activation: does the choice matter less than the seed?", judged),
        f"Accuracy on the plane of every network, in per cent: {plural(table['seed'].nunique(), 'seed')} (grey dots) "
        "of each activation, with mean and 95 % interval; every column has its own scale. Below: how far seeds and "
        "activations spread it, as standard deviations on one scale per column; where the lower bar is the longer one, "
        "the choice of the activation matters more than the seed. In brackets: does not decide.",
        "Between seeds: root of the mean variance over the seeds of one activation. The seeds' share that all "
        "activations have in common (easier islands, luckier first weights) and the rest, in small print, add up in "
        "squares. Between activations: the component of variance of a two-way layout without replication, less what "
        "chance adds to differences of means. Own rates were chosen on 16 other seeds from "
        f"{', '.join(f'{rate:g}' for rate in claim.RATES)}; they stand right of the rows. Intervals in the table are "
        "of jackknife pseudo-values.",
    )
    findings(page, judged, "spread between seeds against spread between activations")
    labels = max(names_width(names), names_width(["between activations"]))
    width = (BODY - labels - GAP * (len(heads) - 1)) / len(heads)
    write_names(page, names, labels, top + HEAD, ROW)
    page.write(labels - 0.12, below + HEAD + 0.5 * BAR, "between seeds", ha="right", va="center")
    page.write(labels - 0.12, below + HEAD + 1.5 * BAR, "between activations", ha="right", va="center")
    for column, (case, head) in enumerate(heads.items()):
        left = labels + column * (width + GAP)
        page.write(left, top + 0.12, head, weight="bold", size=SMALL)
        ax = page.axes(left, top + HEAD, width, ROW * len(names))
        strips(ax, by_seed(table, claim.ACCURACY[case], case=case), names, scale=100.0)
        ax.locator_params(axis="x", nbins=4)
        unit = {"ha": "right", "size": SMALL, "color": MUTED}
        page.write(left + width, top + HEAD + ROW * len(names) + 0.36, "% accuracy", **unit)
        if case == claim.TUNED:
            _rates(page, table, left + width + 0.06, top + HEAD)
        _spreads(page, claim.components(claim.layout(table, case)), left, below, width)
    return page.figure


def _rates(page: Page, table: pd.DataFrame, left: float, top: float) -> None:
    """Write every activation's own rate beside its row."""
    rates = table[table["case"] == claim.TUNED].astype({"activation": str}).groupby("activation")["x"].first()
    page.write(left, top - 0.12, "rate", size=SMALL, color=MUTED)
    for row, name in enumerate(claim.STUDY.activations):
        page.write(left, top + ROW * (row + 0.5), f"{rates[name]:g}", va="center", size=SMALL, color=MUTED)


def _spreads(page: Page, found: claim.Components, left: float, top: float, width: float) -> None:
    """Draw the two standard deviations as bars, in points, with their numbers."""
    values = [100.0 * found.seeds, 100.0 * found.activations]
    page.write(left, top + 0.12, "standard deviation, in points", weight="bold", size=SMALL)
    if any(math.isnan(value) for value in values):
        page.write(left, top + HEAD + BAR, "n/a: it takes two seeds", size=SMALL, color=MUTED)
        return
    digits = 2 if max(values) < 10.0 else 1
    longest = max(*values, 1e-9)
    for row, (value, colour) in enumerate(zip(values, (SEED_DOT, INK), strict=True)):
        length = (width - 0.5) * value / longest
        middle = top + HEAD + BAR * (row + 0.5)
        page.canvas.barh([middle], [length], left=left, height=0.7 * BAR, color=colour)
        page.write(left + length + 0.06, middle, number(value, digits), va="center", size=SMALL, weight="bold")
    parts = f"seeds: {number(100.0 * found.easier, digits)} common, {number(100.0 * found.rest, digits)} rest"
    page.write(left, top + HEAD + BAR * 2 + 0.18, parts, size=SMALL, color=MUTED)
