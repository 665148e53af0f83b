"""Which results are the same bytes on every machine; for all others, the machine is part of the key. Loads no torch.

Portable are the activations that have a kernel, trained by the fused trainer and measured on the CPU; for the reason
and the revision of the arithmetic see `quantstudy_kernels.arithmetic`. Everything else runs in libraries that choose
their code by the processor: the last bits of its results differ, and training magnifies them. Rows of the backend
torchao are not portable either, whatever the activation; they are compared with the simulated ones within a tolerance
and decide nothing, so that no key holds a processor because of them.
"""

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quantstudy.activations.catalogue import parse_activation
from quantstudy.config.study import StudyConfig
from quantstudy.records import provenance
from quantstudy.targets.islands import noise_build

DRIVERS = ("nvidia[0-9]*", "dxg", "kfd")
"""Files in /dev; at least one exists where Linux has a GPU driver that torch could use."""

MOST_NAMES = 3
"""Activations that a notice names; if there are more it gives their number, so that it stays short."""

NOISE = "9443aed6008851c3"
"""Digest of the output of `noise` (`islands.noise_build`) if its C code is compiled without fused multiply-add."""


def origin(activation: str, trainer: str, device: str) -> dict[str, Any]:
    """Return the properties of this machine that a key must hold; empty for results that are the same everywhere.

    Args:
        activation: its name.
        trainer: `fused` or `reference`.
        device: `cpu` or `cuda`.
    """
    islands = {} if noise_build() == NOISE else {"noise": noise_build()}
    if _by_kernels(activation, trainer, device):
        return islands
    found = provenance.processor()
    # the vendor, too: MKL chooses its code by it
    chosen_by = {"processor": [found["vendor"], *found["instruction_sets"]]}
    return islands | chosen_by if device == "cpu" else islands | chosen_by | {"gpu": gpu()}


def _by_kernels(activation: str, trainer: str, device: str) -> bool:
    return device == "cpu" and trainer == "fused" and parse_activation(activation).kernel is not None


def not_portable(config: StudyConfig) -> list[str]:
    """Return the activations of a study whose numbers depend on the machine."""
    device = device_of(config.device)
    names = (*config.activations, *config.controls)
    return [name for name in names if not _by_kernels(name, config.trainer, device)]


def notices(config: StudyConfig) -> Iterator[str]:
    """Yield lines that name the activations whose numbers depend on the machine, if any, and say what follows."""
    if noise_build() != NOISE:
        yield (
            "the package noise was compiled with other flags than usual (CFLAGS?): an island may differ in a pixel "
            "from that of other machines, and so may every network that learns it; install noise again without CFLAGS "
            "to get their numbers"
        )
    names = not_portable(config)
    if not names:
        return
    device = device_of(config.device)
    if device != "cpu":
        who = f"device {device} ({gpu() or 'none found'}) computes all of this"
    elif config.trainer != "fused":
        who = f"trainer {config.trainer}: PyTorch trains all of this"
    else:
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        who = f"PyTorch computes {', '.join(names[:MOST_NAMES])}{more}, for want of a kernel"
    yield (
        f"{who}; the last bits depend on the machine, so another one trains other networks, and a verdict that is "
        "close may be another there"
    )


def device_of(wanted: str) -> str:
    """Return the torch device of a study: `auto` is the GPU where there is one."""
    if wanted != "auto":
        return wanted
    return "cpu" if gpu() is None else "cuda"


@functools.cache
def gpu() -> str | None:
    """Return the name of the GPU that torch computes with, None if there is none.

    Loading torch to ask it takes two seconds, so it is asked only where there is a driver.
    """
    if sys.platform == "linux" and not any(any(Path("/dev").glob(name)) for name in DRIVERS):
        return None
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
