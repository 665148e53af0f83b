"""What was measured along one axis of a sweep, under one way to quantize."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantstudy.config.metrics import RANKED, Ranked
from quantstudy.config.study import HALFWAY
from quantstudy.judge.cliff import SCHEMES
from quantstudy.judge.rules import Rule, rule_of
from quantstudy.judge.statistics.bootstrap import ERROR, Floats
from quantstudy.judge.statistics.seeds import DIGITS
from quantstudy.judge.swept_axes import Axis, Place
from quantstudy.judge.swept_values import FLOAT, PLAIN, Key, Values, mean_along
from quantstudy.quantize.scheme import schemes_for

if TYPE_CHECKING:
    from quantstudy.config.sweep import Sweep

Flags = NDArray[np.bool_]

DYNAMIC = "w{0}a8dyn"


class View(NamedTuple):
    """A way to quantize.

    Attributes:
        name: a scheme, a recipe at the focus scheme, or along bits the part that is quantized.
        keys: scheme and recipe: one for all values of an axis, along bits one per width.
    """

    name: str
    keys: tuple[tuple[str, str], ...]


def views_along(name: str, sweep: "Sweep") -> list[View]:
    """Return the ways to quantize that an axis is looked at under, the focus scheme first.

    >>> from quantstudy.config.study import StudyConfig
    >>> from quantstudy.config.sweep import Sweep
    >>> sweep = Sweep(StudyConfig(bits=(4, 6), schemes=("w4a8",)), recipes=("polish",))
    >>> [view.name for view in views_along("width", sweep)]
    ['w4a4', 'w4', 'a4', 'w4a8dyn', 'w4a8', 'polish']
    >>> views_along("bits", sweep)[0]
    View(name='both', keys=(('w4a4', 'plain'), ('w6a6', 'plain'), ('w8a8', 'plain')))
    """
    study = sweep.base
    if name == "bits":
        parts = {part: SCHEMES[part] for part in ("both", "weights", "activations")} | {"dynamic": DYNAMIC}
        widths = sorted(study.bit_widths)
        return [View(part, tuple((text.format(bits), PLAIN) for bits in widths)) for part, text in parts.items()]
    focus = study.focus_scheme
    schemes = dict.fromkeys((focus, *map(str, schemes_for(study.focus_bits)), *map(str, study.added_schemes)))
    plain = [View(scheme, ((scheme, PLAIN),)) for scheme in schemes]
    return [*plain, *(View(recipe, ((focus, recipe),)) for recipe in sweep.recipes)]


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured, and what follows for every setting by itself.

    Attributes:
        score: of the measure that ranks, after quantization, `[activations, values, settings, seeds]`.
        drop: what is lost of it.
        changed: how much of the output changes.
        learned: whether the float networks have learned, `[activations, values, settings]`.
        deployable: whether enough networks pass, likewise.
    """

    score: Floats
    drop: Floats
    changed: Floats
    learned: Flags
    deployable: Flags


def measured(values: Values, axis: Axis, view: View, sweep: "Sweep", activations: int) -> Measured:
    """Return what was measured.

    Args:
        values: the sweep's table.
        axis: along which; of bits it has one value, and the view has a key for each width.
        view: how it is quantized.
        sweep: says from when on networks have learned, and what is allowed.
        activations: how many there are.
    """
    by = RANKED[axis.task]

    def of(metric: str) -> Floats:
        parts = [values.of(Key(*key, metric), axis, activations) for key in view.keys]
        return np.concatenate(parts, axis=1)

    score, drop, changed = (of(metric) for metric in (by.quantized, by.drop, by.disturbed))
    learned = np.repeat(_learned(values, axis, sweep, by, activations), len(view.keys), axis=1)
    return Measured(score, drop, changed, learned, learned & _passing(score, drop, sweep, by))


def _learned(values: Values, axis: Axis, sweep: "Sweep", by: Ranked, activations: int) -> Flags:
    full, trivial = (
        mean_along(values.of(Key(FLOAT, PLAIN, metric), axis, activations), -1) for metric in (by.float, by.trivial)
    )
    best, least = (np.where(np.isfinite(one), one, -np.inf).max(axis=0, initial=-np.inf) for one in (full, trivial))
    with np.errstate(invalid="ignore"):
        halfway = np.where(np.isfinite(best + least), np.round((best + least) / 2.0, DIGITS), np.inf)
    given = _lines(axis, sweep)
    return np.asarray(np.round(full, DIGITS) >= np.where(np.isnan(given), halfway, given))


def _lines(axis: Axis, sweep: "Sweep") -> Floats:
    """Return from which score on networks have learned, `[values, settings]`; NaN for halfway."""

    @cache
    def line(target: str) -> float:
        learned = (sweep.base.with_options(target=target) if target else sweep.base).learned
        return float("nan") if learned == HALFWAY else float(learned)

    def target(value: Any, setting: Place) -> str:
        at: Mapping[str, Any] = {axis.name: value, **dict(zip(axis.others, setting, strict=True))}
        return str(at.get("target", ""))

    return np.array([[line(target(value, one)) for one in axis.settings] for value in axis.values]).reshape(
        len(axis.values), len(axis.settings)
    )


def _passing(score: Floats, drop: Floats, sweep: "Sweep", by: Ranked) -> Flags:
    """Return where enough networks of a setting lose no more than is allowed, as `deployable.suffices` has it."""
    study, rule = sweep.base, rule_of(sweep.base)
    allowed = getattr(study, by.allowed)
    passes = (np.isfinite(drop) & (np.round(drop, DIGITS) <= allowed)).sum(axis=-1)
    enough = np.array(_lows(rule, drop.shape[-1]))[passes] >= study.assurance
    if study.min_accuracy:
        enough &= np.where(np.isfinite(score), score, -np.inf).min(axis=-1) >= study.min_accuracy
    return np.asarray(enough)


@cache
def _lows(rule: Rule, seeds: int) -> tuple[float, ...]:
    """Return the lower bound of the share of networks that pass where 0 … seeds of them do."""
    return tuple(rule.share_low(np.arange(seeds) < passed, ERROR) for passed in range(seeds + 1))
