"""Make a failing study smaller: leave out and lessen what it needs not, as long as it fails alike."""

import itertools
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tests.fuzz.checks import check
from tests.fuzz.studies import Case

PLAIN = {
    **{"steps": 20, "grid": 9, "batch": 64, "lr": 0.1, "frequency": 3.0, "allowed_drop": 0.02, "learned": 0.0},
    **{"assurance": 0.8, "min_accuracy": 0.0},
    **{"input_bits": "none", "quick": True, "placement": "post", "observer": "minmax", "trainer": "fused"},
    "weight_observer": "symmetric",
}
"""What a study has where it does not matter."""


def smaller(case: Case, problem: Exception, here: Path, end: float) -> Case:
    """Return a study that fails as this one does and of which no part can be left out, or what was found by then.

    Args:
        case: the study.
        problem: what was wrong with it.
        here: a folder that is made anew for each study and removed.
        end: of the time, as `time.monotonic` has it.
    """
    wanted, tried = _kind(problem), {case.toml()}
    going = True
    while going:
        going = False
        for less in _less(case):
            if time.monotonic() >= end:
                return case
            if less.toml() not in tried and _fails(less, here) == wanted:
                case, going = less, True
                break
            tried.add(less.toml())
    return case


def _fails(case: Case, here: Path) -> str | None:
    try:
        check(case, here)
    except Exception as problem:
        return _kind(problem)
    return None


def _kind(problem: Exception) -> str:
    """Return what was wrong without what is another in every study: names, numbers, lists."""
    plain = re.sub(r"\[.*?\]|\(.*?\)|'.*?'", "", str(problem).partition("\n")[0])
    return type(problem).__name__ + re.sub(r"\S*[\d:@_]\S*", "", plain)[-60:]


def _less(case: Case) -> Iterator[Case]:
    study = case.study
    changes = [
        *({"activations": [name]} for name in study["activations"]),
        *({"activations": [n for n in study["activations"] if n != name]} for name in study["activations"]),
        *({"bits": [b]} for b in study["bits"] if len(study["bits"]) > 1),
        *({"seeds": seeds} for seeds in (1, 2, 3) if seeds < study["seeds"]),
        *({"hidden": hidden} for hidden in _narrower(study["hidden"])),
        *({key: value} for key, value in PLAIN.items() if key in study),
    ]
    if "until_decided" in study:
        yield replace(case, study={k: v for k, v in study.items() if k not in ("until_decided", "max_seeds")})
    if case.figures:
        yield replace(case, figures=())
        yield from (replace(case, figures=(name,)) for name in case.figures)
    for change in changes:
        if all(change.values()) or not any(isinstance(value, list) for value in change.values()):
            yield replace(case, study=study | change)


def _narrower(hidden: list[int]) -> Iterator[list[int]]:
    for layer, width in itertools.product(range(len(hidden)), (0, 1, 4)):
        if width < hidden[layer]:
            shorter = [*hidden[:layer], *([width] if width else []), *hidden[layer + 1 :]]
            if shorter:
                yield shorter
