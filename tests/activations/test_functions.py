"""Activations given only as torch functions: traits measured, refusals in one line, found again by name."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from quantstudy.activations import functions
from quantstudy.activations.catalogue import ACTIVATIONS, parse_activation
from quantstudy.activations.probing import traits
from quantstudy.config.study import StudyConfig
from quantstudy.engine.cells import cell
from quantstudy.errors import BadInput

MODULE = """
import torch
from quantstudy.activations.catalogue import ACTIVATIONS

class Inner:
    @staticmethod
    def wave(x):
        return torch.sin(x) * torch.exp(-0.1 * x * x)

def hinge(x):
    return torch.where(x > 0.7, 2 * x - 1.4, torch.zeros_like(x)) + torch.clamp(x, max=-2.0) + 2.0

def sorted_(x):
    return x.sort(-1).values

def integers(x):
    return x.round().int()

def two(x, y):
    return x + y

def flipped(x):
    return torch.relu(-x)

def root(x):
    return x.abs().sqrt()

def in_place(x):
    return x.relu_()

def noisy(x):
    return torch.nn.functional.dropout(x)

def doubled(x):
    return x * torch.tensor([2.0], dtype=torch.float64)

def constant(x):
    return torch.ones_like(x)

entry = ACTIVATIONS["hardgelu"]
number = 3
"""


@pytest.fixture
def outside(tmp_path, monkeypatch):
    (tmp_path / "outside.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path / "outside.py"
    sys.modules.pop("outside", None)
    functions.look_again()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_declared_traits_are_the_measured_ones(name):
    declared = replace(ACTIVATIONS[name], cap=math.inf)
    found = traits(declared)
    assert found["kinks"] == declared.kinks
    assert found["gates"] is declared.gates
    assert found["floor"] == pytest.approx(declared.floor, abs=1e-8)
    assert found["top"] == pytest.approx(declared.top, abs=1e-8)
    if name != "prelu":  # whose slope may become negative
        assert found["monotonic"] is declared.monotonic
    if declared.identity_from < math.inf:  # a smooth one that comes close is rounded to x by torch
        assert found["identity_from"] == declared.identity_from


def test_a_function_becomes_an_activation(outside):
    wave = parse_activation("outside:Inner.wave")
    assert wave.name == "outside:Inner.wave"
    assert wave.kernel is None
    assert (wave.smooth, wave.monotonic, wave.gates, wave.bounded) == (True, False, False, True)
    assert wave.floor == pytest.approx(-wave.ceiling)
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    y, derivative = wave.with_derivative(x)
    torch.testing.assert_close(y, torch.sin(x) * torch.exp(-0.1 * x * x))
    expected = (torch.cos(x) - 0.2 * x * torch.sin(x)) * torch.exp(-0.1 * x * x)
    torch.testing.assert_close(derivative, expected)
    assert not y.requires_grad


def test_its_kinks_are_found_and_a_cap_is_one_more(outside):
    hinge = parse_activation("outside:hinge")
    assert hinge.kinks == (-2.0, 0.7)
    assert (hinge.floor, hinge.ceiling, hinge.monotonic) == (-math.inf, math.inf, True)
    capped = parse_activation("outside:hinge@3")
    assert capped.name == "outside:hinge@3"
    assert capped.bends == pytest.approx((-2.0, 0.7, 2.2))
    _, derivative = capped.with_derivative(torch.tensor([2.1, 2.3, 0.0, -3.0]))
    assert derivative.tolist() == [2.0, 0.0, 0.0, 1.0]
    assert parse_activation(capped.name) == capped


def test_a_cap_that_never_binds_is_no_bend():
    assert parse_activation("tanh@3").bends == ()
    assert parse_activation("tanh@3").smooth
    assert parse_activation("tanh@0.5").bends == pytest.approx((math.atanh(0.5),))
    assert parse_activation("tanh@0.5").ceiling == 0.5
    assert parse_activation("relu6").bends == (0.0, 6.0)
    assert parse_activation("relu6").ceiling == 6.0


@pytest.mark.parametrize(
    ("name", "bends"),
    [
        ("sigmoid@0.25", (math.log(1 / 3),)),  # below 0
        ("elu@3", (3.0,)),
        ("selu@1.0507009873554805", (0.0, 1.0)),
        ("hardtanh@0.5", (-1.0, 0.5)),
        ("hardtanh@1", (-1.0, 1.0)),
        ("outside:flipped@3", (-3.0, 0.0)),
        ("outside:flipped@1000", (-1000.0, 0.0)),
        ("torch:square@4", (-2.0, 2.0)),
        ("torch:square@1000000", (-1000.0, 1000.0)),
        ("torch:sin@2", ()),
    ],
)
def test_a_cap_binds_wherever_a_function_reaches_it(outside, name, bends):
    assert parse_activation(name).bends == pytest.approx(bends, rel=1e-12)


def test_a_cap_that_a_wave_reaches_again_and_again():
    bends = parse_activation("torch:sin@0.5").bends
    all_of_them = [2 * math.pi * k + math.pi / 6 * side for k in range(-10, 10) for side in (1, 5)]
    assert bends == pytest.approx([x for x in all_of_them if abs(x) <= 60])


@pytest.mark.parametrize("name", ["silu_bounded", "gelu_bounded"])
def test_the_smooth_bounded_ones_are_differences_and_stay_at_3_for_ever(name):
    function = getattr(torch.nn.functional, name.removesuffix("_bounded"))
    x = torch.linspace(-12, 12, 999, dtype=torch.float64)
    torch.testing.assert_close(ACTIVATIONS[name](x), function(x) - function(x - 3))
    assert ACTIVATIONS[name](torch.tensor([1e3, 1e9, 1e30])).tolist() == [3.0] * 3  # where float32 knows no x - 3
    assert ACTIVATIONS[name](torch.tensor([-1e3, -1e9, -1e30])).tolist() == [0.0] * 3
    turned = 3 - ACTIVATIONS[name](3 - x)
    torch.testing.assert_close(ACTIVATIONS[name](x), turned)  # so that the ceiling is 3 minus the floor


def test_a_whole_entry_keeps_its_traits_and_kernel(outside):
    entry = parse_activation("outside:entry")
    assert replace(entry, name="hardgelu", fingerprint="", made_of="") == ACTIVATIONS["hardgelu"]


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("nowhere:f", "must be importable (ModuleNotFoundError"),
        ("outside:nothing", "must be importable (AttributeError"),
        ("outside:", "a function is given as module:function, at most 100 letters"),
        (":f", "a function is given as module:function"),
        ("../outside:hinge", "a function is given as module:function"),
        ("outside:hinge:hinge", "a function is given as module:function"),
        ("outside:" + 93 * "f", "a function is given as module:function"),
        ("outside:root", "finite derivatives are needed, it has one that is not at 0"),
        ("outside:in_place", "it changes its input"),
        ("outside:noisy", "it gives other values when it is called again"),
        ("outside:doubled", "shape or type of its result is another"),
        ("outside:constant", "it failed (RuntimeError"),
        ("outside:hinge@0", "the cap after @ must be a number"),
        ("outside:number", "an Activation or a function of one tensor is needed, not int"),
        ("outside:sorted_", "what it gives for a value depends on other values"),
        ("outside:integers", "shape or type of its result is another"),
        ("torch:sum", "shape or type of its result is another"),
        ("outside:two", "a function of one tensor is needed; it failed (TypeError"),
        ("torch:log", "finite values are needed, it gives one that is not at -60"),
    ],
)
def test_what_is_no_activation_is_refused_in_one_line(outside, name, allowed):
    for _ in range(2):  # a refusal is not remembered as something else
        with pytest.raises(BadInput) as caught:
            parse_activation(name)
        assert (caught.value.field, caught.value.value) == ("activations", name)
        assert allowed in caught.value.allowed
        assert "\n" not in str(caught.value)


def test_the_folder_is_searched_for_it_and_then_forgotten(outside):
    before = list(sys.path)
    parse_activation("outside:hinge")
    assert sys.path == before


def test_another_function_of_the_same_name_has_other_cells(outside):
    config = StudyConfig(activations=("outside:hinge",), seeds=2)
    assert config.activations == ("outside:hinge",)
    first = [cell(stage, config, "outside:hinge", 0, 2).key for stage in ("train", "measure")]
    assert first == [cell(stage, config, "outside:hinge", 0, 2).key for stage in ("train", "measure")]
    outside.write_text(MODULE.replace("2 * x - 1.4", "3.0 * x - 2.10"))
    sys.modules.pop("outside")
    functions.look_again()
    second = [cell(stage, config, "outside:hinge", 0, 2).key for stage in ("train", "measure")]
    assert not set(first) & set(second)


def test_entries_of_the_package_load_no_torch():
    code = (
        "import sys; from quantstudy.activations.catalogue import ACTIVATIONS, parse_activation; "
        "assert all(a.bounded in (True, False) and a.smooth in (True, False) for a in ACTIVATIONS.values()); "
        "parse_activation('tanh@3'); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
