"""A checkout with two small claims of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantstudy.claims import checkout

FIRST = """
import pyarrow as pa
from pathlib import Path
from experiments.measures.values import value
from quantstudy.claims.experiment import Measured
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.schemas import CLAIM as SCHEMA, rows

CLAIM = Claim("dead_neurons", "a | leads.", "The lead.", (Part("lead", "a leads", 0.02, "points", 100.0),), "lead")

def units(seeds):
    return [{"activation": name, "seeds": seeds} for name in ("a", "b", "c")]

def measure(activation, seeds):
    with (Path(__file__).parent / "measured.txt").open("a") as file:
        file.write(activation + "\\n")
    if activation == "c" and (Path(__file__).parent / "broken").exists():
        raise RuntimeError("broken off")
    values = [value(activation) + 0.001 * s for s in range(seeds)]
    return rows(SCHEMA, seeds, activation=activation, seed=list(range(seeds)), case="all", metric="m", value=values)

def effects(table):
    return {"lead": contrast(by_seed(table, "m"), ["a"], ["b"])}

EXPERIMENT = Measured(CLAIM, units, measure, effects)
"""

MEASURE = """
def value(activation):
    from experiments.measures import numbers
    return numbers.VALUES[activation]
"""

SECOND = """
from quantstudy.claims.experiment import Derived
from quantstudy.judge.claims import Claim, Part
from quantstudy.records.schemas import CLAIM as SCHEMA, rows

PARTS = (Part("count", "b has some", 0.0, "things", exact=True),)
CLAIM = Claim("wish_list", "b is counted.", "A count.", PARTS, "count", needs=("dead_neurons",))

def combine(tables):
    table = tables["dead_neurons"]
    return rows(SCHEMA, 1, activation="b", seed=0, case="all", metric="count", value=float(len(table)))

def effects(table):
    return {"count": table["value"].to_numpy()}

EXPERIMENT = Derived(CLAIM, combine, effects)
"""

FIGURE = """
from matplotlib.figure import Figure

def draw(table, judged):
    return Figure(figsize=(2, 1))
"""


FILES = {
    "__init__": "",
    "claims/__init__": "",
    "claims/dead_neurons": FIRST,
    "claims/dead_neurons_figure": FIGURE,
    "claims/wish_list": SECOND,
    "claims/wish_list_figure": FIGURE,
    "measures/__init__": "",
    "measures/values": MEASURE,
    "measures/numbers": 'VALUES = {"a": 0.1, "b": 0.0, "c": 0.5}',
    "measures/unused": "",
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The checkout: `dead_neurons` measures three pieces, `wish_list` needs its table."""
    checkout_folder = tmp_path / "checkout"
    for name, text in FILES.items():
        path = checkout_folder / "experiments" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(checkout, "root", lambda: checkout_folder)
    kept = {name: sys.modules.pop(name) for name in loaded()}
    yield checkout_folder
    for name in loaded():
        del sys.modules[name]
    sys.modules.update(kept)


def loaded() -> list[str]:
    """Which modules of `experiments`, whichever checkout's, this process holds."""
    return [name for name in sys.modules if name.partition(".")[0] == "experiments"]


@pytest.fixture
def measured(small: Path):
    """Return a function: which pieces were measured since it was last called."""
    path = small / "experiments" / "claims" / "measured.txt"

    def since() -> list[str]:
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    return since
