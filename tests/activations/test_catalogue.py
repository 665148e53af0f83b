"""Every trait of every activation against the function itself, numerically, in float64."""

import math
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from quantstudy_kernels.reference import ACTIVATION_NAMES

from quantstudy.activations.catalogue import ACTIVATIONS, ALIASES, DEFAULT_ACTIVATIONS, capped, parse_activation
from quantstudy.errors import BadInput

NAMES = [name for name, entry in ACTIVATIONS.items() if entry.kernel is not None]
CAPPED = ["relu@3", "leaky_relu@0.5", "prelu@2", "silu@3", "gelu@0.25", "hardswish@3", "hardswish@4", "hardswish@1.5"]
CAPPED += ["hardgelu@1", "hardgelu@2", "hardgelu@3", "hardgelu@5", "hardgelu_uncapped@6"]
ALL = NAMES + CAPPED
SLOPE = 0.25


def f(name: str, x: np.ndarray) -> np.ndarray:
    activation = parse_activation(name)
    slope = torch.tensor([SLOPE], dtype=torch.float64) if activation.learned_slope else None
    return activation(torch.from_numpy(np.asarray(x, dtype=np.float64)), slope).numpy()


def grid(low: float = -20.0, high: float = 20.0) -> np.ndarray:
    """Odd spacing, so that no bend falls on a point."""
    return np.linspace(low, high, 40_013)


def kinks_found(name: str) -> list[float]:
    """Where left and right difference quotients differ, found by halving the intervals that hold a jump of f'."""
    step = 1e-5
    x = np.linspace(-10.0, 10.0, 2001) + 0.001234  # an interval [x, x + 0.01]
    left = (f(name, x) - f(name, x - step)) / step
    jumps = np.abs(np.diff(left)) > 0.05
    found = []
    for low in x[:-1][jumps]:
        a, b = low, low + 0.01
        for _ in range(40):
            middle = 0.5 * (a + b)
            # an exact kink has the larger share of the change of slope on its side
            slope = (f(name, np.array([middle])) - f(name, np.array([middle - 1e-7])))[0] / 1e-7
            start = (f(name, np.array([a])) - f(name, np.array([a - 1e-7])))[0] / 1e-7
            end = (f(name, np.array([b])) - f(name, np.array([b - 1e-7])))[0] / 1e-7
            a, b = (a, middle) if abs(slope - start) > abs(end - slope) else (middle, b)
        found.append(0.5 * (a + b))
    return found


def test_the_registry_is_keyed_by_canonical_names_and_holds_the_articles_seven():
    assert [entry.name for entry in ACTIVATIONS.values()] == list(ACTIVATIONS)
    assert DEFAULT_ACTIVATIONS == ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu")
    assert [*DEFAULT_ACTIVATIONS, "hardgelu_uncapped"] == list(ACTIVATIONS)[:8]
    assert {ACTIVATIONS[name].kernel for name in NAMES} <= set(ACTIVATION_NAMES)
    assert set(ALIASES.values()) <= set(NAMES)
    assert not set(ALIASES) & set(NAMES)


@pytest.mark.parametrize("name", ALL)
def test_kinks_and_bends_are_where_the_left_and_the_right_derivative_differ(name):
    activation = parse_activation(name)
    assert kinks_found(name) == pytest.approx(list(activation.bends), abs=1e-5)
    assert activation.smooth is (not activation.bends)
    if math.isinf(activation.cap):
        assert activation.kinks == activation.bends


@pytest.mark.parametrize("name", ALL)
def test_floor_and_ceiling_are_the_greatest_and_least_bounds(name):
    activation = parse_activation(name)
    values = f(name, np.concatenate([grid(), [-1e4, 1e4]]))
    if math.isinf(activation.floor):
        assert f(name, np.array([-1e9]))[0] < -1e6
    else:
        assert values.min() == pytest.approx(activation.floor, abs=1e-7)
        assert values.min() >= activation.floor - 1e-15
    if math.isinf(activation.ceiling):
        assert values.max() == 1e4
    else:
        assert values.max() == activation.ceiling == activation.cap
    assert activation.bounded is bool(math.isfinite(activation.floor) and math.isfinite(activation.cap))


@pytest.mark.parametrize("name", NAMES)
def test_the_identity_begins_where_it_says(name):
    start = ACTIVATIONS[name].identity_from
    x = grid()
    below_cap = x[x < ACTIVATIONS[name].cap]
    if math.isinf(start):
        moderate = x[(x > 0) & (x < 5)]
        assert (f(name, moderate) != moderate).all()
    else:
        inside = below_cap[below_cap >= start]
        np.testing.assert_allclose(f(name, inside), inside, rtol=1e-15)
        just_below = np.array([start - 1e-3])
        assert abs(f(name, just_below) - just_below)[0] > 1e-4


@pytest.mark.parametrize("name", ALL)
def test_monotonic(name):
    activation = parse_activation(name)
    falls = bool((np.diff(f(name, grid())) < 0).any())
    if activation.learned_slope:  # the slope may become negative
        assert not activation.monotonic
        value = activation(torch.tensor([-2.0, -1.0]), torch.tensor([-0.5]))
        assert value[0] > value[1]
    else:
        assert activation.monotonic is not falls


@pytest.mark.parametrize("name", ALL)
def test_gates(name):
    far = f(name, np.linspace(-8.0, -3.001, 11))
    assert parse_activation(name).gates is bool((far == 0).all())


@pytest.mark.parametrize("name", NAMES)
def test_only_prelu_learns_a_slope(name):
    assert ACTIVATIONS[name].learned_slope is (name == "prelu")


def test_values_by_hand():
    x = np.array([-4.0, -1.5, -0.75, 0.0, 0.75, 1.5, 2.0, 4.0])
    np.testing.assert_allclose(f("relu", x), [0, 0, 0, 0, 0.75, 1.5, 2, 4])
    np.testing.assert_allclose(f("leaky_relu", x), [-0.04, -0.015, -0.0075, 0, 0.75, 1.5, 2, 4])
    np.testing.assert_allclose(f("prelu", x), [-1, -0.375, -0.1875, 0, 0.75, 1.5, 2, 4])
    np.testing.assert_allclose(f("silu", x), x / (1 + np.exp(-x)))
    np.testing.assert_allclose(f("gelu", x), [0.5 * v * math.erfc(-v / math.sqrt(2)) for v in x], atol=1e-15)
    np.testing.assert_allclose(
        f("gelu_tanh", x), [0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    )
    np.testing.assert_allclose(f("quick_gelu", x), x / (1 + np.exp(-1.702 * x)))
    np.testing.assert_allclose(f("hardswish", x), x * np.clip(x + 3, 0, 6) / 6, atol=1e-15)
    np.testing.assert_allclose(f("hardgelu", x), [0, 0, -0.1875, 0, 0.5625, 1.5, 2, 3], atol=1e-15)
    np.testing.assert_allclose(f("hardgelu_uncapped", x), [0, 0, -0.1875, 0, 0.5625, 1.5, 2, 4], atol=1e-15)


def test_hardgelu_is_half_a_hardswish_of_twice_x_capped_at_3():
    x = grid(-6, 6)
    np.testing.assert_allclose(f("hardgelu", x), np.minimum(3, 0.5 * f("hardswish", 2 * x)), atol=1e-14)
    assert f("hardgelu", x).min() >= -3 / 16  # the article's clamp never binds


@pytest.mark.parametrize("name", NAMES)
def test_value_and_derivative_together(name):
    activation = ACTIVATIONS[name]
    x = grid(-5, 5)
    slope = torch.tensor([SLOPE], dtype=torch.float64) if activation.learned_slope else None
    value, derivative = activation.with_derivative(torch.from_numpy(x), slope)
    np.testing.assert_array_equal(value.numpy(), f(name, x))
    away = np.abs(x[:, None] - np.array([*activation.bends, 99.0])).min(axis=1) > 1e-3
    numerical = (f(name, x + 1e-6) - f(name, x - 1e-6)) / 2e-6
    np.testing.assert_allclose(derivative.numpy()[away], numerical[away], atol=1e-8)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("relu", "relu"),
        (" ReLU ", "relu"),
        ("swish", "silu"),
        ("SWISH@2", "silu@2"),
        ("LeakyReLU", "leaky_relu"),
        ("GELU-tanh", "gelu_tanh"),
        ("QuickGELU@2", "quick_gelu@2"),
        ("relu@3", "relu@3"),
        ("relu@3.0", "relu@3"),
        ("relu@03", "relu@3"),
        ("relu@ 3 ", "relu@3"),
        ("relu@+3", "relu@3"),
        ("relu@3e0", "relu@3"),
        ("relu@300e-2", "relu@3"),
        ("RELU@0.50", "relu@0.5"),
        ("relu@.5", "relu@0.5"),
        ("relu@1e-6", "relu@0.000001"),
        ("relu@1e9", "relu@1000000000"),
        ("relu@1e6", "relu@1000000"),
        ("relu@10", "relu@10"),
        ("hardgelu@3", "hardgelu@3"),
    ],
)
def test_spellings(text, name):
    parsed = parse_activation(text)
    assert parsed.name == name
    assert parse_activation(parsed.name) == parsed


def test_equal_spellings_are_equal_activations():
    assert parse_activation("relu@3.0") == parse_activation("relu@3") == capped(ACTIVATIONS["relu"], 3)
    assert parse_activation("swish") is ACTIVATIONS["silu"]
    assert parse_activation("relu@3").formula == "min(3, max(0, x))"


@pytest.mark.parametrize(
    "cap", ["", " ", "nan", "inf", "-inf", "0", "-0.0", "-3", "1e-7", "1e10", "three", "3@4", "1,5", "1e999", "0x3"]
)
def test_caps_that_are_no_positive_number_are_refused(cap):
    with pytest.raises(BadInput) as caught:
        parse_activation(f"relu@{cap}")
    assert (caught.value.field, caught.value.value) == ("activations", f"relu@{cap}")
    assert caught.value.allowed == "the cap after @ must be a number from 1e-06 to 1e+09"


@pytest.mark.parametrize(("text", "near"), [("reul", "relu"), ("hardsswish", "hardswish"), ("Gelo@3", "gelu")])
def test_an_unknown_name_is_told_the_nearest_and_all_choices(text, near):
    with pytest.raises(BadInput, match=f"did you mean {near}\\? allowed: relu, leaky_relu, .*NAME@CAP") as caught:
        parse_activation(text)
    assert (caught.value.field, caught.value.value) == ("activations", text)
    assert all(name in str(caught.value) for name in (*NAMES, *ALIASES))


@pytest.mark.parametrize("text", ["", "@3", "relu 3", "relu,gelu", "ｒelu"])
def test_text_that_is_no_name_is_refused(text):
    with pytest.raises(BadInput):
        parse_activation(text, "baseline")
    with pytest.raises(BadInput, match=r"^baseline: "):
        parse_activation(text, "baseline")


@pytest.mark.parametrize(("name", "cap"), [("silu@3", 3.0), ("gelu@0.25", 0.25), ("silu@0.001", 1e-3), ("gelu@9", 9.0)])
def test_a_smooth_function_bends_where_its_cap_binds(name, cap):
    (bend,) = parse_activation(name).bends
    assert f(name.partition("@")[0], np.array([bend]))[0] == pytest.approx(cap, rel=1e-12)
    assert not parse_activation(name).smooth


@pytest.mark.parametrize(
    ("name", "bends"),
    [
        ("relu@3", (0.0, 3.0)),
        ("hardswish@4", (-3.0, 3.0, 4.0)),
        ("hardswish@3", (-3.0, 3.0)),
        ("hardgelu", (-1.5, 1.5, 3.0)),
        ("hardgelu@2", (-1.5, 1.5, 2.0)),
        ("hardgelu@5", (-1.5, 1.5, 3.0)),
        ("hardgelu@1.5", (-1.5, 1.5)),
    ],
)
def test_bends_by_hand(name, bends):
    assert parse_activation(name).bends == bends


def test_a_cap_below_the_identity_hides_the_kink_above_it():
    low, high = parse_activation("hardswish@1.5").bends
    assert low == -3.0
    assert high == pytest.approx((math.sqrt(45) - 3) / 2, rel=1e-12)  # x(x + 3)/6 = 1.5


def test_hardgelu_at_5_is_hardgelu():
    wide = parse_activation("hardgelu@5")
    assert wide.name == "hardgelu@5"
    assert replace(wide, name="hardgelu", formula=ACTIVATIONS["hardgelu"].formula) == ACTIVATIONS["hardgelu"]
    x = torch.from_numpy(grid().astype(np.float32))
    for ours, theirs in zip(wide.with_derivative(x), ACTIVATIONS["hardgelu"].with_derivative(x), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_a_cap_that_never_binds_changes_no_bit(name):
    x = torch.from_numpy(np.concatenate([grid(), [-3, -1.5, 0, 1.5, 3]]).astype(np.float32))
    slope = torch.tensor([SLOPE]) if name == "prelu" else None
    plain, high = ACTIVATIONS[name], parse_activation(f"{name}@1000000")
    pairs = [(plain(x, slope), high(x, slope))]
    pairs += zip(plain.with_derivative(x, slope), high.with_derivative(x, slope), strict=True)
    for ours, theirs in pairs:
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()


@pytest.mark.parametrize("name", ["relu", "silu@3", "hardgelu"])
def test_activations_travel_between_processes(name):
    activation = parse_activation(name)
    assert pickle.loads(pickle.dumps(activation)) == activation


def test_importing_and_parsing_load_no_torch(python):
    code = (
        "import sys\nfrom quantstudy.activations.catalogue import parse_activation\n"
        "parse_activation('silu@3'), parse_activation('relu@2').bends\n"
        "print([m for m in ('torch', 'numpy', 'quantstudy_kernels') if m in sys.modules])"
    )
    assert python(code) == "[]\n"
