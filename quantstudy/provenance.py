"""Where numbers come from: versions, processor, commit. Importing this file loads no torch."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

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
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of every package that numbers depend on; absent packages are left out."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """Return the processor's model name, or what Python knows of it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the commit of the checkout that this package runs from (`-dirty` if it was changed), None outside one."""
    here = Path(__file__).resolve().parent
    git = ("git", "-C", str(here))
    try:
        inside = subprocess.run([*git, "ls-files", "--error-unmatch", __file__], capture_output=True, check=False)
        if inside.returncode:
            return None
        described = subprocess.run(
            [*git, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return described.stdout.strip() or None
