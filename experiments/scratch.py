"""A run in a scratch folder, for experiments that add something to it."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_run(folder: Path | None) -> Iterator[Path]:
    """Yield a copy of a run's folder, or, without one, that of the default study, run now; it is gone afterwards."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "run"
        if folder is None:
            subprocess.run([sys.executable, "-m", "quantstudy", "run", "--bits", "4", "--out", str(copy)], check=True)
        else:
            shutil.copytree(folder, copy)
        yield copy
