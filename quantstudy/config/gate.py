"""What a gate asks: limits, and of which networks; from options or a TOML file. Loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from quantstudy.config.allowed import REAL_NUMBERS, WHOLE_NUMBERS
from quantstudy.config.checks import real_number, whole_number
from quantstudy.config.metrics import RANKED
from quantstudy.config.toml import toml_values
from quantstudy.errors import BadInput, choices
from quantstudy.quantize.recover.names import PLAIN, parse_recipe
from quantstudy.quantize.scheme import parse_scheme


class Kind(NamedTuple):
    """A kind of limit.

    Attributes:
        metric: the column of a run that it bounds.
        unit: `fraction` or `dB`.
        highest: largest limit; the smallest is 0.
        most: the value may be at most the limit, else at least.
        against: the column by which a network is compared with that of another run, whose sign is `more`.
        more: 1 where a larger value of that column is worse, else -1.
    """

    metric: str
    unit: str
    highest: float
    most: bool
    against: str
    more: int


_CLASSES, _NUMBERS = RANKED["classes"], RANKED["regression"]

KINDS: Mapping[str, Kind] = {
    "max_flip_rate": Kind("flip_rate", "fraction", 1.0, True, "flip_rate", 1),
    "max_accuracy_drop": Kind(_CLASSES.drop, "fraction", 1.0, True, _CLASSES.quantized, -1),
    "max_psnr_drop": Kind(_NUMBERS.drop, "dB", REAL_NUMBERS["allowed_psnr_drop"][1], True, _NUMBERS.quantized, -1),
    "min_accuracy": Kind(_CLASSES.quantized, "fraction", 1.0, False, _CLASSES.quantized, -1),
}
"""Every limit. Divergence (KL) is none: logits may move far where no decision changes, and little where many do."""


def option_of(key: str) -> str:
    """Return a key as it is typed.

    >>> option_of("max_flip_rate")
    '--max-flip-rate'
    """
    return f"--{key.replace('_', '-')}"


@dataclass(frozen=True)
class GateConfig:
    """What a gate asks; building one checks every field and raises `BadInput` on the first bad one.

    Attributes:
        max_flip_rate: largest share of points whose class changes, a fraction; None: no limit, as of all four.
        max_accuracy_drop: largest drop of held-out accuracy, a fraction.
        max_psnr_drop: the same of the peak signal-to-noise ratio, dB, for a target of numbers.
        min_accuracy: least held-out accuracy after quantization, a fraction.
        assurance: least share of the networks that must be within all limits; None: the run's own.
        scheme: how they are quantized; empty: the run's focus.
        activation: theirs, by any of its names; empty: the best of the run.
        recipe: by what they are repaired; empty: by nothing.
        network: seed of the one network that ships; None: it is about all that are trained this way.
        baseline: folder of another run; the limits hold for how much worse the run is; empty: for how much is lost.
        junit: file for the outcome as JUnit XML; empty: none.
        markdown: file for the outcome as Markdown; empty: none.
    """

    max_flip_rate: float | None = None
    max_accuracy_drop: float | None = None
    max_psnr_drop: float | None = None
    min_accuracy: float | None = None
    assurance: float | None = None
    scheme: str = ""
    activation: str = ""
    recipe: str = ""
    network: int | None = None
    baseline: str = ""
    junit: str = ""
    markdown: str = ""

    def __post_init__(self) -> None:
        for key, value in self._checked().items():
            object.__setattr__(self, key, value)
        if not self.limits:
            raise BadInput("limits", "none", f"at least one of {', '.join(map(option_of, KINDS))}")
        if self.network is not None and self.assurance is not None:
            raise BadInput("assurance", self.assurance, "a share of many networks, hence not together with --network")
        for key in ("network", "min_accuracy"):
            if self.baseline and getattr(self, key) is not None:
                raise BadInput(key, getattr(self, key), "not together with --baseline, which compares all networks")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that were given, by their names, in the order of KINDS."""
        return {key: value for key in KINDS if (value := getattr(self, key)) is not None}

    def _checked(self) -> dict[str, Any]:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, str) and not isinstance(value, str):
                raise BadInput(field.name, value, "text is needed")
        found: dict[str, Any] = {
            key: real_number(key, getattr(self, key), 0.0, kind.highest)
            for key, kind in KINDS.items()
            if getattr(self, key) is not None
        }
        if self.assurance is not None:
            found["assurance"] = real_number("assurance", self.assurance, *REAL_NUMBERS["assurance"])
        if self.network is not None:
            found["network"] = whole_number("network", self.network, 0, WHOLE_NUMBERS["seeds"][1] - 1)
        if self.scheme:
            found["scheme"] = str(parse_scheme(self.scheme))
        if self.recipe:
            found["recipe"] = _recipe(self.recipe)
        return found


def gate_of(file: Path | None, given: Mapping[str, Any]) -> GateConfig:
    """Return what a gate asks, by a TOML file of flat keys and by options, which override it.

    Args:
        file: the file, None without one.
        given: options by key; None: not given.

    Raises:
        BadInput: no such file, not readable as TOML, an unknown key, or a bad value.
    """
    held: Mapping[str, Any] = {}
    if file is not None:
        held = toml_values(file, "config")
        try:
            _require_keys(held)
            _each_alone(held)
        except BadInput as error:
            raise BadInput(f"{file}: {error.field}", error.value, error.allowed) from None
    return GateConfig(**{**held, **{key: value for key, value in given.items() if value is not None}})


def _require_keys(held: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(GateConfig)]
    for key, value in held.items():
        if key not in known:
            raise BadInput(key, value, f"there is no such key; {choices(key, known)}")
        if isinstance(value, str) and key in (*KINDS, "assurance", "network"):
            raise BadInput(key, value, "numbers stand without quotes")


def _each_alone(held: Mapping[str, Any]) -> None:
    """Check every value by itself: one that an option overrides must be good, too."""
    for key, value in held.items():
        GateConfig(**({} if key in KINDS else {"max_flip_rate": 0.0}) | {key: value})


def _recipe(text: str) -> str:
    try:
        name = str(parse_recipe(text))
    except BadInput as error:
        raise BadInput("recipe", error.value, error.allowed) from None
    if name == PLAIN:
        raise BadInput("recipe", text, "a recipe of a repair; without --recipe networks as they are quantized")
    return name
