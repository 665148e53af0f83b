"""Exported files, read again: which network a file says it holds, and whether it holds that and nothing else."""

from itertools import zip_longest
from pathlib import Path
from typing import Any

from quantstudy.deploy.formats import FORMATS, made, require_installed
from quantstudy.deploy.network import Deployed
from quantstudy.errors import StudyFailure

MOST = 64 * 2**20
"""Bytes of a file that is read: no network of a study takes more."""

NEEDED: dict[str, type] = {
    **dict.fromkeys(("format", "study", "config", "made_of", "target", "task", "activation", "scheme", "recipe"), str),
    "seed": int,
    **dict.fromkeys(("quantized", "quantized_even", "quantized_odd", "float", "largest_input"), float),
}
"""What a file must say of its network to be run and compared."""


def held(path: Path) -> tuple[bytes, Deployed]:
    """Return the bytes of an exported file and the network that it says it holds.

    Raises:
        StudyFailure: it is damaged, or was not written by `quantstudy export`.
    """
    if path.stat().st_size > MOST:
        raise StudyFailure(f"{path} was not written by quantstudy export: it is too large")
    data = path.read_bytes()
    if not data:
        raise StudyFailure(f"{path} is empty; export it again")
    network = _network_in(data, str(path))
    for key, kind in NEEDED.items():
        value = network.about.get(key)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise StudyFailure(f"{path} is damaged: it says nothing of {key} that could be; export it again")
    if network.about["format"] not in FORMATS or network.about["seed"] < 0:
        raise StudyFailure(f"{path} is damaged: its format or its seed is none; export it again")
    if network.about["task"] == "regression" and not isinstance(network.about.get("peak"), float):
        raise StudyFailure(f"{path} is damaged: it says nothing of peak that could be; export it again")
    return data, network


def _network_in(data: bytes, where: str) -> Deployed:
    begins = data[:64].lstrip()
    if begins.startswith(b"{"):
        from quantstudy.deploy.json_file import read

        return read(data, where)
    if begins.startswith((b"/*", b"#")):
        from quantstudy.deploy.c.carried import network_in as carried

        return carried(data, where)
    require_installed("onnx")
    from quantstudy.deploy.onnx.reading import network_in

    return network_in(data, where)


def audit(data: bytes, network: Deployed, where: str, stem: str = "network") -> None:
    """Check that a file holds the numbers of its network, and nothing that computes otherwise.

    Args:
        data: the file.
        network: what it says it holds.
        where: its name, for messages.
        stem: that name without its end: what is in a C file is called by it.

    Raises:
        StudyFailure: it does not.
    """
    form = str(network.about["format"])
    if form in ("onnx", "onnx-int"):
        from quantstudy.deploy.onnx.reading import audited

        audited(data, network, where)
        return
    from quantstudy.deploy.c.text import identifier

    expected: Any = made(form, network, stem).data
    lines = zip_longest(data.split(b"\n"), expected.split(b"\n"))
    wrong = next((number for number, (own, theirs) in enumerate(lines, start=1) if own != theirs), None)
    if wrong is not None and form == "c" and f"void {identifier(stem)}_run(".encode() not in data:
        raise StudyFailure(
            f"{where} was exported by another name, by which all in it is called; give it that name again"
        )
    if wrong is not None:
        raise StudyFailure(
            f"{where}: line {wrong} is not what this version of quantstudy writes for its network; export it again"
        )
