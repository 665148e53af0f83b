"""The network as numbers in a comment at the end of its header, so that the file alone is enough to check it."""

import re

from quantstudy.deploy.as_json import network_of, text_of
from quantstudy.deploy.network import Deployed
from quantstudy.errors import StudyFailure

BEGIN = "quantstudy network, as numbers:"
WIDTH = 110


def carried(network: Deployed) -> str:
    """Return a comment that holds a network, which `network_in` reads again."""
    text = text_of(network).replace("*", "\\u002a").replace("?", "\\u003f")  # neither ends nor trigraphs
    lines = [text[start : start + WIDTH] for start in range(0, len(text), WIDTH)]
    return "\n".join([f"/* {BEGIN}", *(f" * {line}" for line in lines), " */", ""])


def network_in(header: bytes, where: str) -> Deployed:
    """Return the network that a header carries.

    Args:
        header: the file.
        where: its name, for messages.

    Raises:
        StudyFailure: there is none in it, or it is damaged.
    """
    found = re.search(rf"/\* {BEGIN}\n(.*?)\n \*/", header.decode("ascii", "replace"), re.DOTALL)
    if found is None:
        raise StudyFailure(f"{where} has no network in it that could be read; export it again")
    return network_of("".join(line.removeprefix(" * ") for line in found[1].split("\n")), where)
