import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantstudy.drift import divergence, folds

TINY = settings(max_examples=40, deadline=None, derandomize=True)
NAMES = [
    "sqnr_db",
    "nmse",
    "cosine",
    "mpeir",
    "rmse_over_step",
    "newly_dead",
    "rounding_share",
    "clipping_share",
    "histogram_kl",
]


def slow_kl(xs, ys):
    low, high = min(xs), max(xs)
    if not (high > low and math.isfinite(low) and math.isfinite(high) and all(map(math.isfinite, ys))):
        return math.nan

    def shares(values):
        counts = [0.5] * 66
        for v in values:
            if v < low:
                counts[0] += 1
            elif v > high:
                counts[65] += 1
            else:
                counts[1 + min(63, math.floor((v - low) * (64 / (high - low))))] += 1
        return [c / (len(values) + 33) for c in counts]

    return sum(p * math.log(p / q) for p, q in zip(shares(xs), shares(ys), strict=True))


def slow(x, y, step=math.nan, lo=math.nan, hi=math.nan):
    """The obvious twin: one map, one pixel at a time."""
    xs, ys = [float(v) for v in x.ravel()], [float(v) for v in y.ravel()]
    n = len(xs)
    pairs = list(zip(xs, ys, strict=True))
    signal, noise = math.fsum(a * a for a in xs), math.fsum((a - b) ** 2 for a, b in pairs)
    energy = math.fsum(b * b for b in ys)
    span = max(xs) - min(xs)
    clipped = math.fsum((a - b) ** 2 for a, b in pairs if a < lo or a > hi)
    clip = clipped / noise if noise and not (math.isnan(lo) or math.isnan(hi)) else math.nan
    dot = math.fsum(a * b for a, b in pairs)
    return {
        "sqnr_db": math.nan if not signal else math.inf if not noise else 20 * math.log10(math.sqrt(signal / noise)),
        "nmse": noise / signal if signal else math.nan,
        "cosine": dot / math.sqrt(signal) / math.sqrt(energy) if signal and energy else math.nan,
        "mpeir": math.fsum(abs(a - b) for a, b in pairs) / n / span if span else math.nan,
        "rmse_over_step": math.sqrt(noise / n) / step,
        "newly_dead": float(span > 0 and max(ys) == min(ys)),
        "rounding_share": 1 - clip,
        "clipping_share": clip,
        "histogram_kl": slow_kl(xs, ys),
    }


VALUES = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0]) | st.floats(-3, 3, width=16)


@st.composite
def cases(draw):
    n = draw(st.sampled_from([1, 2, 3, 5]))
    lead = draw(st.sampled_from([(), (1,), (3,), (2, 2)]))
    maps = hnp.arrays(np.float32, (*lead, n, n), elements=VALUES.map(np.float32))
    edge = hnp.arrays(np.float64, lead, elements=st.sampled_from([0.5, 1.0, 2.0, math.nan]))
    return draw(maps), draw(maps), draw(edge), -draw(edge), draw(edge)


def check(x, y, step, lo, hi):
    fast = folds.fold_measures(x, y, step, lo, hi)
    assert list(fast) == NAMES
    lead = x.shape[:-2]
    for at in np.ndindex(lead):
        for name, value in slow(x[at], y[at], float(step[at]), float(lo[at]), float(hi[at])).items():
            assert fast[name].shape == lead
            assert fast[name].dtype == np.float64
            np.testing.assert_allclose(fast[name][at], value, rtol=1e-9, atol=1e-12, err_msg=name)
    alone = {
        "sqnr_db": folds.sqnr_db(x, y),
        "nmse": folds.nmse(x, y),
        "cosine": folds.cosine(x, y),
        "mpeir": folds.mpeir(x, y),
        "rmse_over_step": folds.rmse_over_step(x, y, step),
        "newly_dead": folds.newly_dead(x, y),
        "clipping_share": folds.clipping_share(x, y, lo, hi),
        "histogram_kl": divergence.histogram_kl(x, y),
    }
    for name, value in alone.items():
        np.testing.assert_allclose(value, fast[name], rtol=1e-13, atol=1e-15, err_msg=name)
        assert isinstance(value, np.ndarray)
        assert value.dtype == np.float64


@TINY
@given(cases())
def test_against_the_slow_twin(case):
    check(*case)


@pytest.mark.parametrize("n", [1, 2, 5, 33])
def test_against_the_slow_twin_on_random_maps(n):
    rng = np.random.default_rng(n)
    x = rng.standard_normal((2, 3, n, n)).astype(np.float32)
    y = np.clip(np.round(x / 0.5) * 0.5, -1, 1.5).astype(np.float32)
    check(x, y, np.full((2, 3), 0.5), np.full((2, 3), -1.0), np.full((2, 3), 1.5))


def test_many_maps_are_measured_block_by_block_and_the_blocks_do_not_show():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 3, 3, 130, 130)).astype(np.float32)
    together = folds.fold_measures(x, y, np.arange(1.0, 4.0)[:, None], -1.0, 1.0)
    for at in np.ndindex(3, 3):
        one = folds.fold_measures(x[at], y[at], 1.0 + at[0], -1.0, 1.0)
        assert {name: float(v[at]) for name, v in together.items()} == {name: float(v) for name, v in one.items()}


def test_no_maps_at_all():
    empty = np.zeros((0, 4, 2, 2))
    assert {v.shape for v in folds.fold_measures(empty, empty).values()} == {(0, 4)}
    assert {v.shape for v in folds.fold_measures(empty[:, 0], empty[:, 0]).values()} == {(0,)}


def test_known_values():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    m = folds.fold_measures(x, x * 0.9, step=0.1)
    assert m["sqnr_db"] == pytest.approx(20.0)
    assert m["nmse"] == pytest.approx(0.01)
    assert m["cosine"] == pytest.approx(1.0)
    assert m["cosine"] <= 1.0
    assert m["mpeir"] == pytest.approx(0.25 / 3)
    assert m["rmse_over_step"] == pytest.approx(math.sqrt(30 / 4))
    assert folds.cosine(x, -x) == pytest.approx(-1.0)
    assert folds.cosine(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])) == 0


def test_cosine_never_leaves_its_interval():
    x = np.random.default_rng(1).standard_normal((500, 3, 3))
    assert (np.abs(folds.cosine(x, 3.3 * x)) <= 1).all()
    assert (np.abs(folds.cosine(x, -3.3 * x)) <= 1).all()


def test_pure_rounding_is_one_over_root_twelve():
    x = np.linspace(-20, 20, 256 * 256).reshape(256, 256)
    assert folds.rmse_over_step(x, np.round(x / 0.25) * 0.25, 0.25) == pytest.approx(1 / math.sqrt(12), rel=1e-3)


def test_dead_and_undefined():
    flat, zero, live = np.full((2, 2), 2.0), np.zeros((2, 2)), np.array([[0.0, 1.0], [1.0, 1.0]])
    same = folds.fold_measures(flat, flat)
    assert same["sqnr_db"] == np.inf
    for name in ("mpeir", "rmse_over_step", "rounding_share", "clipping_share", "histogram_kl"):
        assert np.isnan(same[name]), name
    assert same["newly_dead"] == 0
    for y in (zero, live):
        silent = folds.fold_measures(zero, y)
        for name in ("sqnr_db", "nmse", "cosine", "mpeir", "histogram_kl"):
            assert np.isnan(silent[name]), name
        assert silent["newly_dead"] == 0
    killed = folds.fold_measures(live, zero, step=1.0, lo=0.0, hi=1.0)
    assert killed["newly_dead"] == 1
    assert killed["sqnr_db"] == 0
    assert np.isnan(killed["cosine"])
    assert (killed["rounding_share"], killed["clipping_share"]) == (1, 0)
    assert np.isfinite(killed["histogram_kl"])
    assert folds.fold_measures(live, live)["newly_dead"] == 0


def test_clipping_starts_strictly_outside_the_range():
    x = np.array([[-2.0, -1.0], [1.0, 3.0]])
    y = x + np.array([[1.0, 1.0], [1.0, 2.0]])
    for lo, hi, share in ((-1.0, 1.0, 5 / 7), (-2.0, 3.0, 0.0), (-2.0, 1.0, 4 / 7), (-1.0, 3.0, 1 / 7)):
        assert folds.clipping_share(x, y, lo, hi) == share
        assert folds.fold_measures(x, y, 1.0, lo, hi)["clipping_share"] == share
        assert folds.fold_measures(x, y, 1.0, lo, hi)["rounding_share"] == pytest.approx(1 - share)
    for lo, hi in ((None, 1.0), (-1.0, None), (None, None)):
        assert np.isnan(folds.clipping_share(x, y, lo, hi))
        assert np.isnan(folds.fold_measures(x, y, 1.0, lo, hi)["clipping_share"])
        assert np.isnan(folds.fold_measures(x, y, 1.0, lo, hi)["rounding_share"])


def test_kl_bins():
    x = np.zeros((8, 8))
    x.flat = np.arange(64) / 63.0  # one pixel in each of the 64 bins
    assert divergence.histogram_kl(x, x) == 0

    def moved(value):
        y = x.copy()
        y[0, 0] = value
        return float(divergence.histogram_kl(x, y))

    def kl(p, q):
        return p / 97 * math.log(p / q)

    to_other_bin = kl(1.5, 0.5) + kl(1.5, 2.5)
    to_outside = kl(1.5, 0.5) + kl(0.5, 1.5)
    assert moved(0.5) == pytest.approx(to_other_bin)
    assert moved(1.0) == pytest.approx(to_other_bin)  # the last bin is closed
    assert moved(np.nextafter(1.0, 2)) == pytest.approx(to_outside)
    assert moved(50.0) == pytest.approx(to_outside)
    assert moved(-1e-6) == pytest.approx(to_outside)
    assert moved(-50.0) == pytest.approx(to_outside)
    assert moved(0.9 / 64) == 0
    assert moved(1.1 / 64) == pytest.approx(to_other_bin)


def test_maps_that_are_not_finite_are_nan_and_do_not_warn():
    good = np.array([[0.0, 1.0], [2.0, 3.0]])
    x, y = np.stack([good, good, good, good]), np.stack([good, good, good, good + 0.5])
    x[0, 0, 0], x[1, 1, 1], y[2, 0, 1] = np.nan, np.inf, -np.inf
    m = folds.fold_measures(x, y, 1.0, -9.0, 9.0)
    for name in ("sqnr_db", "cosine", "mpeir"):
        assert np.isfinite(m[name]).tolist() == [False, False, False, True], name
    assert np.isnan(m["histogram_kl"][:3]).all()
    assert m["histogram_kl"][3] == divergence.histogram_kl(good, good + 0.5)
    np.testing.assert_array_equal(m["newly_dead"], [np.nan, np.nan, np.nan, 0])
    np.testing.assert_array_equal(np.isnan(divergence.histogram_kl(x, y)), [True, True, True, False])
    assert np.isnan(divergence.histogram_kl(np.array([[-np.inf, 0.0]]), np.zeros((1, 2))))


@TINY
@given(cases())
def test_identities(case):
    x, y, _, _, _ = case
    m = folds.fold_measures(x, y)
    np.testing.assert_allclose(m["sqnr_db"], folds.fold_measures(3 * x, 3 * y)["sqnr_db"], rtol=1e-6, atol=1e-9)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(m["sqnr_db"], -10 * np.log10(m["nmse"]), rtol=1e-9, atol=1e-9)
    assert not (m["histogram_kl"] < -1e-15).any()
    same = folds.fold_measures(x, x)
    assert np.isin(same["mpeir"][~np.isnan(same["mpeir"])], 0).all()
    assert not same["newly_dead"].any()


def test_errors_name_the_field():
    x = np.zeros((2, 3, 4, 4))
    with pytest.raises(ValueError, match=r"^y has shape \(4, 4\), but x has \(2, 3, 4, 4\)"):
        folds.fold_measures(x, np.zeros((4, 4)))
    for name in ("step", "lo", "hi"):
        with pytest.raises(ValueError, match=rf"^{name} has shape \(2,\); it must broadcast to the maps' \(2, 3\)"):
            folds.fold_measures(x, x, **{name: np.ones(2)})
    for measure in (folds.sqnr_db, folds.nmse, folds.cosine, folds.mpeir, folds.newly_dead, divergence.histogram_kl):
        with pytest.raises(ValueError, match=r"^y has shape \(4, 4\), but x has \(2, 3, 4, 4\)"):
            measure(x, np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"^y has shape"):
        folds.rmse_over_step(x, np.zeros((4, 4)), 1.0)
    with pytest.raises(ValueError, match=r"^step has shape"):
        folds.rmse_over_step(x, x, np.ones(2))
    with pytest.raises(ValueError, match=r"^y has shape"):
        folds.clipping_share(x, np.zeros((4, 4)), 0.0, 1.0)
    for name in ("lo", "hi"):
        with pytest.raises(ValueError, match=rf"^{name} has shape"):
            folds.clipping_share(x, x, **({"lo": 0.0, "hi": 1.0} | {name: np.ones(2)}))


def test_float_folds_serve_many_quantized_ones():
    rng = np.random.default_rng(3)
    x, *quantized = rng.standard_normal((4, 2, 3, 9, 9)).astype(np.float32)
    before = folds.float_folds(x)
    for y in [*quantized, x, quantized[0]]:
        again, once = folds.fold_drift(before, y, 0.5, -1.0, 1.0), folds.fold_measures(x, y, 0.5, -1.0, 1.0)
        assert list(again) == list(once) == NAMES
        for name, value in once.items():
            np.testing.assert_array_equal(again[name], value, err_msg=name)
    with pytest.raises(ValueError, match=r"^y has shape \(2, 3, 9, 4\), but x has \(2, 3, 9, 9\)"):
        folds.fold_drift(before, x[..., :4])
    with pytest.raises(ValueError, match=r"^x has shape \(4,\)"):
        folds.float_folds(np.zeros(4))
