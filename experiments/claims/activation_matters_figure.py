"""The figure of `activation_matters`: what taking any costs, every network's accuracy, and how far these spread."""

import math

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims import activation_matters as claim
from experiments.measures.regrets import regrets
from quantstudy.claims.tuning import at_an_end
from quantstudy.judge.claims import Judged
from quantstudy.judge.statistics.contrasts import by_seed
from quantstudy.show.canvas.page import BODY, Page
from quantstudy.show.canvas.style import INK, MUTED, SEED_DOT, SMALL, styled
from quantstudy.show.figures.claims import COLOURS, findings, height_of, names_width, strips, title, write_names
from quantstudy.words.numbers import number, plural

ROW, HEAD, GAP, AXIS, BAR = 0.36, 0.4, 0.42, 0.62, 0.26
"""Inches: an activation, what stands above a plot, between plots, numbers and unit below, a bar."""

NUMBER = 0.95
"""Inches across: a column of numbers."""

SAID = {
    "float 4,4": "4-4",
    "float 8,8": "8-8",
    claim.SHARED: "8-8-8",
    "float 16,16,16": "16-16-16",
    claim.TUNED: "8-8-8, own",
}
"""What the settings are called."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the findings, the regrets, the accuracies of every case by activation, and the two spreads as bars below.

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
    regret = height_of(judged) + 0.3
    top = regret + HEAD + ROW * len(names) + AXIS + 0.1
    below = top + HEAD + ROW * len(names) + AXIS + 0.25
    page = Page(
        below + HEAD + 3 * BAR + 0.35,
        title("Just use some activation: what does taking any cost, and does the seed matter more?", judged),
        "First: what always taking one activation costs, in points of accuracy on the plane, against the best of each "
        f"setting; the dashed line is a point. Then the accuracy of every network: {plural(_seeds(table), 'seed')} "
        "(grey dots) of each activation, with mean and 95 % interval; every column has its own scale. Below: how far "
        "seeds and activations spread it, as standard deviations on one scale per column; where the lower bar is the "
        "longer one, the choice of the activation matters more than the seed. In brackets: does not decide.",
        "Costs: the best of a setting is found on three quarters of the seeds and judged on the fourth, so that chance "
        "adds nothing; a cost below 0 is chance. All rates but «own» are "
        f"{claim.STUDY.lr:g}. Between seeds: root of the mean variance over the seeds of one activation. The seeds' "
        "share that all activations have in common (easier islands, luckier first weights) and the rest, in small "
        "print, add up in squares. Between activations: the component of variance of a two-way layout without "
        "replication, less what chance adds to differences of means. Own rates were chosen on 16 other seeds from "
        f"{', '.join(f'{rate:g}' for rate in claim.RATES)}; they stand right of the rows ({_ends(table)}). Intervals "
        "of the spreads are of jackknife pseudo-values.",
    )
    findings(page, judged, "cost of taking any; spread between seeds against spread between activations")
    _regrets(page, regret, table, names)
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


def _seeds(table: pd.DataFrame) -> int:
    return len(by_seed(table, "accuracy_float", case=claim.SHARED))


def _ends(table: pd.DataFrame) -> str:
    """Say whether a better rate may lie beyond those tried."""
    rates = _own_rates(table)
    beyond = [name for name in claim.STUDY.activations if at_an_end(float(rates[name]), claim.RATES)]
    return f"at an end of these: {', '.join(beyond)}" if beyond else "none is at an end"


def _own_rates(table: pd.DataFrame) -> pd.Series:
    return table[table["case"] == claim.TUNED].astype({"activation": str}).groupby("activation")["x"].first()


def _regrets(page: Page, top: float, table: pd.DataFrame, names: list[str]) -> None:
    """Draw every activation's cost in the mean of the settings, and write it for each setting."""
    accuracies = claim.settings(table)
    labels = names_width(names)
    columns = len(claim.SETTINGS)
    left = BODY - NUMBER * columns
    page.write(labels, top + 0.12, "cost of always taking it, mean of the settings", weight="bold", size=SMALL)
    write_names(page, names, labels, top + HEAD, ROW)
    ax = page.axes(labels, top + HEAD, left - labels - 0.2, ROW * len(names))
    strips(ax, pd.DataFrame(regrets(accuracies).T, columns=names), names, scale=100.0)
    ax.axvline(0.0, color=INK, linewidth=1.0)
    ax.axvline(100.0 * claim.POINT, color=SEED_DOT, linewidth=1.0, linestyle=(0, (3, 2)))
    below = top + HEAD + ROW * len(names) + 0.36
    page.write(left - 0.2, below, "points of accuracy", ha="right", size=SMALL, color=MUTED)
    for column, case in enumerate(claim.SETTINGS):
        right = left + NUMBER * (column + 1)
        page.write(right, top + 0.12, SAID[case], ha="right", va="center", size=SMALL, color=MUTED)
        costs = 100.0 * regrets(accuracies[column : column + 1]).mean(axis=1)
        for row, cost in enumerate(costs):
            colour = COLOURS.get(names[row], INK)
            said = number(float(cost), 2)
            page.write(right, top + HEAD + ROW * (row + 0.5), said, ha="right", va="center", size=SMALL, color=colour)
        average = number(float(costs.mean()), 2)
        page.write(right, below, f"mean {average}", ha="right", size=SMALL, color=MUTED)


def _rates(page: Page, table: pd.DataFrame, left: float, top: float) -> None:
    """Write every activation's own rate beside its row."""
    rates = _own_rates(table)
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
