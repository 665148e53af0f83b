"""Settings that belong together, by name. Importing this file loads no torch."""

from typing import Any

from quantstudy.errors import BadInput, choices

_CAPPED = ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish")

PRESETS: dict[str, dict[str, Any]] = {
    "ntc": {
        "name": "ntc",
        "activations": ("hardgelu", *(f"{name}@3" for name in _CAPPED), *_CAPPED),
        "bits": (8,),
        "schemes": ("wf8af8-w8a8",),
        "observer": "fixed",
        "weight_observer": "restricted",
        "input_bits": 8,
        "input_rounding": "truncate",
        "quick": True,
    },
}
"""What `--preset` takes. `ntc`: how neural texture compression ships networks with hardgelu.

Its outputs have the fixed range [−3/16, 3] and are not calibrated: at 8 bits 255 steps of 1/80, the code of 0 is −113.
Weights are 8-bit integers per output channel within ±127, inputs x · 127.5 cut off towards 0; hidden layers may be
floats of 8 bits (E4M3) with a last layer of integers. Other activations run with a cap of 3 on the range from their own
minimum to 3, where they have one, and without a cap, calibrated.
"""


def preset_named(name: str) -> dict[str, Any]:
    """Return the settings of a preset: field → value.

    Raises:
        BadInput: there is none of that name.
    """
    if name not in PRESETS:
        raise BadInput("preset", name, choices(name, tuple(PRESETS)))
    return PRESETS[name]
