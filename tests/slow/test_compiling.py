"""Machine code: what one worker prepares is all that measuring needs."""

from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from numba.core.dispatcher import Dispatcher
from quantstudy.engine import worker
from quantstudy.engine.cells import cells
from quantstudy.config.study import StudyConfig

def compiled():
    modules = [module for name, module in sys.modules.items() if name.startswith("quantstudy_kernels.cpu")]
    functions = {id(f): f for module in modules for f in vars(module).values() if isinstance(f, Dispatcher)}
    return sorted(f.__name__ for f in functions.values() if f.stats.cache_misses)

worker.prepare_to_measure()
folder = Path(sys.argv[1])
(folder / "cells").mkdir()
study = StudyConfig(activations=("prelu", "relu@3"), seeds=2, steps=20, batch=64, grid=17, hidden=(5, 3))
for unit in cells("train", study):
    worker.run(folder, study, unit)
before = compiled()
for unit in cells("measure", study):
    worker.run(folder, study, unit)
print(len(before), *sorted({*compiled()} - {*before}))
"""


def test_nothing_is_left_to_compile_for_measuring(tmp_path: Path, python: Callable[..., str]) -> None:
    code = f"import sys; sys.argv = ['', {str(tmp_path)!r}]\n{PROGRAM}"
    compiled, *later = python(code, NUMBA_CACHE_DIR=str(tmp_path / "compiled")).split()
    assert int(compiled) > 20
    assert later == []
