import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantstudy.drift import decision as d

TINY = settings(max_examples=40, deadline=None, derandomize=True)
LOGITS = st.sampled_from([-300.0, -2.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 2.0, 300.0]) | st.floats(-5, 5, width=32)


@st.composite
def cases(draw):
    n = draw(st.sampled_from([1, 2, 3, 5]))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    maps = hnp.arrays(np.float32, (*lead, n, n), elements=LOGITS.map(np.float32))
    return draw(maps), draw(maps), draw(hnp.arrays(np.bool_, (*lead, n, n)))


def sigmoid(v):
    return 1.0 / (1.0 + math.exp(-v)) if v > -700 else 0.0


ALONE = (
    *("flip_rate", "sea_to_island", "island_to_sea", "correct_to_wrong", "wrong_to_correct"),
    *("boundary_band_flip_rate", "island_iou", "delta_logit_mean", "bernoulli_kl"),
)
"""Measures that have a function of their own, too."""


def slow(x, y, target):
    """The obvious twin: one map, one pixel at a time."""
    xs, ys, ts = ([v.item() for v in m.ravel()] for m in (x, y, target))
    n = len(xs)
    pixels = list(zip(xs, ys, ts, strict=True))
    flips = [(a > 0) != (b > 0) for a, b, _ in pixels]
    order = sorted(range(n), key=lambda i: (abs(xs[i]), i))[: math.ceil(n / 10)]
    inter = sum(a > 0 and b > 0 for a, b, _ in pixels)
    union = sum(a > 0 or b > 0 for a, b, _ in pixels)
    signal, noise = sum(a * a for a in xs), sum((a - b) ** 2 for a, b, _ in pixels)
    margin = sorted(abs(a) for a in xs)
    margin = (margin[(n - 1) // 2] + margin[n // 2]) / 2
    delta = sum(abs(a - b) for a, b, _ in pixels) / n
    kl = 0.0
    for a, b, _ in pixels:
        p, q, p_not, q_not = sigmoid(a), sigmoid(b), sigmoid(-a), sigmoid(-b)
        kl += (p * (math.log(p) - math.log(q)) if p else 0) + (
            p_not * (math.log(p_not) - math.log(q_not)) if p_not else 0
        )
    sqnr = math.nan if not signal else math.inf if not noise else 20 * math.log10(math.sqrt(signal) / math.sqrt(noise))
    return {
        "flip_rate": sum(flips) / n,
        "sea_to_island": sum(a <= 0 < b for a, b, _ in pixels) / n,
        "island_to_sea": sum(b <= 0 < a for a, b, _ in pixels) / n,
        "correct_to_wrong": sum((a > 0) == t and (b > 0) != t for a, b, t in pixels) / n,
        "wrong_to_correct": sum((a > 0) != t and (b > 0) == t for a, b, t in pixels) / n,
        "boundary_band_flip_rate": sum(flips[i] for i in order) / len(order),
        "island_iou": inter / union if union else math.nan,
        "accuracy_float": sum((a > 0) == t for a, _, t in pixels) / n,
        "accuracy_quantized": sum((b > 0) == t for _, b, t in pixels) / n,
        "accuracy_drop": (sum((a > 0) == t for a, _, t in pixels) - sum((b > 0) == t for _, b, t in pixels)) / n,
        "delta_logit_mean": delta,
        "logit_margin": margin,
        "delta_logit_over_margin": delta / margin if margin else math.nan,
        "logit_sqnr_db": sqnr,
        "bernoulli_kl": kl / n,
    }


def check(x, y, target):
    fast = d.decision_measures(x, y, target)
    lead = x.shape[:-2]
    for at in np.ndindex(lead):
        for name, value in slow(x[at], y[at], target[at]).items():
            assert fast[name].shape == lead
            assert fast[name].dtype == np.float64
            np.testing.assert_allclose(fast[name][at], value, rtol=1e-6, atol=1e-12, err_msg=name)
    for name in ALONE:
        more = (target,) if name in ("correct_to_wrong", "wrong_to_correct") else ()
        np.testing.assert_array_equal(getattr(d, name)(x, y, *more), fast[name], err_msg=name)


@TINY
@given(cases())
def test_against_the_slow_twin(case):
    check(*case)


@pytest.mark.parametrize("n", [1, 2, 5, 33])
def test_against_the_slow_twin_on_random_maps(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((3, n, n)).astype(np.float32)
    y = x + 0.5 * rng.standard_normal((3, n, n)).astype(np.float32)
    check(x, y, x + 0.3 * rng.standard_normal((3, n, n)) > 0)


def test_many_maps_are_measured_block_by_block():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 2, 256, 256))
    fast = d.decision_measures(x, y, x > 0.5)
    for at in np.ndindex(3, 2):
        one = d.decision_measures(x[at], y[at], x[at] > 0.5)
        assert {name: v[at] for name, v in fast.items()} == one


def test_all_sea_all_island_and_zero():
    sea, island, zero = -np.ones((2, 2)), np.ones((2, 2)), np.zeros((2, 2))
    none = np.zeros((2, 2), bool)
    quiet = d.decision_measures(sea, sea, none)
    assert np.isnan(quiet["island_iou"])
    assert quiet["flip_rate"] == 0
    assert quiet["logit_sqnr_db"] == np.inf
    loud = d.decision_measures(sea, island, none)
    assert (loud["flip_rate"], loud["sea_to_island"], loud["island_to_sea"], loud["island_iou"]) == (1, 1, 0, 0)
    assert (loud["accuracy_float"], loud["accuracy_quantized"], loud["accuracy_drop"]) == (1, 0, 1)
    assert d.island_iou(island, island) == 1
    flat = d.decision_measures(zero, sea, none)
    assert flat["flip_rate"] == 0  # a logit of exactly 0 is sea
    assert np.isnan(flat["delta_logit_over_margin"])
    assert np.isnan(flat["logit_sqnr_db"])
    assert d.flip_rate(zero, np.full((2, 2), 1e-30)) == 1


def test_the_band_is_a_tenth_rounded_up_and_ties_go_by_row():
    for n, size in ((1, 1), (3, 1), (4, 2), (10, 10), (11, 13)):
        band = d.boundary_band(np.full((n, n), -2.0))
        assert band.shape == (n, n)
        np.testing.assert_array_equal(np.flatnonzero(band), np.arange(size))
    x = np.full((2, 5, 5), 3.0)
    x[0, 4, :] = [1.0, -1.0, 1.0, -1.0, 0.5]
    band = d.boundary_band(x)
    np.testing.assert_array_equal(np.flatnonzero(band[0]), [20, 21, 24])
    np.testing.assert_array_equal(np.flatnonzero(band[1]), [0, 1, 2])
    y = x.copy()
    y[0, 4, 1] = 1.0  # flips inside the band
    y[0, 4, 3] = 1.0  # flips just outside it
    assert d.boundary_band_flip_rate(x, y)[0] == pytest.approx(1 / 3)


@TINY
@given(cases())
def test_identities(case):
    x, y, target = case
    one, back = d.decision_measures(x, y, target), d.decision_measures(y, x, target)
    np.testing.assert_array_equal(one["flip_rate"], back["flip_rate"])
    np.testing.assert_array_equal(one["sea_to_island"], back["island_to_sea"])
    np.testing.assert_array_equal(one["correct_to_wrong"], back["wrong_to_correct"])
    np.testing.assert_allclose(one["sea_to_island"] + one["island_to_sea"], one["flip_rate"])
    np.testing.assert_allclose(one["correct_to_wrong"] + one["wrong_to_correct"], one["flip_rate"])
    np.testing.assert_allclose(one["correct_to_wrong"] - one["wrong_to_correct"], one["accuracy_drop"], atol=1e-15)
    assert ((one["flip_rate"] >= 0) & (one["flip_rate"] <= 1)).all()
    assert (one["bernoulli_kl"] >= 0).all()
    assert (d.bernoulli_kl(x, x) == 0).all()


def test_kl_is_exact_where_the_naive_formula_fails():
    def kl(a, b):
        return float(d.bernoulli_kl(np.full((1, 1), a), np.full((1, 1), b)))

    assert kl(1000.0, -1000.0) == 1000.0
    assert kl(-1000.0, 1000.0) == 1000.0
    # p ln(p/q) + (1-p) ln((1-p)/(1-q)) = e^-40 - e^-50 - 10 e^-50 + ... for logits 50 -> 40
    assert kl(50.0, 40.0) == pytest.approx(math.exp(-40) - 11 * math.exp(-50), rel=1e-9)
    assert kl(-50.0, -40.0) == pytest.approx(math.exp(-40) - 11 * math.exp(-50), rel=1e-9)
    assert kl(0.0, math.log(3)) == pytest.approx(0.5 * math.log(4 / 3))
    assert kl(math.log(3), 0.0) == pytest.approx(0.75 * math.log(1.5) + 0.25 * math.log(0.5))
    assert kl(-math.log(3), math.log(3)) == pytest.approx(0.5 * math.log(3))


def test_kl_is_never_negative_by_rounding():
    x = np.linspace(-1, 1, 4096).reshape(4096, 1, 1)
    assert (d.bernoulli_kl(x, np.nextafter(x, 2)) >= 0).all()


def test_errors_name_the_field():
    x = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"^target has dtype float64; it must be bool$"):
        d.decision_measures(x, x, x)
    with pytest.raises(ValueError, match=r"^target has shape \(3, 3\), but x has \(2, 2\)"):
        d.decision_measures(x, x, np.zeros((3, 3), bool))
    for measure in (d.flip_rate, d.sea_to_island, d.island_iou, d.delta_logit_mean, d.bernoulli_kl):
        with pytest.raises(ValueError, match=r"^y has shape \(3, 2\), but x has \(2, 2\)"):
            measure(x, np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"^y has shape \(3, 2\), but x has \(2, 2\)"):
        d.boundary_band_flip_rate(x, np.zeros((3, 2)))
    for measure in (d.boundary_band, d.logit_margin):
        with pytest.raises(ValueError, match=r"^x has shape \(4,\)"):
            measure(np.zeros(4))
    for measure in (d.accuracy,):
        with pytest.raises(ValueError, match=r"^target has shape \(3, 2\), but x has \(2, 2\)"):
            measure(x, np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match=r"^target has shape \(3, 2\), but x has \(2, 2\)"):
        d.correct_to_wrong(x, x, np.zeros((3, 2), bool))


def test_results_are_arrays_even_for_one_map():
    x = np.ones((2, 2), np.float32)
    for value in d.decision_measures(x, x, x > 0).values():
        assert isinstance(value, np.ndarray)
    for value in (d.flip_rate(x, x), d.logit_margin(x), d.accuracy(x, x > 0), d.bernoulli_kl(x, x)):
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.float64


@pytest.mark.parametrize("lead", [(), (3,), (2, 2)])
def test_float_logits_serve_many_quantized_ones(lead):
    rng = np.random.default_rng(3)
    x, *quantized = rng.standard_normal((4, *lead, 9, 9)).astype(np.float32)
    before = d.float_logits(x, x > 0.3)
    for y in [*quantized, x, quantized[0]]:
        again, once = d.decision_drift(before, y), d.decision_measures(x, y, x > 0.3)
        assert list(again) == list(once)
        for name, value in once.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)
            assert value.shape == lead
    with pytest.raises(ValueError, match=r"^y has shape \(9,\)|^y has shape"):
        d.decision_drift(before, x[..., :4])
    with pytest.raises(ValueError, match=r"^target has dtype float32; it must be bool$"):
        d.float_logits(x, x)
