"""Random but valid studies, so small that one takes a second or two, over the whole range of every setting."""

import math
import tomllib
from dataclasses import dataclass, fields
from typing import Any

import tomli_w
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from quantstudy.config import CHOICES, REAL_NUMBERS, StudyConfig
from quantstudy.show import FIGURE_NAMES
from quantstudy.subject.activations import ACTIVATIONS

Settings = dict[str, Any]

FINE = (
    *("step_relu", "stairs", "cube", "above", "tiny", "faint", "steep", "below", "lost_far", "hole", "infinite_far"),
    *("hides_nan", "prints", "counts", "closure", "other_closure", "Inner.bent", "partly", "short", "bounded"),
    "top_13",
)
"""Functions of the zoo that a study takes."""

EITHER = (
    *("constant", "flat", "without_gradient", "fragile", "tires", "leaves", "no_disk", "turns", "shrinks"),
    *("counts_to_100", "sly"),
)
"""Those that it may refuse."""

REFUSED = (
    *("log_inside", "hole_at_0", "in_place", "in_place_through_data", "in_place_out", "in_place_through_numpy"),
    *("in_place_at_last", "drifts", "noisy", "doubled", "integers", "nothing", "summed", "two"),
    *("gated_by_neurons", "shares", "swish", "prelu", "number", "no_such_name"),
)
"""Those that it must refuse."""

TORCH = ("exp", "sinh", "sin", "cos", "sign", "round", "erf", "atan", "square", "abs", "frac", "expm1")
"""Functions of torch that a study takes."""

MOST_WORK = 4e7
"""Products of weights and points of the plane that a study's schemes take, and its training, at most."""


@dataclass(frozen=True)
class Case:
    """One study, and how it is run.

    Attributes:
        study: the keys of its study.toml.
        figures: those that are drawn: drawing takes longer than everything else.
        alone: run the command in a process of its own, as a user does; it draws all figures.
    """

    study: Settings
    figures: tuple[str, ...] = ()
    alone: bool = False

    def toml(self) -> str:
        """Return the case as the corpus keeps it."""
        how = {"figures": list(self.figures), "alone": self.alone}
        return tomli_w.dumps({**self.study, "fuzz": how})

    @property
    def outside(self) -> set[str]:
        """The functions of the zoo in it, by name."""
        names = (name.partition("@")[0] for name in self.study["activations"])
        return {name.removeprefix("zoo:") for name in names if name.startswith("zoo:")}


TINY: Settings = {"bits": [4], "seeds": 3, "steps": 40, "grid": 12, "batch": 64, "hidden": [4, 3], "quick": True}
"""What a study of the corpus has unless it says otherwise."""


def from_toml(text: str) -> Case:
    """Return the case that stands in the corpus."""
    study = TINY | tomllib.loads(text)
    how = study.pop("fuzz", {})
    return Case(study, tuple(how.get("figures", ())), how.get("alone", False))


def numbers(low: float, high: float, *special: float) -> st.SearchStrategy[float]:
    """Numbers spread evenly over their logarithm, with six digits, and some special ones."""
    spread = st.integers(0, 1000).map(lambda x: min(max(float(f"{low * (high / low) ** (x / 1000):.6g}"), low), high))
    return st.one_of(spread, spread, spread, spread, st.sampled_from((low, high, *special)))


def whole(low: int, high: int) -> st.SearchStrategy[int]:
    """Whole numbers, small ones as often as large ones."""
    return numbers(low, high + 0.999).map(int)


def names() -> st.SearchStrategy[str]:
    """An activation: of the catalogue, capped or not, of torch, or of the zoo."""
    ours = st.sampled_from(sorted(ACTIVATIONS))
    theirs = st.sampled_from([f"zoo:{name}" for name in FINE] + [f"torch:{name}" for name in TORCH])
    odd = st.sampled_from([f"zoo:{name}" for name in (*EITHER, *REFUSED)])
    caps = st.one_of(st.sampled_from(("0.5", "1", "3", "6", "1e-6", "1e9")), numbers(1e-6, 1e9).map(str))
    capped = st.tuples(st.one_of(ours, theirs), caps).map("@".join)
    return st.sampled_from((ours, ours, ours, capped, theirs, theirs)).flatmap(lambda kind: kind) | _seldom(ours, odd)


def _seldom(often: st.SearchStrategy[str], seldom: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.integers(0, 5).flatmap(lambda number: seldom if number == 0 else often)


@st.composite
def widths(draw: st.DrawFn) -> list[int]:
    """Hidden layers, one to eight of 1 to 64 neurons; the deeper, the narrower."""
    depth, least = draw(st.sampled_from((1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8))), draw(st.sampled_from((1, 2, 2)))
    return [draw(whole(least, 64 if depth < 3 else 128 // depth**2 + 3)) for _ in range(depth)]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A study and how it is run."""
    hidden = draw(widths())
    bits = draw(st.lists(st.integers(2, 16), min_size=1, max_size=3, unique=True))
    seeds = draw(st.integers(1, 6))
    chosen = draw(st.lists(names(), min_size=1, max_size=3, unique_by=canonical))
    study: Settings = {
        "bits": bits,
        "activations": chosen,
        "seeds": seeds,
        "steps": draw(whole(1, 60)),
        "grid": draw(st.integers(4, 32)),
        "hidden": hidden,
        "batch": draw(whole(1, 65_536)),
        "lr": draw(st.one_of(numbers(*REAL_NUMBERS["lr"]), st.sampled_from((0.03, 0.1, 0.3)))),
        "frequency": draw(numbers(*REAL_NUMBERS["frequency"], 3.0)),
        "allowed_drop": draw(st.one_of(st.just(0.02), st.just(0.0), numbers(1e-4, 1.0))),
        "learned": draw(st.sampled_from((0.9, 0.9, 0.0, 0.5, 0.6, 1.0))),
        "coordinates": draw(st.sampled_from((False, False, True))),
        "quick": draw(st.sampled_from((True, True, False))),
    }
    study |= {key: draw(st.sampled_from(allowed)) for key, allowed in CHOICES.items() if key != "device"}
    study["placement"] = draw(st.sampled_from(("post", study["placement"])))  # torchao knows no other
    if draw(st.integers(0, 5)) == 0:
        study |= {"until_decided": True, "max_seeds": draw(st.integers(max(2, seeds), 8))}
    known = {field.name for field in fields(StudyConfig)}
    drawn = draw(st.lists(st.sampled_from(FIGURE_NAMES), max_size=2, unique=True))
    return Case(_small({k: v for k, v in study.items() if k in known}), tuple(drawn))


def canonical(name: str) -> str:
    """The name that a study writes: `relu@3.0` and `relu@3` are one activation."""
    base, at, cap = name.partition("@")
    return f"{base}@{float(cap):.9f}" if at else base


def _small(study: Settings) -> Settings:
    """Return the study with as few points as keep its work small."""
    layers = [2, *study["hidden"], 1]
    products = sum(out * into for out, into in zip(layers[1:], layers, strict=False))
    networks = study.get("max_seeds", study["seeds"]) * len(study["activations"])
    trained, judged = products * networks * study["steps"], products * networks * 4 * (len(study["bits"]) + 1)
    grid = min(study["grid"], max(4, int(math.sqrt(MOST_WORK / judged))))
    return study | {"batch": max(1, min(study["batch"], int(20 * MOST_WORK / trained))), "grid": grid}


def case_of(number: int) -> Case:
    """Return the study that a seed draws.

    Hypothesis begins with the simplest of all and makes many that are like those before; a seed each gives others.
    """
    drawn: list[Case] = []

    @seed(number)
    @settings(
        max_examples=2, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(cases())
    def draw(case: Case) -> None:
        drawn.append(case)

    draw()
    return drawn[-1]
