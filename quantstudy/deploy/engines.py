"""The engines that a network is run by, one entry each: what it can run, what it gives, in what it differs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from quantstudy.deploy.formats import made
from quantstudy.deploy.network import Codes, Deployed, Floats
from quantstudy.deploy.stacks import stack_of
from quantstudy.deploy.steps import Exchange, Values
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.quantize.scheme import parse_scheme


@dataclass(frozen=True)
class Answered:
    """What an engine gave.

    Attributes:
        logit: [outputs, points].
        codes: place → codes [neurons, points]; empty where the engine shows none.
    """

    logit: Values
    codes: Mapping[str, Codes] = field(default_factory=dict)

    def at(self, points: slice) -> "Answered":
        """Return what was given at some of the points."""
        return Answered(self.logit[:, points], {place: codes[:, points] for place, codes in self.codes.items()})


@dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
        name: what it is called where it is asked for.
        version: returns its version, "" where it is not there.
        missing: how to get it, a sentence without its stop.
        file: returns the file of a network that it reads, empty if it needs none; raises BadInput where it can't run
            the network.
        run: takes a file's bytes, its network and points [in, points]; returns what comes out.
        exchanges: takes the same; returns the operations in which it differs from the simulated path, in the order in
            which `attribution` looks at them.
        settings: returns what it is run with.
        plain: takes the same; returns the answers without what the engine does to the graph as a whole, None where it
            does nothing of the kind.
        format: of `formats.FORMATS`, what it reads; "" for no file.
        warning: returns a line about this processor, "" if there is nothing to say.
    """

    name: str
    version: Callable[[], str]
    missing: str
    file: Callable[[Deployed], bytes]
    run: Callable[[bytes, Deployed, Floats], Answered]
    exchanges: Callable[[bytes, Deployed, Floats], Mapping[str, Exchange]]
    settings: Callable[[], str]
    plain: Callable[[bytes, Deployed, Floats], Values | None] = lambda file, network, points: None
    format: str = ""
    warning: Callable[[], str] = lambda: ""


def _installed(package: str) -> Callable[[], str]:
    def found() -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return ""

    return found


def _file(form: str) -> Callable[[Deployed], bytes]:
    return lambda network: made(form, network).data


def _run_onnx(model: bytes, network: Deployed, points: Floats) -> Answered:
    from quantstudy.deploy.onnx.reading import tapped
    from quantstudy.deploy.onnx.runtime import answers, session

    (logit,) = answers(session(model), points)
    with_codes, places = tapped(model, network)
    _, *found = answers(session(with_codes), points)
    return Answered(logit, {place: codes.astype("int32") for place, codes in zip(places, found, strict=True)})


def _onnx_exchanges(model: bytes, network: Deployed, points: Floats) -> Mapping[str, Exchange]:
    from quantstudy.deploy.onnx.pieces import exchanges

    return exchanges(model, network, points)


def _onnx_plain(model: bytes, _: Deployed, points: Floats) -> Values:
    from quantstudy.deploy.onnx.runtime import answers, session

    return answers(session(model, optimized=False), points)[0]


def _onnx_settings() -> str:
    from quantstudy.deploy.onnx.runtime import SETTINGS, saturates

    return f"{SETTINGS}, uint8·int8 {'saturates' if saturates() else 'exact'}"


def _onnx_warning() -> str:
    from quantstudy.deploy.onnx.runtime import saturates

    if not saturates():
        return ""
    return (
        "onnxruntime's products of uint8 and int8 saturate on this processor, which has no VNNI instructions; exported "
        "files multiply int8 by int8, which is exact here too; with files of others set the session option "
        "session.x64quantprecision to 1, or quantize weights to 7 bits"
    )


def _compiler() -> str:
    from quantstudy.deploy.c.compiled import compiler, compiler_version, works

    try:
        command, told = compiler(), compiler_version()
    except StudyFailure:
        return ""
    number = re.search(r"\d+\.\d+(\.\d+)?", told)
    return f"{Path(command[0]).name} {number[0] if number else 'of unknown version'}" if works(command) else ""


def _run_c(header: bytes, network: Deployed, points: Floats) -> Answered:
    from quantstudy.deploy.c.compiled import answered

    return Answered(*answered(network, points, header))


def _c_exchanges(_: bytes, network: Deployed, points: Floats) -> Mapping[str, Exchange]:
    from quantstudy.deploy.integer.exchanges import exchanges
    from quantstudy.deploy.integer.plan import integral

    return exchanges(integral(network))


def _c_settings() -> str:
    from quantstudy.deploy.c.compiled import FLAGS

    return f"compiled with {' '.join(FLAGS)}"


def _torchao_file(network: Deployed) -> bytes:
    scheme = parse_scheme(str(network.about["scheme"]))
    if not scheme.in_torchao:
        raise BadInput("scheme", str(scheme), f"torchao has no configuration for {scheme}")
    if network.inputs is not None or any(layer.before is not None for layer in network.layers):
        raise BadInput("placement", "", "torchao quantizes the outputs of hidden layers and nothing else")
    if 1 in network.neurons[:-1]:
        raise BadInput("hidden", network.neurons, "torchao can't quantize layers of 1 input or 1 neuron")
    return b""


def _run_torchao(_: bytes, network: Deployed, points: Floats) -> Answered:
    from quantstudy.quantize.torchao_backend import run_torchao

    stack, plan = stack_of(network)
    return Answered(run_torchao(stack, plan, torch.from_numpy(points)).logit[0].numpy())


def _torchao_exchanges(_: bytes, network: Deployed, points: Floats) -> Mapping[str, Exchange]:
    from quantstudy.deploy.torchao_pieces import exchanges

    return exchanges(network)


ENGINES: dict[str, Engine] = {
    "torchao": Engine(
        "torchao",
        _installed("torchao"),
        "torchao is not installed: pip install torchao",
        _torchao_file,
        _run_torchao,
        _torchao_exchanges,
        lambda: f"PyTorch {torch.__version__} on the CPU",
    ),
    "onnx": Engine(
        "onnxruntime",
        _installed("onnxruntime"),
        "onnxruntime is not installed: pip install 'quantstudy[deploy]'",
        _file("onnx"),
        _run_onnx,
        _onnx_exchanges,
        _onnx_settings,
        _onnx_plain,
        "onnx",
        _onnx_warning,
    ),
    "onnx-int": Engine(
        "onnxruntime",
        _installed("onnxruntime"),
        "onnxruntime is not installed: pip install 'quantstudy[deploy]'",
        _file("onnx-int"),
        _run_onnx,
        _onnx_exchanges,
        _onnx_settings,
        _onnx_plain,
        "onnx-int",
        _onnx_warning,
    ),
    "c": Engine(
        "C99 compiled by",
        _compiler,
        "no C compiler is found that makes programs for this machine: install gcc or clang, or name one in $CC",
        _file("c"),
        _run_c,
        _c_exchanges,
        _c_settings,
        format="c",
    ),
}
"""Every engine by the name that records have."""


def answered_at(engine: Engine, file: bytes, network: Deployed, points: Mapping[str, Floats]) -> dict[str, Answered]:
    """Return what an engine gives at several kinds of points, by their names, of one run: a C file is compiled for it.

    Args:
        engine: one that is there.
        file: what it reads.
        network: what that holds.
        points: [in, points] each.
    """
    given = engine.run(file, network, np.concatenate(list(points.values()), axis=1))
    ends = np.cumsum([0, *(where.shape[1] for where in points.values())]).tolist()
    return {over: given.at(slice(*between)) for over, between in zip(points, pairwise(ends), strict=True)}
