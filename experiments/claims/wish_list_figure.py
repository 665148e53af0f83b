"""The figure of `wish_list`: activations × wishes, what is met, the number behind it, and how sure the counts are."""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from experiments.claims import wish_list as claim
from quantstudy.activations.catalogue import BOUNDED, DEFAULT_ACTIVATIONS
from quantstudy.judge.claims import Judged
from quantstudy.show.canvas.page import BODY, Page, wrap
from quantstudy.show.canvas.style import (
    ALLOWED,
    BASE,
    BEST,
    DEPLOYABLE,
    HEADING,
    INK,
    MUTED,
    RULE,
    SEED_DOT,
    SMALL,
    TIED_BAND,
    styled,
)
from quantstudy.show.figures.claims import OUTCOMES, title
from quantstudy.words.numbers import NO_BREAK, listed, number, plural

ROW, HEAD, NAMES, APART = 0.46, 1.02, 1.05, 0.12
"""Inches: an activation, what stands above the grid, their names, between the wishes and the counts."""
COUNTS = 2 * 1.2
"""Inches: the two columns of counts."""

Words = Callable[[float], str]

WISHES: tuple[tuple[str, str, str, str, Words], ...] = (
    ("in_place", "both", "in-place\ngradient", "derivatives\nfor one output\ndiffer by", lambda v: f"{v:.2f}"),
    ("cheap", "both", "cheap", "special-\nfunction\ninstructions", lambda v: f"{v:.0f}"),
    ("gating", "both", "gating", "exactly 0 on\na half line", lambda v: "yes" if v == 1 else "no"),
    ("no_dead", "both", "no dead\nneurons", "share dead,\nat most 1 %", lambda v: f"{100 * v:.1f}{NO_BREAK}%"),
    ("smooth", "both", "smooth", "jump of the\nderivative", lambda v: f"{0.0 if v < 0.001 else v:.2f}"),
    ("fast", "both", "fast", "steps to 95 %,\n≤ 10 % over\nthe fewest", lambda v: f"{v:,.0f}"),
    (
        "robust",
        "8 bits",
        "robust\nat 8 bits",
        "share that\nloses at most\n2 points",
        lambda v: f"{100 * v:.0f}{NO_BREAK}%",
    ),
    (
        "robust",
        "4 bits",
        "robust\nat 4 bits",
        "share that\nloses at most\n2 points",
        lambda v: f"{100 * v:.0f}{NO_BREAK}%",
    ),
)
"""Columns: wish, case, head, the number behind it, how that is written."""


@styled
def draw(table: pd.DataFrame, judged: Judged) -> Figure:
    """Draw the grid of wishes with the counts at 8 and 4 bits, and say who meets most.

    Args:
        table: of the claim.
        judged: its outcomes.
    """
    names = list(DEFAULT_ACTIVATIONS)
    seeds = claim.seeds_of(table)
    sentences = [wrap(_sentence(table, judged, width), BODY - 0.6, BASE, "bold") for width in claim.WIDTHS]
    lines = sum(sentence.count("\n") + 1 for sentence in sentences)
    grid = 0.25 * lines + 0.3
    page = Page(
        grid + HEAD + ROW * len(names),
        title(f"Does {BOUNDED}, bounded and hard, meet the most of the article's wishes?", judged),
        "Seven wishes, each met (green, ✓) or not by a bound that the claim's file gives; the "
        "number behind it stands in the cell. Right: how many are met out of seven, and in what share of "
        f"bootstrap resamples of the {plural(seeds, 'seed')} an activation meets the most (alone or tied).",
        "Made from the tables of the claims on dead neurons, special functions, backward memory, gating, straight "
        "creases, convergence and activation choice, and nothing else. All wishes weigh the same. In-place gradient: "
        "no two inputs with one output have different derivatives; prelu learns its slopes, and below 0 they have. "
        "Steps: restricted mean, each activation at its own rate. Robust: deployable with weights and activations "
        "quantized, at the shared rate: so many networks lose at most 2 points of held-out accuracy that at least "
        f"80 % of such networks do (95 % confidence), {_needed(seeds)}. The other wishes belong to the function.",
    )
    top = 0.02
    for sentence, width in zip(sentences, claim.WIDTHS, strict=True):
        outcome = judged.outcome(f"at_{width.replace(' ', '_')}")
        colour = OUTCOMES.get(outcome.verdict, INK) if outcome.seeds else MUTED
        page.write(0.0, top, sentence, va="top", weight="bold", color=colour, linespacing=1.3)
        top += 0.25 * (sentence.count("\n") + 1)
    _grid(page, table, grid)
    return page.figure


def _without_fast(table: pd.DataFrame) -> str:
    """Say who meets most where the wish for speed is left out."""
    counts = claim.met_by(table, "wishes", claim.WITHOUT_FAST)
    best = [name for name in counts.index if counts[name] == counts.max()]
    return f" Without «fast» {listed(best)} {'meets' if len(best) == 1 else 'meet'} most ({counts.max():.0f} of 6)."


def _needed(seeds: int) -> str:
    share = claim.least_passing(seeds)
    return f"{share * seeds:.0f} of {seeds}" if share <= 1.0 else f"more than {seeds} can show"


def _sentence(table: pd.DataFrame, judged: Judged, width: str) -> str:
    """Say who meets most wishes at one number of bits, with the outcome and how often resamples agree."""
    counts = claim.met_by(table, "wishes", width)
    best = [name for name in counts.index if counts[name] == counts.max()]
    outcome = judged.outcome(f"at_{width.replace(' ', '_')}")
    alone, tied = (claim.met_by(table, metric, width)[BOUNDED] for metric in ("most", "most_or_tied"))
    lead, low, high = (number(value, 0, sign=True) for value in (outcome.mean, outcome.low, outcome.high))
    return (
        f"At {width}: {listed(best)} {'meets' if len(best) == 1 else 'meet'} most ({counts.max():.0f} of 7). "
        f"{BOUNDED} minus the best other: {lead} [{low}, {high}], {outcome.verdict}; alone in front in "
        f"{100 * alone:.0f}{NO_BREAK}% of the resamples, in front or tied in {100 * tied:.0f}{NO_BREAK}%."
        f"{_without_fast(table) if width == claim.WIDTHS[0] else ''}"
    )


def _grid(page: Page, table: pd.DataFrame, top: float) -> None:
    """Draw which activation meets which wish, with the number behind it, and the counts at their right."""
    names = list(DEFAULT_ACTIVATIONS)
    width = (BODY - NAMES - APART - COUNTS) / len(WISHES)
    body, bottom = top + HEAD, top + HEAD + ROW * len(names)
    for row, name in enumerate(names):
        middle = body + ROW * (row + 0.5)
        page.write(0.0, middle, name, weight="bold", color=BEST if name == BOUNDED else INK)
    for column, (wish, case, head, behind, words) in enumerate(WISHES):
        left = NAMES + width * column
        _head(page, left, width, top, head, behind)
        met, measured = (claim.met_by(table, metric, case) for metric in (wish, f"{wish}_measured"))
        for row, name in enumerate(names):
            edge, yes = body + ROW * row, met[name] == 1
            page.canvas.fill_between(
                [left + 0.03, left + width - 0.03], edge + 0.03, edge + ROW - 0.03, color=ALLOWED if yes else "#F4F4F4"
            )
            page.write(
                left + 0.12,
                edge + ROW / 2,
                "✓" if yes else "✗",
                size=HEADING,
                weight="bold",
                color=DEPLOYABLE if yes else SEED_DOT,
            )
            page.write(
                left + width - 0.12,
                edge + ROW / 2,
                words(measured[name]),
                ha="right",
                color=INK if yes else MUTED,
            )
    for column, case in enumerate(claim.WIDTHS):
        left = NAMES + width * len(WISHES) + APART + COUNTS / 2 * column
        _counts(page, table, case, left, top)
    page.canvas.hlines([body + ROW * row for row in range(len(names) + 1)], 0.0, BODY, color=RULE, linewidth=0.5)
    page.canvas.plot([NAMES + width * len(WISHES) + APART / 2] * 2, [top, bottom], color=RULE, linewidth=1.0)


def _counts(page: Page, table: pd.DataFrame, case: str, left: float, top: float) -> None:
    """Draw how many wishes every activation meets at one number of bits, and how often it is first or tied."""
    _head(page, left, COUNTS / 2, top, f"wishes met\nat {case}", "of 7 · how often\nfirst or tied")
    counts, often = (claim.met_by(table, metric, case) for metric in ("wishes", "most_or_tied"))
    for row, name in enumerate(DEFAULT_ACTIVATIONS):
        edge = top + HEAD + ROW * row
        first = counts[name] == counts.max()
        if first:
            page.canvas.fill_between(
                [left + 0.03, left + COUNTS / 2 - 0.03], edge + 0.03, edge + ROW - 0.03, color=TIED_BAND
            )
        page.write(
            left + 0.42,
            edge + ROW / 2,
            f"{counts[name]:.0f}",
            ha="center",
            size=15.0,
            weight="bold" if first else "normal",
            color=BEST if first else INK,
        )
        page.write(
            left + COUNTS / 2 - 0.12,
            edge + ROW / 2,
            f"{100 * often[name]:.0f}{NO_BREAK}%",
            ha="right",
            size=SMALL,
            color=MUTED,
        )


def _head(page: Page, left: float, width: float, top: float, head: str, behind: str) -> None:
    middle = left + width / 2
    page.write(middle, top, head, ha="center", va="top", weight="bold", linespacing=1.1)
    page.write(middle, top + 0.42, behind, ha="center", va="top", size=SMALL, color=MUTED, linespacing=1.1)
