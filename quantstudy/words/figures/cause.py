"""What stands on the cause figure beside its finding (`words.cause`)."""

from quantstudy.activations.catalogue import BOUNDED
from quantstudy.words.numbers import plural
from quantstudy.words.units import UNITS, Unit
from quantstudy.words.verdict import TESTS

ASKED = {
    "gap": "gap",
    "bound": "bound",
    "shape": "shape",
    "bound_at_inference": "bound at inference",
    "calibration": "calibration",
    "gap_calibrated": "gap, calibrated",
}
"""What a row asks, in the order of the rows: gap = bound + shape (in the means), so these stand together."""
KINDS = ("the first is better", "the first is worse", "not told apart")
"""What the legend calls the colours."""


def without(scheme: str, *, measured: bool, unit: Unit = UNITS["fraction"]) -> tuple[str, str]:
    """Return title and reading of a study without the comparison; `measured`: hardgelu was in it."""
    if measured:
        title = f"What gives {BOUNDED} its {unit.noun} at {scheme}? The interventions were not measured"
        return title, "This run left out the capped and the calibrated variants (as --quick does)."
    title = f"{BOUNDED} is not in this study, so there is no advantage of it to explain"
    return title, f"Run a study with {BOUNDED} among its activations to see what its bound does."


def reading(seeds: int, unit: Unit = UNITS["fraction"]) -> str:
    """Return how to read the figure."""
    over = "one seed, so no intervals and nothing told apart" if seeds == 1 else f"mean over {plural(seeds, 'seed')}"
    interval = "" if seeds == 1 else " with its 95 % interval"
    return (
        f"{unit.title} after quantization of the network named first minus that of the second, in {unit.amount}, "
        "paired by seed "
        f"({over}{interval}). Right of 0 the first is better."
    )


def caption(seeds: int, test: str) -> str:
    """Return the small print; `test` is the name of the study's rule, as verdict.json has it."""
    said = (
        "Gap = bound + shape. Bound: trained with the cap that hardgelu has. Shape: hardgelu against the capped one. "
        "Bound at inference: trained without it, capped only when quantized. Calibration: ranges with the least "
        "squared error instead of the smallest and the largest value."
    )
    if seeds == 1:
        return said
    return (
        f"{said} Told apart: the interval leaves out 0, and {TESTS[test]} agrees after Holm's correction over the "
        "rows of a scheme; the intervals are not corrected."
    )
