"""The page computes what Python's simulated backend computes: codes, maps and logits to the last bit."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.drift.classes import class_drift, float_classes
from quantstudy.drift.complexity import chain_of_folds
from quantstudy.drift.decision import decision_drift, float_logits
from quantstudy.drift.folds import sqnr_db
from quantstudy.drift.numbers import float_numbers, number_drift
from quantstudy.drift.topology import island_changes
from tests.page.cases import JS, Arrays, Case, Look, by_page, by_python, differences, on_plane, random_stack
from tests.page.networks import changed, dead, not_finite, odd_shapes, repairs, rows, tiny, trained

pytestmark = pytest.mark.usefixtures("node")

ACTIVATIONS = (
    *("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu", "hardgelu_uncapped"),
    *("gelu_tanh", "quick_gelu", "relu6", "silu@1.3"),
)
SCHEMES = ("w8", "a8", "w8a8", "w4", "a4", "w4a4", "wf8", "af8", "wf8af8", "w4a8dyn", "w8a8dyn")
OTHER_SCHEMES = ("w2a16", "w16a2", "w12a8dyn", "wf8e5m2af8e5m2", "w8af8", "w4a8", "w3a3", "wf8a8dyn")
LEARNT = ("gelu", "prelu", "hardgelu")
OBSERVERS = ("minmax", "fixed", "percentile", "mse")


def every_way(name: str) -> list[Look]:
    """Looks at the first network in every way that a page offers beside the schemes' own."""
    looks = [Look(name, 0, scheme) for scheme in OTHER_SCHEMES]
    for observer in OBSERVERS:
        looks += [Look(name, 0, s, place, observer) for s in ("w4a4", "a8") for place in ("pre", "both", "post")]
    looks += [Look(name, 0, f"w{b}", weight_observer=kind) for b in (8, 4) for kind in ("no_clipping", "restricted")]
    for scheme in ("w4a4", "w8a8dyn", "w4a8dyn", "wf8af8", "w4"):
        looks += [Look(name, 0, scheme, input_bits=bits, observer=o) for bits in (4, 8) for o in ("minmax", "fixed")]
    looks += [Look(name, 0, "a8", input_bits=bits, input_rounding="truncate") for bits in (2, 8)]
    for scheme in (*SCHEMES, "w3a3"):
        looks += [Look(name, 0, scheme, place, input_bits=5, scales="pow2") for place in ("pre", "both", "post")]
    return looks + [Look(name, 1, s, cap=cap, observer="fixed") for s in ("w4a4", "wf8af8") for cap in ("3", "none")]


def usual_cases() -> list[Case]:
    """What `make test` looks at, all in one process of node."""
    looks = [Look(name, index, scheme) for name in ACTIVATIONS for index in range(2) for scheme in SCHEMES]
    plain = on_plane(ACTIVATIONS, [*looks, *(look for name in ACTIVATIONS for look in every_way(name))])
    learnt = [Look(name, i, s) for name in LEARNT for i in range(3) for s in ("w8a8", "w4a4", "wf8af8")]
    few = [Look(name, 0, s, "both") for name in ("relu", "silu") for s in ("w4a4", "w4a8dyn", "wf8af8", "w8a8dyn")]
    few += [Look("silu", 1, "w4", weight_observer=kind) for kind in ("no_clipping", "restricted")]
    return [
        plain,
        trained(LEARNT, range(3), learnt),
        *odd_shapes(few),
        *(changed(on_plane(("relu", "silu"), few, hidden=(5, 4, 3)), change) for change in (dead, not_finite, tiny)),
        *repairs(),
    ]


@pytest.fixture(scope="module")
def usual(node: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Case], Any, Any]:
    """The usual cases, and what the page makes of them: arrays, and what it tells."""
    cases = usual_cases()
    return cases, *by_page(cases, tmp_path_factory.mktemp("page"))


def test_codes_maps_and_logits_are_the_same_bits(usual: Any) -> None:
    cases, arrays, _ = usual
    assert list(differences(cases, arrays)) == []


def test_what_is_told_is_what_python_measures(usual: Any) -> None:
    cases, _, told = usual
    kept: dict[Any, Any] = {}
    for case, found in zip(cases, told, strict=True):
        for number, look in list(enumerate(case.looks))[:: 1 if len(case.looks) < 100 else 4]:
            before, after = by_python(case, number, kept)
            check_drift(case, look, before, after, found[number])
            check_folds(case, look, before, after, found[number])


def check_drift(case: Case, look: Look, before: Arrays, after: Arrays, found: dict[str, Any]) -> None:
    labels, drift = case.labels[look.index], found["drift"]
    if labels.dtype == bool:
        shape = case.plane or (1, len(labels))
        x, y = before["logit"].reshape(shape), after["logit"].reshape(shape)
        wanted = decision_drift(float_logits(x, labels.reshape(shape)), y)
        names = ("flip_rate", "sea_to_island", "island_to_sea", "accuracy_float", "accuracy_quantized")
        in_page = ("flipRate", "seaToIsland", "islandToSea", "accuracyFloat", "accuracyQuantized")
        assert found["islands"] == {n: int(count) for n, count in island_changes(x > 0, y > 0)._asdict().items()}
    elif labels.dtype.kind == "i":
        wanted = class_drift(float_classes(before["logit"], labels), after["logit"])
        names = ("flip_rate", "accuracy_float", "accuracy_quantized")
        in_page = ("flipRate", "accuracyFloat", "accuracyQuantized")
    else:
        wanted = number_drift(float_numbers(before["logit"], labels, np.array(case.peak)), after["logit"])
        wanted["logit_sqnr_db"] = wanted["output_sqnr_db"]
        names, in_page = (), ()
        assert float(drift["psnrFloat"]) == pytest.approx(float(wanted["psnr_float"]), rel=1e-9, nan_ok=True)
        assert float(drift["psnrQuantized"]) == pytest.approx(float(wanted["psnr_quantized"]), rel=1e-9, nan_ok=True)
    for name, in_it in zip(names, in_page, strict=True):
        assert float(drift[in_it]) == pytest.approx(float(wanted[name]), rel=0, abs=0, nan_ok=True), (look, name)
    assert float(drift["sqnrDb"]) == pytest.approx(float(wanted["logit_sqnr_db"]), rel=1e-9, abs=1e-9, nan_ok=True)
    if names and np.isfinite(wanted["flip_rate"]):
        assert drift["flips"] == round(float(wanted["flip_rate"]) * before["logit"].shape[-1])
        assert drift["becameIsland"] + drift["becameSea"] == drift["flips"]


def check_folds(case: Case, look: Look, before: Arrays, after: Arrays, found: dict[str, Any]) -> None:
    folds = [before[name] for name in before if name != "logit"]
    for layer, fold in enumerate(folds):
        with np.errstate(invalid="ignore"):
            wanted = float(sqnr_db(fold.reshape(1, -1), after[f"post {layer}"].reshape(1, -1)))
        assert float(found["folds"][layer]) == pytest.approx(wanted, rel=1e-9, abs=1e-9, nan_ok=True)
    shape = case.plane or (1, folds[0].shape[-1])
    weights = [w[look.index].numpy() for w in case.stack(look).weights[1:-1]]
    steps = chain_of_folds([fold.reshape(-1, *shape) for fold in folds], weights).steps
    assert [(s["layer"], s["neuron"]) for s in found["chain"]] == [(s.layer, s.neuron) for s in steps], look
    shares = [float(s["share"]) for s in found["chain"]]
    assert shares == pytest.approx([s.share for s in steps], rel=1e-9, nan_ok=True)


NOT_OFFERED = (("a5", 0), ("wf8af8", 0), ("w4a4", 8))


def test_settings_that_python_has_left_no_ranges_for_are_not_offered(node: None, tmp_path: Path) -> None:
    case = on_plane(("relu",), [Look("relu", 0, s, observer="mse", input_bits=b) for s, b in NOT_OFFERED])
    arrays, told = by_page([case], tmp_path)
    assert (arrays.size, told) == (0, [[None] * len(NOT_OFFERED)])


MUTANTS = {
    "half-up rounding": ("numbers/arithmetic.js", "return x + INTEGER_SHIFT - INTEGER_SHIFT", "return Math.round(x)"),
    "truncation": ("numbers/arithmetic.js", "return x + INTEGER_SHIFT - INTEGER_SHIFT", "return Math.trunc(x)"),
    "a damaged coefficient": ("numbers/formulas.js", "f32(0.5179992)", "f32(0.5179993)"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_noticed(name: str, node: None, tmp_path: Path) -> None:
    file, before, after = MUTANTS[name]
    shutil.copytree(JS, tmp_path / "js")
    source = (tmp_path / "js" / file).read_text(encoding="utf-8")
    assert source.count(before) == 1
    (tmp_path / "js" / file).write_text(source.replace(before, after), encoding="utf-8")
    case = trained(("gelu",), range(1), [Look("gelu", 0, "w8a8"), Look("gelu", 0, "w4")], steps=60)
    arrays, _ = by_page([case], tmp_path, tmp_path / "js")
    assert list(differences([case], arrays)) != []
    arrays, _ = by_page([case], tmp_path)
    assert list(differences([case], arrays)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_trained_network_is_the_same(name: str, node: None, tmp_path: Path) -> None:
    seeds = range(16)
    looks = [Look(name, index, scheme) for index in seeds for scheme in SCHEMES]
    case = trained((name,), seeds, looks, side=64, steps=600)
    arrays, told = by_page([case], tmp_path)
    assert list(differences([case], arrays)) == []
    kept: dict[Any, Any] = {}
    for number, look in enumerate(looks):
        check_drift(case, look, *by_python(case, number, kept), told[0][number])


SHAPES = st.builds(
    lambda inputs, hidden, outputs: (inputs, *hidden, outputs),
    st.integers(1, 4), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.integers(1, 3),
)  # fmt: skip
NUMBERS = st.sampled_from(["", *map(str, range(2, 17)), "f8", "f8e5m2"])


@st.composite
def any_look(draw: st.DrawFn) -> Look:
    """Any look that a page offers without ranges from Python."""
    weights, activations = draw(NUMBERS), draw(NUMBERS)
    if draw(st.booleans()):
        activations = "8dyn"
    scheme = (f"w{weights}" if weights else "") + (f"a{activations}" if activations else "")
    return Look(
        draw(st.sampled_from(ACTIVATIONS)),
        0,
        scheme or "a4",
        draw(st.sampled_from(["pre", "post", "both"])),
        draw(st.sampled_from(["minmax", "fixed"])),
        draw(st.sampled_from(["symmetric", "no_clipping", "restricted"])),
        draw(st.sampled_from([0, 2, 3, 8, 16])),
        draw(st.sampled_from(["nearest", "truncate"])),
        draw(st.sampled_from(["own", "none", "3"])),
    )


@pytest.mark.slow
@given(
    st.lists(any_look(), min_size=1, max_size=12), SHAPES, st.integers(0, 10**6), st.floats(-40, 40), st.integers(1, 40)
)
@settings(max_examples=150)
def test_any_network_quantized_in_any_way_is_the_same(
    node: None, folder: Path, looks: list[Look], neurons: tuple[int, ...], seed: int, power: float, points: int
) -> None:
    """Weights of any size: up to 10^12, where logits overflow, and down to where everything is below normal."""
    stacks = {look.activation: random_stack(look.activation, neurons, 1, seed, 2.0**power) for look in looks}
    labels = np.zeros((1, neurons[-1], points), np.float32)
    case = rows(stacks, looks, labels, seed)
    arrays, _ = by_page([case], folder)
    assert list(differences([case], arrays)) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")
