"""Count the instructions of the Triton kernels as they are compiled for a GPU; needs no GPU. Runs as a program.

It has a process of its own (`instructions`): Triton's interpreter and its compiler cannot share one, and whoever set
`TRITON_INTERPRET` before the first import has chosen.

A kernel also computes addresses, and divides once per program (a reciprocal, on the special-function unit). So it is
compiled twice, for 2 and for 4 elements a thread: half the difference is what one element costs, its load and its
store included, and everything that a thread does once cancels. At 8 elements and more ptxas begins to compute things
again to save registers, and the difference grows.
"""

import json
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

CAPABILITY = 90
"""sm_90."""

WARPS, FEW, MANY = 4, 2, 4
"""Warps per program; elements a thread handles in the two compilations."""

KERNELS: dict[str, tuple[str, dict[str, Any]]] = {
    "forward": ("map_kernel", {"DERIVATIVE": False}),
    "backward": ("backward_kernel", {}),
}
"""The kernel of each direction and its constants, the activation and the block left out."""

_INSTRUCTION = re.compile(r"^\S+\s+(?:@!?\w+\s+)?([A-Z][A-Z0-9_.]*)\b.*;")


def count(names: Sequence[str], kernels: ModuleType) -> dict[str, dict[str, float]]:
    """Return, per kernel, `mufu_*` and `instructions_*` per element and `registers_*` per thread; * is a direction.

    Args:
        names: as the kernels know them (`Activation.kernel`).
        kernels: the module that holds them, `quantstudy_kernels.triton.activation`.
    """
    jobs = [(kernels, name, direction, elements) for name in names for direction in KERNELS for elements in (FEW, MANY)]
    with ThreadPoolExecutor(2) as pool:  # most of the time is spent in ptxas and nvdisasm, processes of their own
        counts = dict(zip([job[1:] for job in jobs], pool.map(lambda job: _compiled(*job), jobs), strict=True))
    found: dict[str, dict[str, float]] = {name: {} for name in names}
    for name in names:
        for direction in KERNELS:
            few, many = counts[name, direction, FEW], counts[name, direction, MANY]
            for what in ("mufu", "instructions"):
                found[name][f"{what}_{direction}"] = _plain_number((many[what] - few[what]) / (MANY - FEW))
            found[name][f"registers_{direction}"] = many["registers"]
    return found


def opcodes(sass: str) -> list[str]:
    """Return the opcode of every instruction in a disassembly, padding left out.

    >>> opcodes("--:-:1:-:2\\t@!P1 MUFU.EX2 R5, R4;\\n02:-:-:Y:4\\tFMUL R5, R5, R5;\\n--:-:-:Y:0\\tNOP;\\n")
    ['MUFU.EX2', 'FMUL']
    """
    found = (_INSTRUCTION.match(line.strip()) for line in sass.splitlines())
    return [match[1] for match in found if match and match[1] != "NOP"]


def _compiled(kernels: ModuleType, name: str, direction: str, elements: int) -> dict[str, int]:
    from quantstudy_kernels.triton.compiled import compile_kernel  # not where its interpreter may be at work

    kernel_name, constants = KERNELS[direction]
    kernel = getattr(kernels, kernel_name)
    constants = {**constants, "NAME": name, "BLOCK": 32 * WARPS * elements}
    types = {parameter.name: _type(parameter.name) for parameter in kernel.params if not parameter.is_constexpr}
    compiled = compile_kernel(
        kernel, types, constants, capability=CAPABILITY, warps=WARPS, enable_fp_fusion=False
    )  # without fusion, as the product launches them
    found = opcodes(compiled.sass)
    special = sum(opcode.partition(".")[0] == "MUFU" for opcode in found)
    return {"mufu": special, "instructions": len(found), "registers": compiled.registers}


def _type(parameter: str) -> str:
    return "*fp32" if parameter.endswith("_ptr") else "fp32" if parameter == "cap" else "i32"


def _plain_number(value: float) -> float:
    return int(value) if value == int(value) else value


if __name__ == "__main__":
    from quantstudy_kernels.triton import activation

    print(json.dumps(count(sys.argv[1:], activation)))
