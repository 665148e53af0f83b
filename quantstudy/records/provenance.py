"""Where numbers come from: versions, processor, commit. Importing this file loads no torch."""

import functools
import platform
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

PACKAGES = (
    "quantstudy",
    "torch",
    "torchao",
    "triton",
    "numpy",
    "noise",
    "scipy",
    "contourpy",
    "scikit-image",
    "pyarrow",
    "numba",
    "llvmlite",
)

SOURCES = ("quantstudy", "kernels", "experiments", "pyproject.toml", "constraints.txt")
"""Of a checkout, what numbers depend on, but for notes (`.md`)."""

INSTRUCTION_SETS = frozenset(
    (
        *("sse41", "sse42", "avx", "avx2", "avxvnni", "bmi2", "f16c", "fma"),
        *("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx512ifma", "avx512vbmi", "avx512vbmi2"),
        *("avx512vnni", "avx512bitalg", "avx512vpopcntdq", "avx512bf16", "avx512fp16"),
        *("amxtile", "amxint8", "amxbf16", "neon", "sve"),
    )
)
"""Instruction sets by which PyTorch, oneDNN, MKL, OpenBLAS and NumPy choose their code; no other features count."""


@functools.cache  # half a millisecond each time, and a study has thousands of cells
def version(name: str) -> str:
    """Return a package's version, without its local part (`2.13.0+cpu` is 2.13.0).

    Raises:
        PackageNotFoundError: it is not installed.
    """
    return metadata.version(name).partition("+")[0]


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that numbers depend on; absent packages are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def engine_versions() -> dict[str, str]:
    """Return the versions of what writes and runs exported networks; what is not installed is left out."""
    found = {}
    for name in ("onnx", "onnxruntime"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@functools.cache
def processor() -> dict[str, Any]:
    """Return a description of the processor; two of the same name need not have the same instructions.

    Returns:
        `name` as it calls itself; `vendor`; `family`, `model`, `stepping` (numbers); `instruction_sets`, the sorted
        ones of INSTRUCTION_SETS. None for what is known on Linux on x86 only, if this is another system.
    """
    cpuinfo = _cpuinfo()
    numbers = {name: cpuinfo.get(key) for name, key in (("family", "cpu family"), ("model", "model"))}
    numbers["stepping"] = cpuinfo.get("stepping")
    features = cpuinfo["flags"].split() if "flags" in cpuinfo else _features()
    # Linux writes avx512_vnni and sse4_1, LLVM avx512vnni and sse4.1
    plain = {re.sub(r"[-_.]", "", feature) for feature in features}
    return {
        "name": cpuinfo.get("model name") or platform.processor() or platform.machine(),
        "vendor": cpuinfo.get("vendor_id"),
        **{name: int(number) if number and number.isdecimal() else None for name, number in numbers.items()},
        "instruction_sets": sorted(plain & INSTRUCTION_SETS),
    }


def described(found: Mapping[str, Any]) -> str:
    """Return a processor (`processor`) in words.

    >>> sets = ["avx", "avx2", "avx512bw", "avx512dq", "avx512f", "avx512vl", "fma"]
    >>> described({"name": "Some", "family": 25, "model": 1, "stepping": 0, "instruction_sets": sets})
    'Some (family 25, model 1, stepping 0, AVX-512)'
    """
    parts = [f"{key} {found[key]}" for key in ("family", "model", "stepping") if found[key] is not None]
    return f"{found['name']} ({', '.join([*parts, widest(found['instruction_sets'])])})"


def widest(sets: list[str]) -> str:
    """Return the name of the widest vector instructions among instruction sets, at the levels that libraries use.

    >>> widest(["avx", "avx2", "fma"]), widest(["avx", "avx2"])
    ('AVX2', 'neither AVX-512 nor AVX2 with FMA')
    """
    for name, needed in (("AVX-512", ("avx512f", "avx512bw", "avx512dq", "avx512vl")), ("AVX2", ("avx2", "fma"))):
        if {*needed} <= {*sets}:
            return name
    return "neither AVX-512 nor AVX2 with FMA"


def _cpuinfo() -> dict[str, str]:
    """Return the entry of the first core in Linux's /proc/cpuinfo; empty elsewhere."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _features() -> list[str]:
    from llvmlite import binding  # takes a tenth of a second; only where /proc/cpuinfo lacks the flags

    return [name for name, there in binding.get_host_cpu_features().items() if there]


def commit() -> str | None:
    """Return the commit of the checkout that this package runs from, None without one.

    `-dirty` is added where something that numbers depend on (`SOURCES`) is changed or new since: results that are
    written meanwhile are not, or of several that one command makes all but the first would be called so.
    """
    try:
        _git("ls-files", "--error-unmatch", __file__)
        changed = _git("status", "--porcelain", "--", *(f":/{place}" for place in SOURCES), ":(top,exclude)*.md")
        return _git("rev-parse", "--short", "HEAD") + ("-dirty" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    # without optional locks: a run that is killed here must not leave the checkout locked
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).resolve().parent), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
