"""Compile a Triton kernel for a GPU that need not be there, and look at what came out.

Triton's wheel brings ptxas, cuobjdump and nvdisasm along, so that registers, spills and instructions can be read
anywhere. It cannot be done in a process in which Triton interprets (`TRITON_INTERPRET=1` at its first import).
"""

import functools
import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton import knobs
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

_USAGE = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)")


@dataclass(frozen=True)
class Compiled:
    """A kernel's machine code and what it takes.

    Attributes:
        cubin: the binary.
        registers: 32-bit registers of one thread.
        spills: bytes of local memory of one thread: registers that did not fit (these kernels use none otherwise).
    """

    cubin: bytes
    registers: int
    spills: int

    @functools.cached_property
    def sass(self) -> str:
        """The disassembly of nvdisasm: one instruction a line after its address in a comment, labels between them."""
        return _ask("nvdisasm", "-c", self.cubin)


def compile_kernel(
    kernel: Any,
    signature: Mapping[str, str],
    constants: Mapping[str, Any],
    *,
    capability: int = 90,
    warps: int = 4,
    enable_fp_fusion: bool = False,
) -> Compiled:
    """Compile one kernel as a launch with these types and constants would.

    A launch also makes use of pointers and sizes that are multiples of 16 (wider loads, the same arithmetic).

    Args:
        kernel: a function decorated with `triton.jit`.
        signature: type of every argument that is no constant, by name: `"*fp32"`, `"fp32"`, `"i32"`, ….
        constants: value of every `tl.constexpr` argument, by name.
        capability: compute capability times ten: 80, 90, 100.
        warps: warps of one program.
        enable_fp_fusion: let a product and a sum become one fused multiply-add. The product's element-wise kernels are
            launched without, so that they round as the reference does.

    Raises:
        RuntimeError: Triton interprets in this process.
        triton.CompilationError: the kernel doesn't compile.
    """
    if knobs.runtime.interpret:
        raise RuntimeError("compile_kernel: TRITON_INTERPRET=1 is set; start a process without it")
    source = ASTSource(kernel, dict(signature) | dict.fromkeys(constants, "constexpr"), constexprs=dict(constants))
    options = {"num_warps": warps, "enable_fp_fusion": enable_fp_fusion}
    built = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
    cubin = built.asm["cubin"]
    return Compiled(cubin, *_resources(cubin))


def _resources(cubin: bytes) -> tuple[int, int]:
    """Registers and bytes of stack and local memory of one thread."""
    report = _ask("cuobjdump", "-res-usage", cubin)
    found = _USAGE.search(report)
    if found is None:
        raise RuntimeError(f"cuobjdump reported no resource usage: {report.strip()!r}")
    return int(found[1]), int(found[2]) + int(found[3])


def _ask(tool: str, question: str, cubin: bytes) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(cubin)
        command = [getattr(knobs.nvidia, tool).path, question, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
