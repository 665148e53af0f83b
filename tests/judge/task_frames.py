"""Made-up rows of a sweep over tasks: every number is drawn, or told."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from quantstudy.config.sweep import Sweep

Told = Mapping[tuple[str, str, str], float]
"""(target, activation, measure) → its mean over the seeds."""

MEASURES = {"classes": ("heldout_accuracy", 0.02), "regression": ("heldout_psnr", 1.0)}
"""Stem of the measures of a task, and the loss that is allowed."""


def frame_of(sweep: Sweep, told: Callable[[str, str, str], float], spread: float = 0.1) -> pd.DataFrame:
    """Return the rows of a sweep: scores of `told`, in multiples of the loss allowed below a full score.

    Args:
        sweep: over targets.
        told: target, activation, and `lost` (what it loses to quantization), `float` (what the float network lacks),
            or `range` (log₂ of the largest output) → the mean.
        spread: standard deviation between seeds, in multiples.
    """
    draws, rows = np.random.default_rng(11), []
    for study in sweep.studies:
        stem, allowed = MEASURES[study.task]
        full, trivial = (1.0, 0.5) if study.task == "classes" else (40.0, 10.0)
        for name in study.activations:
            shared = {"target": study.target, "activation": name, "lr": 0.1, "recipe": "plain"}
            for seed in range(study.seeds):
                noise = spread * draws.standard_normal(3)
                in_float = full - allowed * (told(study.target, name, "float") + noise[0])
                quantized = in_float - allowed * (told(study.target, name, "lost") + noise[1])
                largest = told(study.target, name, "range") + noise[2]
                for scheme, metric, value in (
                    ("w4a4", f"{stem}_quantized", quantized),
                    ("float", f"{stem}_float", in_float),
                    ("float", f"{stem}_trivial", trivial),
                    ("float", "hidden_max_log2", largest),
                ):
                    rows.append({**shared, "scheme": scheme, "seed": seed, "metric": metric, "value": value})
    return pd.DataFrame(rows).astype(dict.fromkeys(("target", "activation", "scheme", "metric"), "category"))
