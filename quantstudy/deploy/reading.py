"""Exported files, read again: which network a file says it holds, and whether it holds that."""

from pathlib import Path

from quantstudy.deploy.formats import require_installed
from quantstudy.deploy.network import Deployed
from quantstudy.errors import StudyFailure

MOST = 64 * 2**20
"""Bytes of a file that is read: no network of a study takes more."""

NEEDED = ("format", "study", "made_of", "target", "task", "activation", "scheme", "recipe", "seed")
"""What a file must say of its network to be run and compared."""


def held(path: Path) -> tuple[bytes, Deployed]:
    """Return the bytes of an exported file and the network that it says it holds.

    Raises:
        StudyFailure: it is damaged, or was not written by `quantstudy export`.
    """
    if path.stat().st_size > MOST:
        raise StudyFailure(f"{path} was not written by quantstudy export: it is too large")
    data = path.read_bytes()
    require_installed("onnx")
    from quantstudy.deploy.onnx.reading import network_in

    network = network_in(data, str(path))
    missing = [key for key in NEEDED if key not in network.about]
    if missing:
        raise StudyFailure(f"{path} is damaged: it says nothing of {missing[0]}; export it again")
    return data, network


def audit(form: str, data: bytes, network: Deployed, where: str) -> None:
    """Check that a file computes with the integers of its network, see `onnx.reading.audited`.

    Raises:
        StudyFailure: it does not.
    """
    from quantstudy.deploy.onnx.reading import audited

    audited(data, network, where)
