"""Which activation function survives post-training quantization of a small network, and how sure can one be?

>>> import quantstudy
>>> study = quantstudy.StudyConfig(activations=("relu", "hardgelu"), seeds=4)
>>> [str(scheme) for scheme in study.all_schemes][:4]
['w4', 'a4', 'w4a4', 'w4a8dyn']
"""

import importlib
from typing import Any

_API = {
    "ACTIVATIONS": "quantstudy.activations.catalogue",
    "METRICS": "quantstudy.drift.catalogue",
    "BadInput": "quantstudy.errors",
    "Run": "quantstudy.records.run",
    "StudyConfig": "quantstudy.config.study",
    "StudyFailure": "quantstudy.errors",
    "Sweep": "quantstudy.config.sweep",
    "objects_at": "quantstudy.records.objects",
    "open_run": "quantstudy.records.run",
    "read_sweep": "quantstudy.config.sweep",
    "read_toml": "quantstudy.config.toml",
    "run_study": "quantstudy.engine.pipeline",
    "run_sweep": "quantstudy.engine.sweep",
    "sweep_of": "quantstudy.config.sweep",
    "table_of": "quantstudy.records.swept",
    "target_of": "quantstudy.targets.arrays",
    "torchao_configs": "quantstudy.quantize.torchao_configs",
    "workers": "quantstudy.engine.executors",
}

__all__ = list(_API)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import quantstudy` stays quick."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_API[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_API])
