"""The counts that ship with the package are those of its code, and every name finds its own."""

import importlib.util
import json
from collections.abc import Callable
from importlib import resources

import pytest

from quantstudy.activations.catalogue import ACTIVATIONS, parse_activation
from quantstudy.cost import recount
from quantstudy.cost.counts import FILE, PACKAGE, any_cap, counted_cost, shipped
from quantstudy.cost.instructions import COUNTS, TARGET
from quantstudy.cost.memory import added_bytes, saved_bytes
from quantstudy.cost.table import cost_table
from quantstudy.errors import StudyFailure
from quantstudy.judge.tie import tie_break
from quantstudy.records.provenance import version
from tests.test_imports import MODULES, ROOT, imports

STALE = f"counts.json is stale; make it again: {recount.COMMAND}"
CAPS = ("0.5", "1000000")


def test_they_are_of_the_sources_as_they_are() -> None:
    assert shipped()["sources"] == recount.digest(), STALE


def test_the_digest_is_of_all_that_is_compiled_and_what_counts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = {"quantstudy_kernels.triton.activation", "quantstudy_kernels.triton.compiled"}
    waiting = [*kernels]
    while waiting:
        found = {name for name in imports(waiting.pop()) if name in MODULES} - kernels
        kernels |= found
        waiting += found
    named = {f"{package}.{name.removesuffix('.py').replace('/', '.')}" for package, name in recount.SOURCES}
    assert named == {*kernels, "quantstudy.cost.counting", "quantstudy.cost.instructions"}
    whole = recount.digest()
    monkeypatch.setattr(recount, "SOURCES", recount.SOURCES[:-1])
    assert recount.digest() != whole


def test_every_activation_is_there_with_a_cap_and_without() -> None:
    assert set(shipped()["activations"]) == {name for base in ACTIVATIONS for name in (base, f"{base}@CAP")}, STALE
    assert shipped()["target"] == TARGET


@pytest.mark.parametrize("base", ACTIVATIONS)
def test_bytes_and_bounds_are_counted_anew_whatever_the_cap(base: str) -> None:
    for name in (base, *(f"{base}@{cap}" for cap in CAPS)):
        activation = parse_activation(name)
        entry = shipped()["activations"][any_cap(name)]
        assert entry["saved_bytes"] == saved_bytes(activation), STALE
        assert entry["added_bytes"] == added_bytes(activation), STALE
        assert entry["bounded"] == activation.bounded, STALE
        assert {entry[count] is None for count in COUNTS} == {activation.kernel is None}, STALE


@pytest.mark.slow
def test_instructions_are_counted_anew() -> None:
    if importlib.util.find_spec("triton") is None:
        pytest.skip("triton exists for Linux only")
    here = {name: version(name) for name in ("torch", "triton")}
    if here != shipped()["versions"]:
        pytest.skip(f"counted with {shipped()['versions']}, here are {here}")
    assert recount.recount() == shipped(), STALE


def test_the_file_is_what_the_command_writes() -> None:
    assert resources.files(PACKAGE).joinpath(FILE).read_text() == recount.as_text(shipped())


def test_without_triton_nothing_is_counted_anew(instant: Callable[..., None]) -> None:
    instant(triton=False)
    with pytest.raises(StudyFailure, match="Triton is not installed here"):
        recount.recount()


def test_it_has_the_keys_of_what_is_measured_and_no_times(instant: Callable[..., None]) -> None:
    instant()
    names = ("silu", "relu@2.5", "tanh", "some.where:wave", "some.where:wave@3")
    found = counted_cost(names)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    measured = cost_table([parse_activation("relu")])
    assert set(found) == set(measured)
    assert {found[key] for key in ("processor", "gpu", "timing")} == {None}
    assert tuple(found["activations"]) == names
    for name, entry in found["activations"].items():
        assert set(entry) == set(measured["activations"]["relu"]), name
        assert entry["nanoseconds"] is None
    assert found["activations"]["silu"]["mufu_forward"] == 2
    assert found["activations"]["relu@2.5"]["bounded"] is True
    assert found["activations"]["tanh"]["mufu_forward"] is None
    assert found["activations"]["tanh"]["added_bytes"]["plain"] == 0
    for name in names[-2:]:
        assert set(found["activations"][name].values()) == {None}


def test_they_break_ties_and_what_they_lack_is_measured_on_demand(instant: Callable[..., None]) -> None:
    instant()
    found = tie_break(names := ["silu", "hardgelu", "relu", "prelu"], counted_cost(names))
    assert (found["cheapest"], found["unmeasured"]) == (["relu", "prelu"], [])
    found = tie_break(names := ["relu", outside := "torch.nn.functional:softsign"], counted_cost(names))
    assert (found["cheapest"], found["unmeasured"]) == ([], [outside])
    found = tie_break(names, cost_table([parse_activation(name) for name in names]))
    assert (found["cheapest"], found["unmeasured"]) == (["relu"], [])


def test_reading_them_loads_no_torch_and_no_triton(python: Callable[..., str]) -> None:
    heavy = "{'torch', 'triton', 'numpy', 'numba', 'quantstudy_kernels'}"
    read = "from quantstudy.cost.counts import counted_cost; counted_cost(['relu', 'relu@3', 'some.where:wave'])"
    assert python(f"import sys; {read}; print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_they_are_packaged() -> None:
    assert f'"cost/{FILE}"' in (ROOT / "pyproject.toml").read_text()
