"""The finding of the bit cliff: known curves in, known sentences out."""

from typing import Any

import numpy as np
import pytest

from quantstudy.config.study import StudyConfig
from quantstudy.judge.cliff import smallest
from quantstudy.words.figures.cliff import limits, title

BITS = (2, 3, 4, 5, 6, 7, 8, 16)
Rates = list[float | None]


def said(both: dict[str, Rates], seeds: int = 16, **settings: Any) -> str:
    """Return the title of curves at `BITS` with weights and activations quantized."""
    config = StudyConfig(activations=tuple(both), seeds=seeds, **settings)
    mean = np.array(list(both.values()), dtype=np.float64)
    found = {
        key: [smallest(row[:, None], BITS, limit) for row in mean]
        for key, limit in limits(config.ranked.disturbed).items()
    }
    return title(config, np.array(BITS), mean, found).replace("\u00a0", " ")


HIGH = [0.5, 0.4, 0.3, 0.2, 0.04, 0.009, 0.001, 0.0]
MILD = [0.5, 0.1, 0.03, 0.02, 0.008, 0.004, 0.001, 0.0]
STAYS = [0.5, 0.1, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02]
WORST = [0.5, 0.4, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2]
TINY = [0.008, *[0.0] * 7]
LAST_UNKNOWN = [*HIGH[:-1], None]


EVERY = "from {} bits on every activation flips at most"
OVER = "more than 5 % of the pixels"


@pytest.mark.parametrize(
    ("rates", "words_of_it"),
    [
        ([HIGH, HIGH], f"2 of 2 activations flip {OVER}; {EVERY.format(6)} 5 %, from 7 on at most 1 %"),
        ([HIGH, MILD, MILD], f"1 of 3 activations flips {OVER}; {EVERY.format(6)} 5 %, from 7 on at most 1 %"),
        ([MILD] * 3, "all 3 activations flip more than 1 % of the pixels; "
                     f"{EVERY.format(4)} 5 %, from 6 on at most 1 %"),
        ([STAYS, HIGH], f"1 of 2 activations flips {OVER}; "
                        f"{EVERY.format(6)} 5 %, but 1 of 2 still flips more than 1 % at 16 bits"),
        ([WORST, WORST, HIGH], f"all 3 activations flip {OVER}; 2 of 3 still flip more than 5 % at 16 bits"),
        ([TINY] * 3, f"all 3 activations flip at most 1 % of the pixels; {EVERY.format(2)} 1 %"),
        ([LAST_UNKNOWN, HIGH], f"2 of 2 activations flip {OVER}"),
        ([[None] * 8, HIGH], f"1 of 1 measured activations flips {OVER}"),
    ],
)  # fmt: skip
def test_the_finding(rates: list[Rates], words_of_it: str) -> None:
    curves = dict(zip(("relu", "silu", "gelu"), rates, strict=False))
    assert said(curves) == f"With weights and activations at 4 bits {words_of_it}"


def test_the_finding_of_one_activation_and_of_one_seed() -> None:
    assert said({"gelu": HIGH}, seeds=1) == (
        "One seed: with weights and activations at 4 bits gelu flips 30.0 % of the pixels; "
        "from 6 bits on gelu flips at most 5 %, from 7 on at most 1 %"
    )
    assert said({"gelu": WORST}, bits=(12,)) == "Even at 16 bits gelu flips more than 5 %"  # no 12 bits
