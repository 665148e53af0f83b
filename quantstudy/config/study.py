"""StudyConfig: every setting of a study, validated, from and to TOML. Importing this file loads no torch."""

import functools
import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from quantstudy.activations.catalogue import (
    ACTIVATIONS,
    BOUNDED,
    CAPPED_BASES,
    DEFAULT_ACTIVATIONS,
    UNBOUNDED,
    canonical_name,
)
from quantstudy.config.allowed import CHOICES, REAL_NUMBERS, SCHEMES_ONLY, WHOLE_NUMBERS
from quantstudy.config.checks import (
    activation_names,
    input_bits,
    real_number,
    require_together,
    scheme_names,
    whole_number,
    whole_numbers,
)
from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.errors import BadInput, choices
from quantstudy.quantize.formats import MAX_BITS, MIN_BITS
from quantstudy.quantize.scheme import Scheme, parse_scheme, studied_bits, studied_schemes
from quantstudy.targets.catalogue import parse_target
from quantstudy.targets.target import Target

SEEDS_PER_LOOK = 16
"""Seeds that a study with `until_decided` adds at a time."""

HALFWAY = "halfway"
"""What `learned` is where the line lies halfway between the best constant answer and the best float network."""

OWN_DEFAULTS: dict[str, Any] = {
    "steps": 3000,
    "batch": 1024,
    "lr": 0.1,
    "grid": 128,
    "hidden": (8, 8, 8),
    "learned": HALFWAY,
}
"""Settings that a target chooses, with what they are where it does not say."""

_TARGETS: Any = None  # the target chooses


@dataclass(frozen=True)
class StudyConfig:
    """The settings of one study; building one checks every field and raises `BadInput` on the first bad one.

    Attributes:
        name: names the run folder; letters, digits, `_`, `-` and `.`.
        target: what is learnt: an entry of `targets.catalogue.TARGETS`, a picture, a table, or `module:function`.
        task: `classes` or `regression`; the target's own unless it may be either.
        label: column of a table that is to be predicted; empty: `label`.
        bits: bit widths to study; 8 bits always run as well, as the reference.
        schemes: names of schemes to study beside those of `bits`: `w4a8`, `wf8af8` (see `scheme.parse_scheme`).
        activations: canonical names (`relu`, `relu@3`, `module:function`), in the order of every figure. Users'
            functions are imported when the study is run (`origins.require_functions`), so that a finished one can be
            read without them.
        seeds: number of seeds; they are 0 … seeds − 1.
        steps: Adam steps of training.
        batch: pixels per step, drawn afresh with replacement.
        lr: peak learning rate (10 % warm-up, cosine decay).
        grid: pixels along one side of the plane, at most.
        hidden: neurons of each hidden layer.
        frequency: Perlin noise cells along one side of the plane.
        placement: where activations are quantized: after the activation function, before it, or both.
        observer: how static activation ranges are chosen from the float network's outputs.
        weight_observer: how weight scales are chosen, see `quantizer.weight_quantizer`.
        input_bits: bits that the network's inputs are quantized to wherever activations are, 0 for none.
        input_rounding: to the nearest code, or cut off towards 0 (`quantizer.Truncation`).
        scales: any numbers, or powers of two (`powers.with_powers_of_two`).
        allowed_drop: largest drop of held-out accuracy (a fraction) that the network one ships may have.
        allowed_psnr_drop: the same of the held-out peak signal-to-noise ratio, dB, for a target of numbers.
        assurance: least share of networks trained this way that must stay within `allowed_drop`, for an activation to
            be deployable; this much is shown with 95 % confidence.
        min_accuracy: least held-out accuracy (a fraction) after quantization of every single network; 0 asks for none.
        learned: least mean held-out accuracy in float (a fraction) or PSNR (dB) of an activation that may be deployable
            at all; `halfway`: halfway between the best constant answer and the best float network of the study.
        device: where training and simulation run.
        trainer: the compiled training loop, or the slow reference in torch.
        quick: leave out the questions beyond the schemes: sensitivity, placement, bit cliff, cause.
        until_decided: add seeds in batches until the best is told apart from all others.
        max_seeds: number of seeds at which `until_decided` stops without a decision.
    """

    name: str = "default"
    target: str = "islands"
    task: str = ""
    label: str = ""
    bits: tuple[int, ...] = (4,)
    schemes: tuple[str, ...] = ()
    activations: tuple[str, ...] = DEFAULT_ACTIVATIONS
    seeds: int = 32
    steps: int = _TARGETS
    batch: int = _TARGETS
    lr: float = _TARGETS
    grid: int = _TARGETS
    hidden: tuple[int, ...] = _TARGETS
    frequency: float = 3.0
    placement: str = "post"
    observer: str = "minmax"
    weight_observer: str = "symmetric"
    input_bits: int = 0
    input_rounding: str = "nearest"
    scales: str = "any"
    allowed_drop: float = 0.02
    allowed_psnr_drop: float = 1.0
    assurance: float = 0.8
    min_accuracy: float = 0.0
    learned: float | str = _TARGETS
    device: str = "auto"
    trainer: str = "fused"
    quick: bool = False
    until_decided: bool = False
    max_seeds: int = 128

    def __post_init__(self) -> None:
        for key, value in self._from_target().items():
            object.__setattr__(self, key, value)
        for key, value in self._checked().items():
            object.__setattr__(self, key, value)

    def _from_target(self) -> dict[str, Any]:
        """Return what the target fills in: its canonical name, its task, and the settings that are left to it."""
        for key in ("target", "task", "label"):
            if not isinstance(getattr(self, key), str):
                raise BadInput(key, getattr(self, key), "text is needed")
        entry = self.entry
        left = {
            key: entry.defaults.get(key, usual) for key, usual in OWN_DEFAULTS.items() if getattr(self, key) is None
        }
        return {"target": entry.name, "task": entry.task, **left}

    def _checked(self) -> dict[str, Any]:
        """Return the fields that are numbers or names in their canonical form, all of them checked."""
        if not isinstance(self.name, str) or not re.fullmatch(r"(?!\.)[A-Za-z0-9_.-]{1,64}", self.name):
            raise BadInput("name", self.name, "1 to 64 letters, digits, '_', '-' and '.', not starting with '.'")
        checked: dict[str, Any] = {
            "bits": whole_numbers("bits", self.bits, MIN_BITS, MAX_BITS),
            "schemes": scheme_names(self.schemes),
            "activations": activation_names(self.activations),
            "hidden": whole_numbers("hidden", self.hidden, 1, 256, most=8, distinct=False),
            "input_bits": input_bits(self.input_bits),
        }
        if self.learned != HALFWAY:
            highest = 1.0 if self.task == "classes" else 200.0
            checked["learned"] = real_number("learned", self.learned, 0.0, highest, f"{HALFWAY}, or ")
        for key, (low, high) in WHOLE_NUMBERS.items():
            checked[key] = whole_number(key, getattr(self, key), low, high)
        for key, (lowest, highest) in REAL_NUMBERS.items():
            checked[key] = real_number(key, getattr(self, key), lowest, highest)
        for key, allowed in CHOICES.items():
            if getattr(self, key) not in allowed:
                raise BadInput(key, getattr(self, key), choices(str(getattr(self, key)), allowed))
        for key in ("quick", "until_decided"):
            if not isinstance(getattr(self, key), bool):
                raise BadInput(key, getattr(self, key), "true or false")
        if self.until_decided and checked["max_seeds"] < checked["seeds"]:
            raise BadInput("max_seeds", self.max_seeds, f"at least seeds, which is {checked['seeds']}")
        together = {key: getattr(self, key) for key in (*SCHEMES_ONLY, "quick")}
        require_together(together | {"input_bits": checked["input_bits"]})
        if self.task != "classes" and checked["min_accuracy"]:
            raise BadInput("min_accuracy", self.min_accuracy, f"0 for {self.target}, which has numbers and no classes")
        return checked

    @property
    def entry(self) -> Target:
        """The target; neither its data nor a file of the user's has been read."""
        return parse_target(self.target, task=self.task or None, label=self.label or None)

    @property
    def ranked(self) -> Ranked:
        """What activations are ranked and deployed by."""
        return RANKED[self.task]

    @property
    def has_plane(self) -> bool:
        """Whether the measured points are a plane, which has maps, boundaries and creases."""
        return self.entry.over == "plane"

    @property
    def has_curve(self) -> bool:
        """Whether the measured points lie on a line, so that what a network learns is a curve."""
        return self.entry.over == "line"

    @property
    def all_schemes(self) -> tuple[Scheme, ...]:
        """The schemes of this study, first those of `bits`, then those added by name, each once.

        >>> [str(scheme) for scheme in StudyConfig(bits=(8,), schemes=("w8", "wf8")).all_schemes]
        ['w8', 'a8', 'w8a8', 'w8a8dyn', 'wf8']
        """
        return _schemes_of(self.bits, self.schemes)

    @property
    def added_schemes(self) -> tuple[Scheme, ...]:
        """Those of them that `bits` does not bring."""
        return self.all_schemes[len(studied_schemes(self.bits)) :]

    @property
    def bit_widths(self) -> tuple[int, ...]:
        """The bit widths of this study: `bits`, then 8 as the reference."""
        return studied_bits(self.bits)

    @property
    def asks_cause(self) -> bool:
        """Whether the study asks what in hardgelu makes the difference."""
        return not self.quick and BOUNDED in self.activations

    @property
    def controls(self) -> tuple[str, ...]:
        """Control activations, trained beside those of the study to find out what in hardgelu makes the difference.

        >>> StudyConfig(activations=("relu", "gelu", "hardgelu")).controls
        ('relu@3', 'gelu@3', 'hardgelu_uncapped')
        """
        if not self.asks_cause:
            return ()
        bases = [name for name in CAPPED_BASES if name in self.activations]
        capped = [canonical_name(f"{name}@{ACTIVATIONS[BOUNDED].cap:g}") for name in bases]
        return tuple(name for name in (*capped, UNBOUNDED) if name not in self.activations)

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds after which a study with `until_decided` is judged; without it, its one number of seeds.

        >>> StudyConfig(seeds=8, until_decided=True, max_seeds=48).looks
        (8, 24, 40, 48)
        """
        if not self.until_decided:
            return (self.seeds,)
        return (*range(self.seeds, self.max_seeds, SEEDS_PER_LOOK), self.max_seeds)

    @property
    def quantizes_hidden_outputs_only(self) -> bool:
        """Whether activations are quantized exactly where torchao's configurations do so: the inputs of layers 1 …."""
        return self.placement == "post" and not self.input_bits

    @property
    def focus_bits(self) -> int:
        """The bit width that single-seed figures show: the first of `bits`."""
        return self.bits[0]

    @property
    def focus_scheme(self) -> str:
        """The scheme that titles and the summary are about: weights and activations with `focus_bits` bits.

        >>> StudyConfig(bits=(4, 8)).focus_scheme
        'w4a4'
        """
        return f"w{self.focus_bits}a{self.focus_bits}"

    @property
    def digest(self) -> str:
        """Eight hex digits of a digest of all settings that change numbers (the name does not)."""
        settings = {key: value for key, value in asdict(self).items() if key != "name"}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def run_name(self) -> str:
        """Name of the run folder: the study's name and the digest of its settings."""
        return f"{self.name}-{self.digest}"

    def with_options(self, **options: Any) -> "StudyConfig":
        """Return a copy in which every option that is not None replaces the field of its name.

        With another target come its own settings, in place of those that the old one chose.
        """
        given = {key: value for key, value in options.items() if value is not None}
        if not given.keys() & {"target", "task", "label"}:
            return replace(self, **given)
        chosen = OWN_DEFAULTS | dict(self.entry.defaults)
        old: dict[str, Any] = {key: None for key, value in chosen.items() if getattr(self, key) == value}
        if "target" in given:
            old |= {"task": "", "label": ""}
        return replace(self, **{**old, **given})

    def to_toml(self) -> str:
        """Return the study as TOML; `from_mapping(tomllib.loads(...))` gives an equal study back."""
        import tomli_w

        values = asdict(self) | {"input_bits": self.input_bits or "none"}
        return tomli_w.dumps({key: list(v) if isinstance(v, tuple) else v for key, v in values.items()})


@functools.lru_cache(maxsize=64)  # a sweep asks for the same ones a hundred thousand times
def _schemes_of(bits: tuple[int, ...], named: tuple[str, ...]) -> tuple[Scheme, ...]:
    return tuple(dict.fromkeys((*studied_schemes(bits), *map(parse_scheme, named))))
