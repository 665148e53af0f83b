"""Random but valid studies, so small that one takes a second or two, over the whole range of every setting."""

import math
import random
import tomllib
from dataclasses import dataclass
from typing import Any

import tomli_w

from quantstudy.activations.catalogue import ACTIVATIONS
from quantstudy.config.allowed import CHOICES, REAL_NUMBERS, SCHEMES_ONLY
from quantstudy.show.names import FIGURE_NAMES

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
    *("gated_by_neurons", "shares", "number", "no_such_name"),
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


def of_oracle(key: str) -> list[str]:
    """What a setting may be in a random study: the oracle knows nothing of what goes with the schemes alone."""
    return [value for value in CHOICES[key] if value != SCHEMES_ONLY.get(key)]


def from_toml(text: str) -> Case:
    """Return the case that stands in the corpus."""
    study = TINY | tomllib.loads(text)
    how = study.pop("fuzz", {})
    return Case(study, tuple(how.get("figures", ())), how.get("alone", False))


def case_of(number: int) -> Case:
    """Return the study that a seed draws.

    Not by hypothesis: it begins with the simplest study, makes many like those before, and draws others from the same
    seed when other modules are loaded. What fails is made smaller by `smaller`, which knows what a study is.
    """
    draw = random.Random(number)
    names = [_activation(draw) for _ in range(draw.choice((1, 2, 2, 3)))]
    seeds = draw.randint(1, 6)
    study: Settings = {
        "bits": draw.sample(range(2, 17), draw.choice((1, 1, 2, 3))),
        "activations": list({_canonical(name): name for name in names}.values()),
        "seeds": seeds,
        "steps": _whole(draw, 1, 60),
        "grid": draw.randint(4, 32),
        "hidden": _widths(draw),
        "batch": _whole(draw, 1, 65_536),
        "lr": draw.choice((_number(draw, *REAL_NUMBERS["lr"]), 0.03, 0.1, 10.0)),
        "frequency": draw.choice((_number(draw, *REAL_NUMBERS["frequency"]), 1.0, 3.0)),
        "allowed_drop": draw.choice((_number(draw, 1e-4, 1.0), 0.02, 0.0, 1.0)),
        "assurance": draw.choice((0.8, 0.3, 0.05, 0.01, 0.999, _number(draw, 0.01, 0.999))),
        "min_accuracy": draw.choice((0.0, 0.0, 0.5, 0.9, 1.0)),
        "learned": draw.choice((0.9, 0.9, 0.0, 0.5, 0.6, 1.0)),
        "input_bits": draw.choice(("none", "none", 2, 4, 8, 16)),
        "quick": draw.random() < 0.7,
        **{key: draw.choice(known) for key in CHOICES if len(known := of_oracle(key)) > 1 and key != "device"},
    }
    if draw.random() < 0.5:
        study["placement"] = "post"  # torchao knows no other
    if draw.random() < 0.15:
        study |= {"until_decided": True, "max_seeds": draw.randint(max(2, seeds), 8)}
    figures = tuple(draw.sample(FIGURE_NAMES, draw.choice((0, 0, 1, 2))))
    return Case(_small(study), figures)


def _number(draw: random.Random, low: float, high: float) -> float:
    """Return a number of six digits, all magnitudes being as likely; every sixth time one of the ends."""
    spread = float(f"{low * (high / low) ** draw.random():.6g}")
    return draw.choice((low, high)) if draw.random() < 1 / 6 else min(max(spread, low), high)


def _whole(draw: random.Random, low: int, high: int) -> int:
    return min(int(_number(draw, low, high + 0.999)), high)


def _widths(draw: random.Random) -> list[int]:
    """Return one to eight hidden layers of 1 to 64 neurons; the deeper, the narrower."""
    depth, least = draw.choice((1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 8)), draw.choice((1, 2, 2))
    return [_whole(draw, least, 64 if depth < 3 else 128 // depth**2 + 3) for _ in range(depth)]


def _activation(draw: random.Random) -> str:
    """Return an activation: of the catalogue, capped or not, of torch, or of the zoo."""
    ours = draw.choice(sorted(ACTIVATIONS))
    theirs = draw.choice([f"zoo:{name}" for name in FINE] + [f"torch:{name}" for name in TORCH])
    odd = f"zoo:{draw.choice((*EITHER, *REFUSED))}"
    cap = draw.choice(("0.5", "1", "3", "6", "1e-6", "1e9", str(_number(draw, 1e-6, 1e9))))
    capped = f"{draw.choice((ours, theirs))}@{cap}"
    return draw.choice((ours, ours, ours, ours, ours, theirs, theirs, theirs, theirs, capped, capped, odd))


def _canonical(name: str) -> str:
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
