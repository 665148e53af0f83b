"""The measure that activations are ranked and deployed by, one per task: its columns, its unit, its settings."""

from typing import NamedTuple


class Ranked(NamedTuple):
    """A measure of the quantized networks at the held-out points; higher is better.

    Attributes:
        noun: what it is called: `accuracy`, `PSNR`.
        unit: `fraction` or `dB`, as verdict.json has it.
        quantized: name of its column after quantization.
        float: of the float network.
        drop: of the difference, float minus quantized, paired by seed.
        even: after quantization, on the half of the held-out points where the best of several networks is chosen.
        odd: on the other half, where it is judged.
        drop_even: of the difference on the former half; recorded of repaired networks, of which one is chosen there.
        drop_odd: on the other half.
        trivial: of the best constant answer; recorded where `learned` is `halfway`.
        allowed: the setting that says how large `drop` may be, in this unit.
        disturbed: a network measure of how much of the output changes, lower is better: which seed is shown goes by it.
    """

    noun: str
    unit: str
    quantized: str
    float: str
    drop: str
    even: str
    odd: str
    drop_even: str
    drop_odd: str
    trivial: str
    allowed: str
    disturbed: str


def _ranked(noun: str, unit: str, stem: str, allowed: str, disturbed: str) -> Ranked:
    return Ranked(
        noun,
        unit,
        quantized=f"{stem}_quantized",
        float=f"{stem}_float",
        drop=f"{stem}_drop",
        even=f"{stem}_quantized_even",
        odd=f"{stem}_quantized_odd",
        drop_even=f"{stem}_drop_even",
        drop_odd=f"{stem}_drop_odd",
        trivial=f"{stem}_trivial",
        allowed=allowed,
        disturbed=disturbed,
    )


RANKED = {
    "classes": _ranked("accuracy", "fraction", "heldout_accuracy", "allowed_drop", "flip_rate"),
    "regression": _ranked("PSNR", "dB", "heldout_psnr", "allowed_psnr_drop", "psnr_drop"),
}
"""By task."""
