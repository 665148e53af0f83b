import sys
import textwrap

import numpy as np
import pytest

from quantstudy.errors import BadInput
from quantstudy.targets.catalogue import parse_target
from quantstudy.targets.lattice import heldout_plane, plane

SOURCE = """
    import sys
    import numpy as np

    SCALE = 2.0

    def disc(x, y):
        print("heard")
        return x * x + y * y < 0.5

    def slope(x, y):
        return SCALE * x + y

    def signs(x, y):
        return (x > 0).astype(int)

    def kinds(x, y):
        assert x.dtype == y.dtype == np.float64 and x.shape == y.shape == (8, 8), (x.dtype, x.shape)
        assert (x[0] == x[1]).all() and (y[:, 0] == y[:, 1]).all() and y[0, 0] < y[1, 0]
        return np.log(x) > -1  # numpy warns of negative numbers

    def greedy(x, y):
        x += 100.0
        return x - 100.0 > 0

    state = np.random.default_rng(0)

    def random(x, y):
        return state.random(x.shape) > 0.5

    def rows(x, y): return x[0] > 0
    def number(x, y): return 1.0
    def holes(x, y): return np.sqrt(x)
    def infinite(x, y): return x / 0
    def complexes(x, y): return x + 1j * y
    def words(x, y): return np.full(x.shape, "a")
    def full(x, y): return x < 5
    def empty(x, y): return x - 5
    def constant(x, y): return x * 0 + 3
    def raises(x, y): raise ValueError("first\\nsecond")
    def leaves(x, y): sys.exit("gone")
    def one(x): return x
    SEVEN = 7
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return the name of a module in the current folder."""
    name = f"plane_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{name}.py").write_text(textwrap.dedent(SOURCE))
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def made(text, task="classes", seeds=(0, 1), grid=8):
    return parse_target(text, task=task).make(list(seeds), grid=grid, frequency=3.0)


def test_a_function_is_asked_over_the_plane(module, capsys):
    data = made(f"{module}:disc")
    for examples, points in ((data.measured, plane(8)), (data.heldout, heldout_plane(8))):
        x, y = points.astype(np.float64)
        assert np.array_equal(examples.inputs, points[None])
        assert np.array_equal(examples.labels, np.stack([x * x + y * y < 0.5] * 2))
        assert examples.labels.dtype == bool
    assert (data.plane, data.outputs, data.classes, data.trained) == ((8, 8), 1, ("outside", "inside"), None)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["slope", "signs", "kinds"])
def test_numbers_above_zero_are_inside(module, name):
    x, y = plane(8).astype(np.float64)
    expected = {"slope": 2 * x + y > 0, "signs": x > 0, "kinds": x > np.exp(-1)}[name]
    assert np.array_equal(made(f"{module}:{name}").measured.labels[1], expected)


def test_regression_learns_standardized_values(module):
    data = made(f"{module}:slope", "regression")
    x, y = plane(8).astype(np.float64)
    values = 2 * x + y
    np.testing.assert_allclose(data.measured.labels[0, 0], (values - values.mean()) / values.std(), atol=1e-6)
    u, v = heldout_plane(8).astype(np.float64)
    np.testing.assert_allclose(data.heldout.labels[1, 0], (2 * u + v - values.mean()) / values.std(), atol=1e-6)
    assert (data.outputs, data.classes, data.heldout.labels.shape) == (1, (), (2, 1, 64))
    assert data.measured.labels.dtype == np.float32


def test_a_function_gets_arrays_of_its_own(module):
    x, _ = plane(8)
    assert np.array_equal(made(f"{module}:greedy").measured.labels[0], x > 0)
    assert np.array_equal(made(f"{module}:greedy").measured.inputs[0], plane(8))


def test_its_digest_changes_with_it_and_with_what_it_uses(module):
    digests = {name: parse_target(f"{module}:{name}").made_of() for name in ("disc", "slope", "signs")}
    assert len({*digests.values()}) == 3
    assert all(len(digest) == 16 for digest in digests.values())
    sys.modules[module].SCALE = 3.0
    assert parse_target(f"{module}:slope").made_of() != digests["slope"]
    assert parse_target(f"{module}:disc").made_of() == digests["disc"]
    sys.modules[module].SCALE = 2.0
    assert parse_target(f"{module}:slope").made_of() == digests["slope"]


BAD = {
    "rows": "arrays of shape [8, 8] go in, and [8] comes out",
    "number": "arrays of shape [8, 8] go in, and [] comes out",
    "holes": "its values are not all finite, 1e+30 at most",
    "infinite": "its values are not all finite",
    "complexes": "bool or numbers are needed, and it returns complex128",
    "words": "bool or numbers are needed, and it returns <U1",
    "full": "at no pixel it is false, or 0 and less; two classes are needed",
    "empty": "at no pixel it is true, or more than 0; two classes are needed",
    "random": "it gives other values when it is called again",
    "raises": "it failed (ValueError: first second)",
    "leaves": "it failed (SystemExit: gone)",
    "one": "it failed (TypeError: one() takes 1 positional argument but 2 were given)",
    "SEVEN": "a function of x and y is needed, not int",
    "nothing": "module:function must be importable (AttributeError: module",
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_function_of_the_plane_is_refused_in_one_line(module, name):
    with pytest.raises(BadInput) as refused:
        made(f"{module}:{name}")
    assert str(refused.value).startswith(f"target: '{module}:{name}' is not allowed; ")
    assert BAD[name] in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_constant_is_nothing_to_learn(module):
    with pytest.raises(BadInput, match="it is 3 at every pixel: there is nothing to learn"):
        made(f"{module}:constant", "regression")


def test_a_module_that_is_not_there_is_refused_for_data_and_digest():
    target = parse_target("nowhere_at_all:disc")
    for ask in (lambda: target.make([0], grid=8, frequency=3.0), target.made_of):
        with pytest.raises(BadInput, match=r"must be importable \(ModuleNotFoundError: No module named 'nowhere"):
            ask()
