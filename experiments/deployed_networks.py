"""Networks of a finished run as numbers: what is exported, without the command."""

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from quantstudy import open_run
from quantstudy.activations.catalogue import parse_activation
from quantstudy.deploy.network import Deployed
from quantstudy.deploy.stacks import deployed
from quantstudy.measure.evaluation import measured
from quantstudy.measure.variation import plan_of
from quantstudy.networks.stack import from_arrays
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.folders import weights_file


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
    config: Any = run.config
    chosen = list(range(seeds))
    data = config.entry.make(chosen, grid=config.grid, frequency=config.frequency)
    for name in config.activations:
        arrays = load((run.folder / weights_file(name)).read_bytes())
        stack = from_arrays(parse_activation(name), arrays).select(slice(0, seeds))
        on = measured(stack, chosen, data)
        for scheme in schemes:
            plan = plan_of(stack, on.calibration, config, parse_scheme(scheme))
            for seed in chosen:
                points = on.maps.points if on.maps.points.dim() == 2 else on.maps.points[seed]
                about = {"target": config.target, "task": config.task, "scheme": scheme, "seed": seed}
                about |= {"largest_input": float(points.abs().max())}
                if config.task == "regression":
                    about |= {"peak": float(on.asked.peak[seed])}
                yield Exported(name, scheme, seed, deployed(stack, plan, seed, about), points.numpy())
