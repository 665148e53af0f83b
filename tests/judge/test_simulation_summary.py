"""Honesty of a whole summary: how often a sentence that is worded as a fact is untrue.

Data as in a run of `--bits 4`: eight schemes whose paired differences correlate as they did in 32 networks of four
activations (1500 steps, grid 64), and whose spreads are theirs. Sentences: «best» where the best is told apart from all
others, and a fact if it is first in 90 % of the halves, too; a cause's sign where it differs; the first width.
"""

from functools import lru_cache

import numpy as np
import pytest

from quantstudy.judge.cliff import _first_of_any, _Widths
from quantstudy.judge.decided import leads
from quantstudy.judge.facts import FOCUS_ERROR, STABLE
from quantstudy.judge.ranking import Measured
from quantstudy.judge.statistics.bootstrap import ERROR, holm, paired_p
from quantstudy.judge.statistics.halves import half_means
from quantstudy.judge.statistics.intervals import interval
from quantstudy.judge.verdict import _compared
from tests.judge.conftest import build
from tests.judge.limits import asked
from tests.judge.verdicts import judged_of

SCHEMES = ("w4", "a4", "w4a4", "w4a8dyn", "w8", "a8", "w8a8", "w8a8dyn")
SPREAD = (0.053, 0.051, 0.060, 0.053, 0.010, 0.009, 0.010, 0.010)
CORRELATION = (
    (1.00, 0.15, 0.61, 1.00, 0.18, 0.03, 0.22, 0.20),
    (0.15, 1.00, 0.57, 0.16, 0.18, 0.28, 0.29, 0.19),
    (0.61, 0.57, 1.00, 0.61, 0.06, 0.10, 0.17, 0.10),
    (1.00, 0.16, 0.61, 1.00, 0.18, 0.03, 0.23, 0.21),
    (0.18, 0.18, 0.06, 0.18, 1.00, 0.83, 0.93, 0.96),
    (0.03, 0.28, 0.10, 0.03, 0.83, 1.00, 0.88, 0.86),
    (0.22, 0.29, 0.17, 0.23, 0.93, 0.88, 1.00, 0.93),
    (0.20, 0.19, 0.10, 0.21, 0.96, 0.86, 0.93, 1.00),
)
WIDTHS = (3, 4, 5, 8)


@lru_cache
def mixing():
    values, vectors = np.linalg.eigh(np.array(CORRELATION))
    return np.array(SPREAD)[:, None] / np.sqrt(2) * vectors * np.sqrt(np.maximum(values, 0.0))


def summary(random, activations, seeds, gap=0.0):
    """Accuracies `{scheme: [activations, seeds]}`; the last activation is ahead of the others by so many spreads."""
    values = np.einsum("sk,kan->san", mixing(), random.normal(size=(len(SCHEMES), activations, seeds)))
    values[:, -1] += gap * np.array(SPREAD)[:, None]
    return dict(zip(SCHEMES, 0.9 + values + random.normal(0, 0.02, seeds), strict=True))


def winners(values, **limits):
    """Who is told apart from all others, `{scheme: (row, whether it is a fact)}`."""
    found = {}
    for scheme, table in values.items():
        names = tuple(range(len(table)))
        found[scheme] = Measured(names, table, table, table, table, table).in_order()
    compared = _compared(found, "w4a4", asked(**limits))

    def fact(scheme, error):
        one, against, _ = compared[scheme]
        return leads(against, one.ranked, error)

    decided = fact("w4a4", FOCUS_ERROR)
    rest = ERROR if decided else ERROR - FOCUS_ERROR
    return {
        scheme: (one.names[0], decided if scheme == "w4a4" else fact(scheme, rest))
        for scheme, (one, against, _) in compared.items()
        if against.tied.sum() == 1
    }


def false_winners(activations, seeds, trials, gap=0.0, key=1):
    """Shares of data sets with a false winner: anywhere, as a fact, at the focus scheme, as a fact there."""
    random, counts = np.random.default_rng(key), np.zeros(4)
    for _ in range(trials):
        wrong = {
            scheme: fact
            for scheme, (row, fact) in winners(summary(random, activations, seeds, gap)).items()
            if not gap or row != activations - 1
        }
        counts += bool(wrong), any(wrong.values()), "w4a4" in wrong, wrong.get("w4a4", False)
    return counts / trials


def first_widths(random, shares, networks, **limits):
    """Say the first width of activations that pass with these shares per width, `[activations, widths]`."""
    asks = asked(assurance=0.8, **limits)
    widths = []
    for of_widths in shares:
        luck = random.random(networks)  # who passes at a width passes at all wider ones
        drop = np.where(luck < np.array(of_widths)[:, None], 0.01, 0.03)
        widths.append(_Widths.of(drop, 0.99 - drop, np.ones(len(WIDTHS), dtype=bool), asks, len(shares)))
    return _first_of_any(range(len(shares)), widths, WIDTHS)


def false_widths(shares, networks, trials, key=1):
    """How often a first width is said too early, and told too early as a fact.

    Too late is not untrue: it is the first width that is shown.
    """
    random, counts = np.random.default_rng(key), np.zeros(2)
    true = next((bits for bits, of in zip(WIDTHS, np.max(shares, axis=0), strict=True) if of >= 0.8), 99)
    for _ in range(trials):
        found = first_widths(random, shares, networks)
        early = (found["bits"] or 99) < true
        counts += early, early and found["sure"]
    return counts / trials


def false_signs(rows, seeds, trials, key=1):
    """How often any cause differs where none has an effect, and as a fact."""
    random, counts = np.random.default_rng(key), np.zeros(2)
    for _ in range(trials):
        networks = random.normal(size=(rows + 1, seeds))
        differences = networks[1:] - networks[0]
        p = holm(np.array([paired_p(row) for row in differences]))
        said = []
        for row, adjusted in zip(differences, p, strict=True):
            mean, low, high = interval(row) if adjusted <= ERROR else (0.0, 0.0, 0.0)
            if low > 0 or high < 0:
                said.append((np.sign(half_means(row)) == np.sign(mean)).mean() >= STABLE)
        counts += bool(said), any(said)
    return counts / trials


def noise(trials, share=0.05):
    """Three standard errors of a share that was counted in so many data sets."""
    return 3 * np.sqrt(share * (1 - share) / trials)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [16, 32])
@pytest.mark.parametrize(("activations", "trials"), [(2, 3000), (7, 400)])
def test_hardly_any_false_winner_is_told_as_a_fact(activations, seeds, trials):
    """Of two that are alike one wins somewhere in 6.1 % at 16 seeds and 6.9 % at 32: the halves agree in 97 % of that.

    So facts share the 5 %: four for the focus scheme, where one of two wins in 4.2 % (16 seeds) and 4.5 % (32), and one
    for all others, which have five once the focus is decided. Of seven one wins at the focus in fewer than 0.1 %.
    """
    anywhere, fact, _, fact_at_focus = false_winners(activations, seeds, trials)
    assert fact_at_focus <= fact <= anywhere
    assert fact <= 0.05 + noise(trials)


@pytest.mark.slow
@pytest.mark.parametrize("gap", [0.1, 0.3, 1.0])
def test_the_wrong_one_of_two_hardly_ever_wins(gap):
    anywhere, fact, *_ = false_winners(2, 32, 1000, gap)
    assert fact <= anywhere <= 0.05


ONE = {
    "not yet enough": (0.0, 0.79, 0.95, 1.0),
    "just enough": (0.0, 0.81, 1.0, 1.0),
    "enough": (0.0, 0.9, 1.0, 1.0),
    "none is": (0.0, 0.5, 0.7, 0.79),
}
"""Shares of networks that pass at WIDTHS."""


@pytest.mark.slow
@pytest.mark.parametrize("networks", [16, 32])
@pytest.mark.parametrize("shares", ONE.values(), ids=ONE)
def test_the_first_width_of_one_activation_is_hardly_ever_an_untrue_fact(networks, shares):
    """Where the share is just below the limit it is told too early in 2 to 3 %."""
    said, fact = false_widths([shares], networks, 4000)
    assert fact <= said
    assert fact <= 0.05 + noise(4000)


@pytest.mark.slow
@pytest.mark.parametrize("networks", [16, 32])
@pytest.mark.parametrize("shares", ONE.values(), ids=ONE)
def test_the_first_width_of_seven_is_hardly_ever_an_untrue_fact(networks, shares):
    """Of seven just below the limit the first is said too early in 15 %: a fact takes a bound corrected for seven."""
    said, fact = false_widths([shares] * 7, networks, 1000)
    assert fact <= said
    assert fact <= 0.05 + noise(1000)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [16, 32])
@pytest.mark.parametrize(("rows", "trials"), [(1, 4000), (15, 1000)])
def test_a_sign_of_a_cause_without_effect_is_hardly_ever_told(rows, seeds, trials):
    """Of fifteen rows any in 4.0 % (16 seeds) and 3.0 % (32), of one in 4.5 % and 4.3 %."""
    said, fact = false_signs(rows, seeds, trials)
    assert fact <= said <= 0.05 + noise(trials)


def test_the_winners_are_those_of_the_verdict():
    """The light path used here says what `judge` says."""
    random = np.random.default_rng(5)
    seen = set()
    for gap in (0.0, 0.5, 1.0, 2.0):
        values = summary(random, 3, 16, gap)
        names = ["relu", "silu", "gelu"]
        full = {name: np.full(16, 2.0) for name in names}
        frame = build(full, {k: dict(zip(names, table, strict=True)) for k, table in values.items()})
        order = ["w4a4", *(scheme for scheme in SCHEMES if scheme != "w4a4")]
        found = judged_of(frame, names, order, allowed_drop=5.0)["schemes"]
        expected = {
            scheme: (names.index(one["winner"]), one["sure"])
            for scheme, one in found.items()
            if one["winner"] is not None
        }
        assert winners(values) == expected
        seen.add(len(expected))
    assert len(seen) > 1
