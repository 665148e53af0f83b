"""How often do intervals hold the truth, what does peeking buy, and what does the rule that allows for it cost?

Simulated data of known distributions. From the root of a checkout: `python -m experiments.how_sure coverage`,
`... peeking`, `... price`; `--trials N` for other than the number of data sets that the log quotes (some minutes each).
"""

import argparse
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from quantstudy.judge.statistics.bootstrap import ERROR, Floats, holm, paired_p
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.statistics.sequential import anytime_p

Draw = Callable[[np.random.Generator, int], Floats]

KNOWN: dict[str, tuple[Draw, float]] = {
    "normal": (lambda random, seeds: random.normal(size=seeds), 0.0),
    "exponential": (lambda random, seeds: random.exponential(size=seeds), 1.0),
    "lognormal": (lambda random, seeds: random.lognormal(0, 0.8, seeds), float(np.exp(0.32))),
    "discrete": (lambda random, seeds: random.binomial(4, 0.3, seeds).astype(float), 1.2),
}
"""Distributions and their means."""

SEEDS = (2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 64)
LOOKS = range(16, 257, 16)
TESTS = {"anytime": anytime_p, "fixed": paired_p}


def covered(trials: int, case: tuple[int, str]) -> float:
    """Return the share of data sets whose 95 % interval holds the mean."""
    seeds, name = case
    (draw, mean), random = KNOWN[name], np.random.default_rng(11)
    found = (interval(draw(random, seeds)) for _ in range(trials))
    return sum(low <= mean + 1e-12 and mean - 1e-12 <= high for _, low, high in found) / trials


def accuracies(random: np.random.Generator, activations: int, seeds: int, ahead: float, skewed: bool) -> Floats:
    """Return `[activations, seeds]`; the first is ahead by so many standard deviations of a paired difference."""
    values = random.normal(size=(activations, seeds)) + (random.normal(size=seeds) if ahead == 0 else 0.0)
    if skewed:
        values = -np.exp(0.8 * values)
    if ahead:
        values /= np.sqrt(2) * (np.sqrt((np.exp(0.64) - 1) * np.exp(0.64)) if skewed else 1.0)
        values[0] += ahead
    return values


def told_apart(values: Floats, test: str) -> bool:
    """Return whether the best is told apart from all others, by the p-value alone."""
    best = int(values.mean(axis=1).argmax())
    others = np.delete(values, best, axis=0)
    return bool(holm(np.array([TESTS[test](values[best] - row) for row in others])).max() <= ERROR)


def false_winner(trials: int, case: tuple[int, bool, str]) -> float:
    """Return how often somebody wins at one of the looks where all are alike."""
    activations, skewed, test = case
    random = np.random.default_rng(1)
    data = (accuracies(random, activations, LOOKS[-1], 0.0, skewed) for _ in range(trials))
    return sum(any(told_apart(values[:, :look], test) for look in LOOKS) for values in data) / trials


def seeds_until(trials: int, case: tuple[float, bool, str]) -> tuple[float, float]:
    """Return the seeds at which half and four fifths of data sets have a winner, of seven with one ahead.

    By the anytime test at that look or at one before, by the fixed one if it is the only look.
    """
    ahead, skewed, test = case
    random = np.random.default_rng(3)
    looks = np.array(LOOKS if test == "anytime" else range(8, 129, 4))
    data = [accuracies(random, 7, LOOKS[-1], ahead, skewed) for _ in range(trials)]
    apart = np.array([[told_apart(values[:, :look], test) for look in looks] for values in data])
    share = (np.logical_or.accumulate(apart, axis=1) if test == "anytime" else apart).mean(axis=0)
    half, most = (looks[share >= least] for least in (0.5, 0.8))
    return (half[0] if len(half) else np.inf), (most[0] if len(most) else np.inf)


def lines(what: str, trials: int | None) -> Iterator[str]:
    """Yield what is to be printed."""
    with ProcessPoolExecutor() as pool:
        if what == "coverage":
            cases = [(seeds, name) for seeds in SEEDS for name in KNOWN]
            found = dict(zip(cases, pool.map(partial(covered, trials or 20_000), cases), strict=True))
            for seeds in SEEDS:
                yield f"{seeds} seeds: " + ", ".join(f"{name} {100 * found[seeds, name]:.1f} %" for name in KNOWN)
        elif what == "peeking":
            alike = [(a, skewed, test) for test in TESTS for a in (2, 7) for skewed in (False, True)]
            sets = [trials or (4000 if test == "anytime" else 300) for *_, test in alike]
            for case, many, share in zip(alike, sets, pool.map(false_winner, sets, alike), strict=True):
                counted = f"{100 * share:.2f} % false winners in {many} data sets"
                yield f"{case[0]} alike, {_kind(case[1])}, {case[2]} test: {counted}"
        else:
            ahead = [(a, skewed, test) for a in (0.5, 1.0, 2.0) for skewed in (False, True) for test in TESTS]
            for one, (half, most) in zip(ahead, pool.map(partial(seeds_until, trials or 100), ahead), strict=True):
                who = f"ahead by {one[0]:g} sd, {_kind(one[1])}, {one[2]} test"
                yield f"{who}: half at {half:g} seeds, 80 % at {most:g}"


def _kind(skewed: bool) -> str:
    return "skewed" if skewed else "normal"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("coverage", "peeking", "price"))
    parser.add_argument("--trials", type=int)
    given = parser.parse_args()
    for line in lines(given.what, given.trials):
        print(line, flush=True)
