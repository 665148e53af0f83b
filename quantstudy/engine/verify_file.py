"""An exported file against the network that it carries: audited, run by its engine, compared with what it says."""

import json
from pathlib import Path

import numpy as np

from quantstudy.config.study import StudyConfig
from quantstudy.config.toml import study_in
from quantstudy.deploy.engines import ENGINES
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.reading import audit, held
from quantstudy.deploy.steps import Trace, simulated_trace
from quantstudy.engine.export import scaling
from quantstudy.engine.learnt import data_of
from quantstudy.engine.verify import Verified, run_by
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.measure.answers import TWO_CLASSES, answers_of, in_halves, wanted
from quantstudy.quantize.formats import IntFormat
from quantstudy.quantize.plan import points_of
from quantstudy.quantize.scheme import Scheme, parse_scheme
from quantstudy.targets.target import Data

ROUNDING = 1e-9
"""How far a score may be from the one that a file tells: sums of points in another order."""


def verify_file(path: Path) -> tuple[Deployed, list[Verified]]:
    """Return the network of a file, and what its engine makes of it at the points of the study that it comes from.

    JSON is run by C, where integers alone compute its network; else there is nothing to run.

    Raises:
        StudyFailure: the file is damaged, was not written by `quantstudy export`, holds other numbers than its network
            says, tells of another network, or no engine here runs it.
        BadInput: the data of its study can't be read, or have changed.
    """
    file, network = held(path)
    audit(file, network, str(path), path.stem)
    config = study_in(str(network.about["study"]), str(path))
    _require_own_study(network, config, path)
    if config.entry.made_of() != network.about["made_of"]:
        raise BadInput("FILE", str(path), f"{config.target} held other data when it was exported; export it again")
    data = data_of(config, (int(network.about["seed"]),))
    if data.measured.inputs.shape[1] != network.neurons[0] or data.outputs != network.neurons[-1]:
        raise _lies(path, "target")
    points = {"measured": _own(data.measured.inputs), "heldout": _own(data.heldout.inputs)}
    references = {over: simulated_trace(network, where) for over, where in points.items()}
    _require_own_data(network, data, path)
    _require_own_score(network, data, references["heldout"], path)
    form = str(network.about["format"])
    name = next((name for name, engine in ENGINES.items() if engine.format == form), "c")
    engine = ENGINES[name]
    if form == "json":
        network = network.told(format="c")
        try:
            file = engine.file(network)
        except BadInput:
            return network, []
    if not engine.version():
        raise StudyFailure(f"{path} can't be run: {engine.missing}")
    return network, list(run_by(name, file, network, points, references))


def _own(inputs: Floats) -> Floats:
    found = points_of(inputs)
    own: Floats = (found[0] if found.dim() == 3 else found).numpy()
    return own


def _lies(path: Path, key: str) -> StudyFailure:
    return StudyFailure(f"{path} is damaged: what it says of its {key} is not so; export it again")


def _require_own_study(network: Deployed, config: StudyConfig, path: Path) -> None:
    """Check that what a file tells of its network is so, as far as that can be seen.

    Raises:
        StudyFailure: something is not.
    """
    about = network.about
    said = {"config": config.digest, "target": config.target, "task": config.task, "activation": network.activation}
    for key, value in said.items():
        if about[key] != value:
            raise _lies(path, key)
    if network.activation not in config.activations:
        raise _lies(path, "activation")
    if not _is_of(network, parse_scheme(str(about["scheme"]))):
        raise _lies(path, "scheme")


def _is_of(network: Deployed, scheme: Scheme) -> bool:
    """Whether the bits of a network are those of a scheme."""
    last = scheme.last or scheme
    for k, layer in enumerate(network.layers):
        own = last if k == network.hidden else scheme
        entering = last if k == network.hidden - 1 else scheme
        weights = own.weights.bits if isinstance(own.weights, IntFormat) else None
        activations = entering.activations.bits if isinstance(entering.activations, IntFormat) else None
        found = [one.bits for one in (layer.before, layer.after) if one is not None]
        if (layer.coded.bits if layer.coded else None) != weights:
            return False
        if k < network.hidden and set(found) != ({activations} if activations else set()):
            return False
    return True


def _require_own_data(network: Deployed, data: Data, path: Path) -> None:
    """Check that what a file tells of inputs and outputs is what the data of its study are.

    Raises:
        StudyFailure: it is not.
    """
    told = json.loads(json.dumps({**scaling(data, 0), "largest_input": float(np.abs(data.measured.inputs).max())}))
    if network.about["task"] == "regression":
        told["peak"] = float(data.peak[0])
    for key, value in told.items():
        if network.about.get(key) != value:
            raise _lies(path, key)


def _require_own_score(network: Deployed, data: Data, reference: Trace, path: Path) -> None:
    """Check that a network is as good at the held-out points as its file tells.

    Raises:
        StudyFailure: it is not.
    """
    kind = answers_of(data)
    logit = reference.logit[None] if kind is not TWO_CLASSES else reference.logit.reshape(1, 1, -1)
    plane = data.plane if data.trained is None else None
    asked = wanted(data, data.heldout, plane)
    answers = logit.reshape(1, *plane) if plane and kind is TWO_CLASSES else logit
    halves = in_halves(kind, answers, asked)
    scores = {"quantized": kind.score(answers, asked)}
    scores |= {"quantized_even": halves[kind.ranked.even], "quantized_odd": halves[kind.ranked.odd]}
    for key, found in scores.items():
        score = float(found[0])
        if not abs(score - float(network.about[key])) <= ROUNDING * max(1.0, abs(score)):
            raise _lies(path, f"{kind.ranked.noun} ({network.about[key]}, and it is {score})")
