"""A sweep: a study with lists of values for some of its settings; every combination is a study. From and to TOML.

Loads no torch. Source of the habit, a sweep as a generator of settings: optimal-weight-formats, and Hydra's multirun.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from quantstudy.config.allowed import CHOICES
from quantstudy.config.checks import real_number
from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import from_mapping, toml_values
from quantstudy.errors import BadInput, choices
from quantstudy.quantize.recover.names import PLAIN, parse_recipe

AXES = (
    *("target", "hidden", "frequency", "lr", "steps", "batch", "grid"),
    *("placement", "observer", "weight_observer", "scales", "input_bits"),
)
"""Settings that a sweep may have lists for. Activations, bits and schemes are lists in the study already: one cell
measures all of its study's schemes, on one and the same networks."""

MOST_VALUES, MOST_STUDIES = 1000, 1_000_000
"""Of one axis, and of a sweep in all: larger ones are better split, since a driver lists every cell."""

RATES = (1e-6, 10.0)


@dataclass(frozen=True)
class Sweep:
    """A study, the lists of values that it is repeated with, and what else is done in each of its cells.

    Attributes:
        base: the study; what no axis names stays as it is there.
        axes: setting → its values, in the order in which the studies go through them (the last axis fastest).
        tune: learning rates of which every activation takes the best of its own in each study, found on other seeds
            (`engine.swept.TUNED_ON`); empty: the study's own rate.
        recipes: repairs that are measured beside plain rounding, at the focus scheme.
    """

    base: StudyConfig
    axes: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    tune: tuple[float, ...] = ()
    recipes: tuple[str, ...] = ()

    @property
    def studies(self) -> Iterator[StudyConfig]:
        """Every combination of the values, as a study of its own.

        >>> sweep = Sweep(StudyConfig(), {"hidden": ((8, 8), (16, 16)), "frequency": (2.0, 3.0)})
        >>> [(study.hidden, study.frequency) for study in sweep.studies][1:3]
        [((8, 8), 3.0), ((16, 16), 2.0)]
        """
        for values in product(*self.axes.values()):
            yield self.base.with_options(**dict(zip(self.axes, values, strict=True)))

    def __len__(self) -> int:
        """Return the number of studies."""
        return math.prod(len(values) for values in self.axes.values())

    @property
    def cells(self) -> int:
        """The number of cells: one for every activation of every study."""
        return len(self) * len(self.base.activations)

    @property
    def folder_name(self) -> str:
        """Name of its folder: the study's name and eight hex digits of all settings and values."""
        settings = {key: value for key, value in asdict(self.base).items() if key != "name"}
        text = json.dumps([settings, list(self.axes.items()), self.tune, self.recipes], sort_keys=True)
        return f"{self.base.name}-sweep-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def to_toml(self) -> str:
        """Return study and lists as TOML; `read_sweep` gives an equal sweep back."""
        import tomli_w

        table: dict[str, Any] = {
            axis: [list(one) if isinstance(one, tuple) else one for one in values] for axis, values in self.axes.items()
        }
        more = {"tune": list(self.tune), "recipes": list(self.recipes)}
        table |= {key: values for key, values in more.items() if values}
        return self.base.to_toml() + "\n" + tomli_w.dumps({"sweep": table})


def sweep_of(study: StudyConfig, given: Mapping[str, Any]) -> Sweep:
    """Return the sweep of a study.

    Args:
        study: the study to repeat.
        given: lists of values by axis, and `tune` and `recipes`, as in the table `[sweep]` of a study file.

    Raises:
        BadInput: an unknown axis, a value that is not valid in a study, or too many of them.

    >>> sweep_of(StudyConfig(), {"frequency": [3, 2], "tune": [0.1, 0.03]}).axes
    {'frequency': (3.0, 2.0)}
    """
    known = (*AXES, "tune", "recipes")
    if not isinstance(given, Mapping):
        raise BadInput("sweep", given, f"a table of lists is needed; {choices('', known)}")
    for axis in given:
        if axis not in known:
            inside = axis in ("activations", "bits", "schemes", "seeds")
            why = "it stands in the study, above the table, and every cell has all of it" if inside else ""
            raise BadInput(f"sweep.{axis}", given[axis], why or f"there is no such axis; {choices(axis, known)}")
    if study.until_decided:
        raise BadInput("until_decided", True, "false for a sweep: every cell has the same seeds")
    base = study.with_options(quick=True)
    axes = {axis: _checked(axis, values, base) for axis, values in given.items() if axis in AXES}
    tune = tuple(
        sorted({real_number("sweep.tune", rate, *RATES) for rate in _list("sweep.tune", given.get("tune", ()))})
    )
    if tune and "lr" in axes:
        raise BadInput("sweep.tune", list(tune), "no list for lr beside it: every activation takes its own best rate")
    recipes = [_recipe(recipe) for recipe in _list("sweep.recipes", given.get("recipes", ()))]
    found = Sweep(base, axes, tune, tuple(recipe for recipe in dict.fromkeys(recipes) if recipe != PLAIN))
    if len(found) > MOST_STUDIES:
        raise BadInput("sweep", f"{len(found)} combinations", f"at most {MOST_STUDIES}; split it into several sweeps")
    return found


def read_sweep(path: Path, field: str = "SWEEP.toml") -> Sweep:
    """Return the sweep of a study file with a table `[sweep]`.

    Raises:
        BadInput: no such file, not readable as TOML, no such table, a bad key or value.
    """
    return sweep_in(toml_values(path, field), str(path), field)


def sweep_in(values: Mapping[str, Any], where: str, field: str = "SWEEP.toml") -> Sweep:
    """Return the sweep that the keys of a study file describe.

    Args:
        values: the keys, lists as tuples (`toml.toml_values`).
        where: the file, for messages.
        field: the option or argument that named it.

    Raises:
        BadInput: as `read_sweep`.
    """
    flat = dict(values)
    if "sweep" not in flat:
        raise BadInput(field, where, "a table [sweep] of lists is needed, such as hidden = [[8, 8, 8], [16, 16]]")
    table = flat.pop("sweep")
    try:
        return sweep_of(from_mapping(flat), table)
    except BadInput as error:
        raise BadInput(f"{where}: {error.field}", error.value, error.allowed) from None


def _list(name: str, given: Any) -> Sequence[Any]:
    if not isinstance(given, list | tuple) or len(given) > MOST_VALUES:
        raise BadInput(name, given, f"a list of 1 to {MOST_VALUES} values is needed")
    return given


def _recipe(given: Any) -> str:
    if not isinstance(given, str):
        raise BadInput("sweep.recipes", given, "names in quotes are needed")
    return str(parse_recipe(given))


def _checked(axis: str, given: Any, base: StudyConfig) -> tuple[Any, ...]:
    """Return the values of one axis, each once, validated and typed as in a `StudyConfig`."""
    name = f"sweep.{axis}"
    if not _list(name, given):
        raise BadInput(name, given, f"a list of 1 to {MOST_VALUES} values is needed")
    found = []
    for value in given:
        if axis == "hidden" and not isinstance(value, list | tuple):
            raise BadInput(name, value, "a list of lists of widths such as [[8, 8, 8], [16, 16]] is needed")
        if isinstance(value, str) and axis not in (*CHOICES, "target", "input_bits"):
            raise BadInput(name, value, "numbers stand without quotes")
        try:
            study = base.with_options(**{axis: tuple(value) if isinstance(value, list) else value})
        except BadInput as error:
            raise BadInput(f"sweep.{error.field}", error.value, error.allowed) from None
        found.append(getattr(study, axis))
    return tuple(dict.fromkeys(found))
