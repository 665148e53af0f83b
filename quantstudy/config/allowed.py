"""What each setting of a study may be. Importing this file loads no torch."""

PLACEMENTS = ("post", "pre", "both")
OBSERVERS = ("minmax", "percentile", "mse")
"""Observers that calibrate; `fixed` takes ranges that are given beforehand."""

WEIGHT_OBSERVERS = ("symmetric", "no_clipping")
"""Those that use all codes; `restricted` leaves the lowest one out."""

ROUNDINGS = ("nearest", "truncate")
SCALES = ("any", "pow2")
DEVICES = ("auto", "cpu", "cuda")
TRAINERS = ("fused", "reference")

WHOLE_NUMBERS: dict[str, tuple[int, int]] = {
    "seeds": (1, 10_000),
    "max_seeds": (2, 10_000),
    "steps": (1, 1_000_000),
    "batch": (1, 65_536),
    "grid": (4, 1024),
}
REAL_NUMBERS: dict[str, tuple[float, float]] = {
    "lr": (1e-6, 10.0),
    "frequency": (0.1, 64.0),
    "allowed_drop": (0.0, 1.0),
    "assurance": (0.01, 0.999),
    "allowed_psnr_drop": (0.0, 100.0),
    "min_accuracy": (0.0, 1.0),
}
NUMERIC = frozenset(("bits", "hidden", *WHOLE_NUMBERS, *REAL_NUMBERS))
CHOICES: dict[str, tuple[str, ...]] = {
    "placement": PLACEMENTS,
    "observer": (*OBSERVERS, "fixed"),
    "weight_observer": (*WEIGHT_OBSERVERS, "restricted"),
    "input_rounding": ROUNDINGS,
    "scales": SCALES,
    "device": DEVICES,
    "trainer": TRAINERS,
}

SCHEMES_ONLY = {"observer": "fixed", "weight_observer": "restricted", "input_rounding": "truncate", "scales": "pow2"}
"""Settings that go with `quick`: the questions beyond the schemes compare ways to calibrate."""
