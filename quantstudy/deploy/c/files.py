"""What an export writes for C: a header, and a main beside it."""

from quantstudy.deploy.c.header import header
from quantstudy.deploy.c.main import main_file
from quantstudy.deploy.c.text import identifier
from quantstudy.deploy.integer.plan import Integral, integral
from quantstudy.deploy.network import Deployed


def written(network: Deployed, stem: str = "network") -> dict[str, bytes]:
    """Return what the files of a network hold, by what is put behind the stem of their name: `.h` and `_main.c`.

    Args:
        network: one that can be computed in integers, see `required.require`.
        stem: name of the header without `.h`, which all names in it begin with.

    Raises:
        BadInput: the network can't be computed in integers, or nothing of the stem makes a name.
    """
    return files(integral(network), stem)


def files(net: Integral, stem: str = "network") -> dict[str, bytes]:
    """Return the same of a network that is in integers already."""
    name = identifier(stem)
    return {".h": header(net, name).encode(), "_main.c": main_file(net, name, stem).encode()}
