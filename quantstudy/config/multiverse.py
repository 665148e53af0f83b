"""The axes of a multiverse, the choices under which a study is repeated; from and to TOML. Loads no torch.

Source of the idea: Steegen, Tuerlinckx, Gelman & Vanpaemel, Increasing transparency through a multiverse analysis
(2016); Simonsohn, Simmons & Nelson, Specification curve analysis (2020).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from quantstudy.config.allowed import CHOICES, OBSERVERS, PLACEMENTS, SCHEMES_ONLY
from quantstudy.config.study import HALFWAY, StudyConfig
from quantstudy.config.sweep import Sweep
from quantstudy.config.toml import from_mapping, toml_values
from quantstudy.errors import BadInput, choices

RATES = (0.03, 0.1, 0.2)
"""Learning rates, a factor of two to three around 0.1: of 0.01 to 0.3 none was clearly better for any activation."""

FREQUENCIES = (2.0, 3.0, 4.0)
"""Noise cells along one side of the plane: an easier task and a harder one; at 6 these networks learn 76 to 92 %."""

WIDER = 2
"""The second network size has this many times the neurons per layer, as one would choose to lose less accuracy."""

METRICS = ("heldout_accuracy_quantized", "heldout_accuracy_drop", "flip_rate", "delta_logit_over_margin")
"""Metrics that «best» may mean: highest held-out accuracy, smallest loss of it, fewest flips, least change of logits.

The last one is for users of the network's output as a number rather than a class.
"""

MOST = 16
"""Largest number of values on one axis."""

TRAINED = ("lr", "frequency", "hidden")
"""Axes that the training depends on: for every combination of their values, networks are trained."""


@dataclass(frozen=True)
class Multiverse:
    """A study and the choices under which it is repeated; every axis includes the study's own choice.

    Attributes:
        base: the study, reduced to a quick one with a fixed number of seeds.
        lr: peak learning rates.
        frequency: noise cells along one side of the plane.
        hidden: neurons of each hidden layer.
        placement: where activations are quantized.
        observer: how the ranges of activations are chosen.
        metric: metrics by which the activations are ranked.
    """

    base: StudyConfig
    lr: tuple[float, ...]
    frequency: tuple[float, ...]
    hidden: tuple[tuple[int, ...], ...]
    placement: tuple[str, ...]
    observer: tuple[str, ...]
    metric: tuple[str, ...]

    @property
    def studies(self) -> Iterator[StudyConfig]:
        """The studies to train: a sweep over TRAINED."""
        return Sweep(self.base, {axis: getattr(self, axis) for axis in TRAINED}).studies

    @property
    def axes(self) -> dict[str, list[Any]]:
        """The values of every axis as multiverse.parquet has them: neurons per layer as text."""
        values = {axis: list(getattr(self, axis)) for axis in AXES}
        return values | {"hidden": [hidden_text(neurons) for neurons in self.hidden]}

    @property
    def own(self) -> dict[str, Any]:
        """The study's own choice on every axis, as in `axes`; its metric is the first of METRICS."""
        chosen = {axis: getattr(self.base, axis) for axis in AXES if axis != "metric"}
        return chosen | {"hidden": hidden_text(self.base.hidden), "metric": METRICS[0]}

    @property
    def scheme(self) -> str:
        """The one quantization scheme that the multiverse is measured at."""
        return self.base.focus_scheme

    @property
    def folder_name(self) -> str:
        """Name of its folder: the study's name and eight hex digits of all settings and axes."""
        settings = {key: value for key, value in asdict(self.base).items() if key != "name"}
        text = json.dumps([settings, self.axes], sort_keys=True)
        return f"{self.base.name}-multiverse-{hashlib.sha256(text.encode()).hexdigest()[:8]}"

    def to_toml(self) -> str:
        """Return study and axes as TOML; `read_multiverse` gives an equal multiverse back."""
        import tomli_w

        table = {**self.axes, "hidden": [list(neurons) for neurons in self.hidden]}
        return self.base.to_toml() + "\n" + tomli_w.dumps({"multiverse": table})


AXES = (*TRAINED, "placement", "observer", "metric")
"""Every axis; the order of the records and of the figure."""


def hidden_text(hidden: tuple[int, ...]) -> str:
    """Return the neurons of each hidden layer as text.

    >>> hidden_text((8, 8, 8))
    '8,8,8'
    """
    return ",".join(map(str, hidden))


def multiverse_of(study: StudyConfig, given: Mapping[str, Any] | None = None) -> Multiverse:
    """Return a study's multiverse: per axis the given values or the default ones, always with the study's own.

    Args:
        study: the study to repeat.
        given: lists of values by axis, as in the table `[multiverse]` of a study file.

    Raises:
        BadInput: an unknown axis, or a value that is not valid in a study.

    >>> found = multiverse_of(StudyConfig(lr=0.05), {"observer": ["mse"]})
    >>> found.lr, found.hidden, found.observer
    ((0.03, 0.05, 0.1, 0.2), ((8, 8, 8), (16, 16, 16)), ('minmax', 'mse'))
    """
    if study.task != "classes":
        raise BadInput("task", study.task, "classes: a multiverse ranks by accuracy")
    if study.learned == HALFWAY:
        raise BadInput("learned", study.learned, "a number: a multiverse measures no best constant answer")
    for key, value in SCHEMES_ONLY.items():
        if getattr(study, key) == value:
            raise BadInput(key, value, "another one for a multiverse, which calibrates in every way")
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise BadInput("multiverse", given, f"a table of lists is needed; {choices('', AXES)}")
    for axis in given:
        if axis not in AXES:
            raise BadInput(f"multiverse.{axis}", given[axis], f"there is no such axis; {choices(axis, AXES)}")
    base = study.with_options(quick=True, until_decided=False, max_seeds=StudyConfig.max_seeds)
    default: dict[str, tuple[Any, ...]] = {
        "lr": RATES,
        "frequency": FREQUENCIES if base.target == "islands" else (base.frequency,),
        "hidden": (base.hidden, tuple(min(256, WIDER * width) for width in base.hidden)),
        "placement": PLACEMENTS,
        "observer": OBSERVERS,
        "metric": METRICS,
    }
    values = {axis: _checked(axis, given[axis], base) if axis in given else default[axis] for axis in AXES}
    return Multiverse(base, **{axis: _with_own(axis, chosen, base) for axis, chosen in values.items()})


def read_multiverse(path: Path, field: str = "STUDY.toml") -> Multiverse:
    """Return the multiverse of a study file, with its table `[multiverse]` or, without one, the default axes.

    Raises:
        BadInput: no such file, not readable as TOML, a bad key or value.
    """
    values = toml_values(path, field)
    axes = values.pop("multiverse", None)
    try:
        return multiverse_of(from_mapping(values), axes)
    except BadInput as error:
        raise BadInput(f"{path}: {error.field}", error.value, error.allowed) from None


def held_multiverse(path: Path, field: str = "out") -> Multiverse:
    """Return the multiverse of a folder's study file.

    Raises:
        BadInput: the folder holds a run, not a multiverse.
    """
    if "multiverse" not in toml_values(path, field):
        allowed = "it holds a run and no multiverse; choose another folder, or --fresh to empty it"
        raise BadInput(field, str(path.parent), allowed)
    return read_multiverse(path, field)


def _checked(axis: str, given: Any, base: StudyConfig) -> tuple[Any, ...]:
    """Return the values of one axis, validated and typed as in a `StudyConfig`."""
    field = f"multiverse.{axis}"
    inner = "lists of widths such as [8, 8, 8]" if axis == "hidden" else "values"
    if not isinstance(given, list | tuple) or not 1 <= len(given) <= MOST:
        raise BadInput(field, given, f"a list of 1 to {MOST} {inner} is needed")
    found = []
    for value in given:
        if axis == "hidden" and not isinstance(value, list | tuple):
            raise BadInput(field, value, f"a list of {inner} is needed")
        if axis in CHOICES or axis == "metric":
            allowed = CHOICES.get(axis, METRICS)
            if value not in allowed:
                raise BadInput(field, value, choices(str(value), allowed))
            found.append(value)
            continue
        plain = tuple(value) if isinstance(value, list) else value
        try:
            found.append(getattr(from_mapping({**asdict(base), axis: plain}), axis))
        except BadInput as error:
            raise BadInput(field, error.value, error.allowed) from None
    return tuple(found)


def _with_own(axis: str, values: tuple[Any, ...], base: StudyConfig) -> tuple[Any, ...]:
    """Return the values of an axis with the study's own, each once: numbers ascending, words in their usual order."""
    if axis == "metric":
        return tuple(metric for metric in METRICS if metric in values)
    own = getattr(base, axis)
    if axis == "hidden":
        return tuple(dict.fromkeys(values if own in values else (own, *values)))
    if axis in CHOICES:
        return tuple(choice for choice in CHOICES[axis] if choice in {own, *values})
    return tuple(sorted({own, *values}))
