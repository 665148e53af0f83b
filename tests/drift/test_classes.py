"""Decisions between more than two classes, against a slow version that goes point by point."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.drift.classes import brief_class_drift, class_accuracy, class_drift, decide_class, float_classes


def slow(x: np.ndarray, y: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Every measure of one network, in Python."""
    classes, points = x.shape

    def first_largest(values: list[float]) -> int:
        return values.index(max(values))

    def shares(values: list[float]) -> list[float]:
        total = sum(math.exp(v - max(values)) for v in values)
        return [math.exp(v - max(values)) / total for v in values]

    was = [first_largest([float(v) for v in x[:, p]]) for p in range(points)]
    now = [first_largest([float(v) for v in y[:, p]]) for p in range(points)]
    lead = []
    for p in range(points):
        top, second, *_ = sorted((float(v) for v in x[:, p]), reverse=True)
        lead.append(top - second)
    order = sorted(range(points), key=lambda p: (lead[p], p))
    band = order[: math.ceil(points / 10)]
    distance = sum(abs(float(y[c, p]) - float(x[c, p])) for c in range(classes) for p in range(points))
    kl = 0.0
    for p in range(points):
        a, b = shares([float(v) for v in x[:, p]]), shares([float(v) for v in y[:, p]])
        kl += sum(i * math.log(i / j) for i, j in zip(a, b, strict=True) if i > 0)
    margin = float(np.median(lead))
    right = sum(w == t for w, t in zip(was, target, strict=True)) / points
    still = sum(n == t for n, t in zip(now, target, strict=True)) / points
    return {
        "flip_rate": sum(w != n for w, n in zip(was, now, strict=True)) / points,
        "correct_to_wrong": sum(w == t != n for w, n, t in zip(was, now, target, strict=True)) / points,
        "wrong_to_correct": sum(w != t == n for w, n, t in zip(was, now, target, strict=True)) / points,
        "boundary_band_flip_rate": sum(was[p] != now[p] for p in band) / len(band),
        "accuracy_float": right,
        "accuracy_quantized": still,
        "accuracy_drop": right - still,
        "delta_logit_mean": distance / (classes * points),
        "logit_margin": margin,
        "delta_logit_over_margin": distance / (classes * points) / margin if margin else math.nan,
        "categorical_kl": kl / points,
    }


@given(st.integers(0, 10_000), st.integers(3, 11), st.integers(1, 43), st.sampled_from([1.0, 30.0]), st.booleans())
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_every_measure_point_by_point(seed: int, classes: int, points: int, size: float, ties: bool) -> None:
    draw = np.random.default_rng(seed)
    x = (size * draw.standard_normal((2, classes, points))).astype(np.float32)
    y = (x + draw.standard_normal(x.shape)).astype(np.float32)
    if ties:
        x, y = np.round(x / size * 2).astype(np.float32), np.round(y / size * 2).astype(np.float32)
    target = draw.integers(0, classes, (2, points))
    found = class_drift(float_classes(x, target), y)
    for model in range(2):
        for name, expected in slow(x[model], y[model], target[model]).items():
            assert found[name][model] == pytest.approx(expected, rel=1e-6, abs=1e-9, nan_ok=True), name
    brief = brief_class_drift(float_classes(x, target), y)
    assert all(np.array_equal(brief[name], found[name], equal_nan=True) for name in brief)
    assert len(brief) == 4


def test_of_equal_logits_the_first_class_is_chosen() -> None:
    assert decide_class(np.array([[1.0, 0.0], [1.0, 2.0], [0.0, 2.0]])).tolist() == [0, 1]


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_network_with_one_logit_that_is_not_finite_has_no_value_and_its_neighbour_has(wrong: float) -> None:
    x = np.random.default_rng(0).standard_normal((2, 3, 20))
    target = x.argmax(axis=1)
    y = x.copy()
    y[0, 1, 7] = wrong
    found = class_drift(float_classes(x, target), y)
    for name in set(found) - {"accuracy_float", "logit_margin"}:
        assert np.isnan(found[name][0]), name
    assert found["flip_rate"][1] == 0.0
    assert found["accuracy_quantized"][1] == 1.0
    broken = class_drift(float_classes(y, target), x)
    assert np.isnan(broken["flip_rate"][0])
    assert np.isnan(broken["accuracy_float"][0])
    assert broken["accuracy_quantized"][0] == 1.0


def test_large_logits_do_not_overflow() -> None:
    x = np.array([[[500.0, -3000.0], [0.0, 0.0], [-500.0, 3000.0]]], np.float32)
    found = class_drift(float_classes(x, np.array([[0, 2]])), x * 2)
    assert found["categorical_kl"][0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(
    "target", [np.zeros((1, 3), int), np.zeros((1, 4)), np.zeros((1, 4), bool), np.zeros((2, 4), int)]
)
def test_a_target_that_does_not_fit(target: np.ndarray) -> None:
    with pytest.raises(ValueError, match="logits and target are"):
        class_accuracy(np.zeros((1, 3, 4)), target)


def test_shapes_that_differ() -> None:
    before = float_classes(np.zeros((1, 3, 4)), np.zeros((1, 4), int))
    with pytest.raises(ValueError, match=r"y has shape \(1, 3, 5\)"):
        brief_class_drift(before, np.zeros((1, 3, 5)))
