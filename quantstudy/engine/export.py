"""Export one network of a finished run into a file that an engine runs, with what it must be told along the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quantstudy.config.study import StudyConfig
from quantstudy.deploy.decisions import differ
from quantstudy.deploy.engines import ENGINES, answered_at
from quantstudy.deploy.formats import Written, made
from quantstudy.deploy.network import Deployed
from quantstudy.deploy.stacks import deployed, simulated
from quantstudy.engine.quantized import Prepared, points_at, prepared
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.measure.answers import NUMBERS, in_halves
from quantstudy.quantize.fake_quant import quantized_logits
from quantstudy.quantize.plan import float_maps
from quantstudy.quantize.quantizer import Quantizer
from quantstudy.quantize.recover.recipe import Quantized
from quantstudy.records.files import write_together
from quantstudy.records.folders import require_place
from quantstudy.records.provenance import engine_versions, version, versions
from quantstudy.records.run import Run
from quantstudy.targets.target import Data
from quantstudy.words.exported import readme

MARK = b"ritten by quantstudy export"
"""What stands in every file beside an exported one."""

BEST = "best"
"""The `--seed` that has the network chosen by the answers on one half of the held-out points."""


@dataclass(frozen=True)
class Asked:
    """What is to be exported.

    Attributes:
        activation: one of the run's.
        scheme: how its networks are quantized, as it prints.
        recipe: by what they were repaired, `plain` for nothing.
        seed: BEST or a number.
        format: key of `deploy.formats.FORMATS`.
        out: the file.
    """

    activation: str
    scheme: str
    recipe: str
    seed: str
    format: str
    out: Path


def export(run: Run, asked: Asked) -> Deployed:
    """Write the files of one network; return it with what is known of it (`about`).

    Raises:
        BadInput: there is no such network, or the format can't hold it; nothing is written.
        StudyFailure: a network without a finite answer.
        OSError: disk full, read-only folder.
    """
    networks = prepared(run, asked.activation, asked.scheme, asked.recipe)
    scores = _scores(networks)
    place, how = _chosen(networks, scores, asked.seed)
    network = network_of(run.config, networks, place).told(
        chosen=how, **{name: float(values[place]) for name, values in scores.items()}
    )
    network = network.told(format=asked.format, parity=_parity(asked.format, network, networks, place, asked.out.stem))
    written = made(asked.format, network, asked.out.stem)
    files = {asked.out: written.data, **_beside(asked.out, written)}
    files[notes_beside(asked.out)] = readme(network, asked.format, asked.out.name).encode()
    for path in files:
        _require_ours(path, b"quantstudy" if path == asked.out else MARK)
    write_together(files)
    return network


def _require_ours(path: Path, mark: bytes) -> None:
    """Check that what is replaced was exported, too.

    Raises:
        BadInput: it was not.
    """
    require_place(path, "out")
    if path.exists() and mark not in path.read_bytes():
        raise BadInput("out", str(path), "it would be replaced, and was not exported; choose another name")


def notes_beside(out: Path) -> Path:
    """Return the path of an exported file's README."""
    return out.with_name(f"{out.name}.md")


def _beside(out: Path, written: Written) -> dict[Path, bytes]:
    return {out.with_name(out.stem + end): data for end, data in written.beside.items()}


def network_of(config: StudyConfig, networks: Prepared, place: int) -> Deployed:
    """Return one of several prepared networks with its provenance.

    Args:
        config: the run's study.
        networks: some of its networks.
        place: which of them.

    Raises:
        StudyFailure: a parameter or a scale of it is not finite.
    """
    on, quantized = networks.on, networks.quantized
    seed = int(on.seeds[place])
    if not on.whole[place] or not _finite(quantized, place):
        raise StudyFailure(f"the network of seed {seed} has parameters that are not finite: nothing can run it")
    about = {
        "quantstudy": version("quantstudy"),
        "study": config.to_toml(),
        "config": config.digest,
        "target": config.target,
        "made_of": config.entry.made_of(),
        "task": config.task,
        "activation": on.activation,
        "scheme": str(quantized.plan.scheme),
        "recipe": networks.recipe,
        "seed": seed,
        "versions": versions() | engine_versions(),
        **({"peak": float(on.asked.peak[place])} if on.answers is NUMBERS else {}),
        "largest_input": float((on.maps.points[place] if on.maps.points.dim() == 3 else on.maps.points).abs().max()),
        **scaling(on.data, place),
    }
    return deployed(quantized.stack, quantized.plan, place, about)


def _finite(networks: Quantized, place: int) -> bool:
    """Whether all parameters and scales of one network are."""
    quantizers = [q for q in networks.plan.by_tensor.values() if isinstance(q, Quantizer)]
    scales = [q.scale[place if len(q.scale) > 1 else 0] for q in quantizers]
    own = [part[place] for part in networks.stack.parameters()]
    return all(bool(part.isfinite().all()) for part in (*own, *scales))


def scaling(data: Data, place: int) -> dict[str, Any]:
    """Return names of inputs and outputs, and by what they are shifted and scaled."""

    def own(values: Any) -> list[float] | None:
        return None if values is None else [float(value) for value in values[place]]

    return {
        "inputs": list(data.inputs),
        "plane": None if data.plane is None else list(data.plane),
        "shift": own(data.shift),
        "scale": own(data.scale),
        "classes": list(data.classes),
        "label_shift": own(data.label_shift),
        "label_scale": own(data.label_scale),
    }


@torch.no_grad()
def _scores(networks: Prepared) -> dict[str, Any]:
    """Return how good the networks are at the held-out points, in float and quantized: at all and on either half."""
    on, quantized = networks.on, networks.quantized
    assert on.heldout is not None
    kind, asked = on.answers, on.heldout.asked
    before = on.heldout_answers(float_maps(on.stack, on.heldout.points).logit)
    (logit,) = quantized_logits(quantized.stack, [quantized.plan], on.heldout.points)
    after = on.heldout_answers(logit)
    names = kind.ranked
    float_halves, halves = in_halves(kind, before, asked), in_halves(kind, after, asked)
    return {
        "float": kind.score(before, asked),
        "quantized": kind.score(after, asked),
        "float_even": float_halves[names.even],
        "float_odd": float_halves[names.odd],
        "quantized_even": halves[names.even],
        "quantized_odd": halves[names.odd],
    }


def _chosen(networks: Prepared, scores: Mapping[str, Any], seed: str) -> tuple[int, str]:
    """Return the place of the network that was asked for, and how it was chosen: `best of N`, or `named`."""
    seeds = list(networks.on.seeds)
    if seed != BEST:
        if not seed.isdecimal() or int(seed) not in seeds:
            raise BadInput("seed", seed, f"{BEST}, or a whole number from {seeds[0]} to {seeds[-1]}")
        return seeds.index(int(seed)), "named"
    even = np.where(np.isnan(scores["quantized_even"]), -np.inf, scores["quantized_even"])
    return int(even.argmax()), f"best of {len(seeds)}"


def _parity(format: str, network: Deployed, networks: Prepared, place: int, stem: str) -> dict[str, Any]:
    """Return, by engine, where it decides otherwise than the simulated path; None of one that is not installed."""
    points, found = points_at(networks, place), dict[str, Any]()
    for engine in ENGINES.values():
        if engine.format != format:
            continue
        if not engine.version():
            found[engine.name] = None
            continue
        flips: dict[str, int] = {}
        file = made(format, network, stem).data
        for over, given in answered_at(engine, file, network, points).items():
            reference = simulated(network, points[over]).logit[0].numpy()
            other = differ(network, reference, given.logit)
            flips |= {over: len(other), f"{over}_flips": int(other.sum())}
        found[engine.name] = {"version": engine.version(), "settings": engine.settings(), **flips}
    return found
