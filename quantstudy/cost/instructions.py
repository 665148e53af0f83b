"""Start the counting of instructions in a process of its own, and hand over what it found."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from quantstudy.errors import StudyFailure

TARGET = "sm_90"
"""The GPU that instructions are counted for."""

COUNTS = tuple(
    f"{what}_{direction}" for what in ("mufu", "instructions", "registers") for direction in ("forward", "backward")
)
"""What is counted: per element, registers per thread."""


def count_instructions(kernels: Sequence[str]) -> dict[str, dict[str, float]] | None:
    """Return the counts of each kernel (`COUNTS`), None where Triton is not installed.

    Args:
        kernels: names as `Activation.kernel` has them.

    Raises:
        StudyFailure: Triton could not compile or disassemble them.
    """
    if importlib.util.find_spec("triton") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
        done = subprocess.run(
            [sys.executable, "-m", "quantstudy.cost.counting", *kernels],
            env=environment | {"TRITON_CACHE_DIR": folder},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise StudyFailure(f"counting instructions: Triton could not compile the kernels: {last}")
    found: dict[str, dict[str, float]] = json.loads(done.stdout)
    return found
