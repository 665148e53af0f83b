"""Networks of a finished run as numbers: what is exported, without the command."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quantstudy import open_run
from quantstudy.deploy.network import Deployed
from quantstudy.engine.export import network_of
from quantstudy.engine.quantized import points_at, prepared


@contextlib.contextmanager
def runs(folders: Sequence[Path], targets: Sequence[str], seeds: int) -> Iterator[list[Path]]:
    """Yield the runs that are given, or those of these targets with their default studies, made in a scratch folder."""
    if folders:
        yield list(folders)
        return
    with tempfile.TemporaryDirectory() as scratch:
        made = [Path(scratch) / target for target in targets]
        for target, folder in zip(targets, made, strict=True):
            command = (sys.executable, "-m", "quantstudy", "run", "--target", target, "--seeds", str(seeds))
            subprocess.run([*command, "--out", str(folder)], check=True, stdout=subprocess.DEVNULL)
        yield made


@dataclass(frozen=True)
class Exported:
    """One network of a run.

    Attributes:
        activation: its name.
        scheme: how it is quantized.
        seed: its number.
        network: its numbers.
        points: where the run measures it, [inputs, points].
    """

    activation: str
    scheme: str
    seed: int
    network: Deployed
    points: NDArray[np.float32]


def networks(folder: Path, schemes: Sequence[str], seeds: int) -> Iterator[Exported]:
    """Yield the first networks of every activation of a run, quantized by every scheme."""
    run = open_run(folder)
    for name in run.config.activations:
        for scheme in schemes:
            found = prepared(run, name, scheme, seeds=range(seeds))
            for seed in range(seeds):
                points = points_at(found, seed)["measured"]
                yield Exported(name, scheme, seed, network_of(run.config, found, seed), points)
