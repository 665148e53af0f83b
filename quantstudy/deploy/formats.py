"""The formats that a network is written in, one entry each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec

from quantstudy.deploy.network import Deployed
from quantstudy.errors import StudyFailure


@dataclass(frozen=True)
class Written:
    """What one network became.

    Attributes:
        data: the file's bytes.
        beside: what goes with it: the end of a file's name, behind the stem of the first one → its bytes.
    """

    data: bytes
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """One format.

    Attributes:
        write: takes a network and the stem of the file's name, makes the files; raises BadInput where the format can't
            hold it.
        what: what the file is, for its README: a sentence.
        use: how it is run, for its README: lines of Markdown.
        needs: modules that must be installed, all of them with the extra `deploy`.
        end: of the file's name, where another one would not do: a main includes a header by it.
    """

    write: Callable[[Deployed, str], Written]
    what: str
    use: str
    needs: tuple[str, ...] = ()
    end: str = ""


def made(name: str, network: Deployed, stem: str = "network") -> Written:
    """Return a network in a format of `FORMATS`.

    Args:
        name: of the format.
        network: what is written.
        stem: name of the file, without its end; what is in a C file is called by it.

    Raises:
        BadInput: the format can't hold it.
        StudyFailure: what writes it is not installed.
    """
    require_installed(name)
    return FORMATS[name].write(network, stem)


def require_installed(name: str) -> None:
    """Check that what writes a format is installed.

    Raises:
        StudyFailure: it is not; the line says how to get it.
    """
    for module in FORMATS[name].needs:
        if find_spec(module) is None:
            raise StudyFailure(f"{module} is needed for {name} and not installed: pip install 'quantstudy[deploy]'")


def _onnx(form: str) -> Callable[[Deployed, str], Written]:
    def write(network: Deployed, _: str) -> Written:
        from quantstudy.deploy.onnx.models import MODELS

        return Written(MODELS[form](network).SerializeToString(deterministic=True))

    return write


def _c(network: Deployed, stem: str) -> Written:
    from quantstudy.deploy.c.files import written

    files = written(network, stem)
    return Written(files.pop(".h"), files)


def _json(network: Deployed, _: str) -> Written:
    from quantstudy.deploy.json_file import written

    return Written(written(network))


_RUN = """```python
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("FILE", providers=["CPUExecutionProvider"])
(logit,) = session.run(None, {"x": np.zeros((1, INPUTS), dtype=np.float32)})   # [points, inputs] → [points, outputs]
```"""

_RUN_C = """```
cc -std=c99 -O2 STEM_main.c -o STEM && echo "ZEROS" | ./STEM
```

STEM_main.c beside it reads points as lines of text, one number per input, and prints what comes out. On a device
include FILE alone, which needs nothing but `<stdint.h>`: its first lines say by what inputs are multiplied, how they
are rounded and clamped before they go in as int16, what to call, and what the outputs are worth."""

_READ_JSON = """Everything is in it: weights, codes, scales and zero points of every layer (`layers`), and the integer
arithmetic of the C file (`integer`: biases, multipliers, shifts, tables), null where integers alone can't compute the
network. The schema is quantstudy/deploy/network.schema.json (JSON Schema, draft 2020-12), the arithmetic is told in
docs/device.md of quantstudy; `quantstudy verify FILE` checks the file and runs the C file that its numbers make."""

FORMATS: dict[str, Format] = {
    "onnx": Format(
        _onnx("onnx"),
        "An ONNX graph (opset 21) whose quantized tensors go through QuantizeLinear and DequantizeLinear: what "
        "converters and compilers of vendors read. Products are of floats that lie on the grid of the integers, unless "
        "an engine makes integers of them.",
        _RUN,
        ("onnx",),
    ),
    "onnx-int": Format(
        _onnx("onnx-int"),
        "An ONNX graph (opset 21) that multiplies int8 by int8 and adds up in int32 (MatMulInteger) wherever weights "
        "and inputs of a layer are quantized; then come scale, bias and activation in float32.",
        _RUN,
        ("onnx",),
    ),
    "c": Format(
        _c,
        "A header in C99 that computes the network in integers: packed weights, int32 sums, no float, no memory taken, "
        "no library. The bias has as many extra bits as int32 is proved to hold, every rounding is done once.",
        _RUN_C,
        end=".h",
    ),
    "json": Format(_json, "A network as JSON, for programs of your own.", _READ_JSON),
}
"""Every format by the name that `--format` takes."""
