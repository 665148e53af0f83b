"""A checkout with two small claims of its own."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from quantstudy.claims import checkout

FIRST = """
import pyarrow as pa
from pathlib import Path
from quantstudy.judge.claims import Claim, Part
from quantstudy.judge.statistics.contrasts import by_seed, contrast
from quantstudy.records.tables import CLAIM as SCHEMA, rows

CLAIM = Claim("dead_neurons", "a | leads.", "The lead.", (Part("lead", "a leads", 0.02, "points", 100.0),))

def units(seeds):
    return [{"activation": name, "seeds": seeds} for name in ("a", "b", "c")]

def measure(activation, seeds):
    with (Path(__file__).parent / "measured.txt").open("a") as file:
        file.write(activation + "\\n")
    if activation == "c" and (Path(__file__).parent / "broken").exists():
        raise RuntimeError("broken off")
    value = [{"a": 0.1, "b": 0.0, "c": 0.5}[activation] + 0.001 * s for s in range(seeds)]
    return rows(SCHEMA, seeds, activation=activation, seed=list(range(seeds)), case="all", metric="m", value=value)

def effects(table):
    return {"lead": contrast(by_seed(table, "m"), ["a"], ["b"])}
"""

SECOND = """
from quantstudy.judge.claims import Claim, Part
from quantstudy.records.tables import CLAIM as SCHEMA, rows

CLAIM = Claim("wish_list", "b is counted.", "A count.", (Part("count", "b has some", 0.0, "things", exact=True),),
              needs=("dead_neurons",))

def combine(tables):
    table = tables["dead_neurons"]
    return rows(SCHEMA, 1, activation="b", seed=0, case="all", metric="count", value=float(len(table)))

def effects(table):
    return {"count": table["value"].to_numpy()}
"""

FIGURE = """
from matplotlib.figure import Figure

def draw(table, judged):
    return Figure(figsize=(2, 1))
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The checkout: `dead_neurons` measures three pieces, `wish_list` needs its table."""
    folder = tmp_path / "checkout" / "experiments"
    (folder / "figures").mkdir(parents=True)
    for name, text in {"dead_neurons": FIRST, "wish_list": SECOND}.items():
        (folder / f"{name}.py").write_text(text)
        (folder / "figures" / f"{name}.py").write_text(FIGURE)
    monkeypatch.setattr(checkout, "root", lambda: folder.parent)
    loaded = [name for name in sys.modules if name.startswith("quantstudy_claim_")]
    kept = {name: sys.modules.pop(name) for name in loaded}
    yield folder.parent
    for name in [name for name in sys.modules if name.startswith("quantstudy_claim_")]:
        del sys.modules[name]
    sys.modules.update(kept)


@pytest.fixture
def measured(small: Path):
    """Return a function: which pieces were measured since it was last called."""
    path = small / "experiments" / "measured.txt"

    def since() -> list[str]:
        found = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    return since
