"""The cost table: everything that is counted and measured of every activation, as plain values that JSON takes."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from quantstudy.activations.catalogue import Activation
from quantstudy.cost.instructions import COUNTS, TARGET, count_instructions
from quantstudy.cost.memory import added_bytes, saved_bytes
from quantstudy.cost.timing import ELEMENTS, REFERENCE, ROUNDS, time_activations
from quantstudy.records.provenance import described, processor, versions


def cost_table(
    activations: Sequence[Activation], *, progress: Callable[[str, int, int], None] = lambda stage, done, total: None
) -> dict[str, Any]:
    """Measure what each activation costs and return the table that `cost.json` holds.

    Args:
        activations: which, each once.
        progress: called with the stage "cost", how many of its steps are done, and how many there are.

    Returns:
        `{"activations": {name: {...}}, ...}`; per activation what is `counted`, and `nanoseconds`:
        `{"cpu": {way: ...}, "gpu": {way: ...} or None}` (`timing`). Beside them `counted` (whether there is Triton),
        `target`, `processor`, `gpu` (its name or None), `timing` (elements of one call, rounds, what ratios are taken
        to) and `versions`.

    Raises:
        StudyFailure: Triton could not compile the kernels, or a function from outside failed.
    """
    activations = [activation.bare for activation in activations]
    steps = 3

    def step(done: int) -> None:
        progress("cost", done, steps)

    step(0)
    counts, with_triton = counted(activations)
    step(1)
    on_cpu = time_activations(activations)
    step(2)
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    on_gpu = time_activations(activations, "gpu") if gpu else {}
    step(3)
    return {
        "activations": {
            name: {**found, "nanoseconds": {"cpu": on_cpu[name], "gpu": on_gpu.get(name)}}
            for name, found in counts.items()
        },
        "counted": with_triton,
        "target": TARGET,
        "processor": described(processor()),
        "gpu": gpu,
        "timing": {"elements": ELEMENTS, "rounds": ROUNDS, "ratio_to": REFERENCE},
        "versions": versions(),
    }


def counted(activations: Sequence[Activation]) -> tuple[dict[str, dict[str, Any]], bool]:
    """Count what each activation costs; facts of the code, nothing is timed.

    Args:
        activations: which, each once.

    Returns:
        Per activation `mufu_*` and `instructions_*` per element and `registers_*` per thread (None without Triton, or
        without a kernel), `saved_bytes` and `added_bytes` per way (`memory`), `bounded`; and whether there is Triton.

    Raises:
        StudyFailure: Triton could not compile the kernels, or a function from outside failed.
    """
    counts = count_instructions(list(dict.fromkeys(a.kernel for a in activations if a.kernel is not None)))
    found = {
        a.name: {
            **{what: None if counts is None or a.kernel is None else counts[a.kernel][what] for what in COUNTS},
            "saved_bytes": saved_bytes(a),
            "added_bytes": added_bytes(a),
            "bounded": a.bounded,
        }
        for a in activations
    }
    return found, counts is not None
