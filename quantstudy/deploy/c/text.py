"""Pieces of C: names, arrays, comments, packed weights."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from quantstudy.deploy.integer.numbers import Whole
from quantstudy.errors import BadInput

OWN = ("stdint", "stdio", "stdlib")
"""Headers that the files include."""

WIDTH = 100
"""Longest line of an array or a comment."""


def identifier(name: str) -> str:
    """Return a name as C has them: letters, digits and _, no digit first.

    Raises:
        BadInput: nothing of it is left.

    >>> identifier("my-net.v2"), identifier("4bit")
    ('my_net_v2', 'n4bit')
    """
    found = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    if not found:
        raise BadInput("out", name, "a file name with a letter is needed, which names in C are made of")
    if name in OWN:
        raise BadInput(
            "out", name, "another name is needed: C has a header of this name, which would not be found then"
        )
    return found if not found[0].isdigit() else f"n{found}"


def array(kind: str, name: str, values: Iterable[int] | Whole) -> list[str]:
    """Return the lines of a constant table."""
    numbers = [str(int(value)) for value in values]
    body = textwrap.wrap(", ".join(numbers), WIDTH - 8, break_long_words=False)
    return [f"    static const {kind} {name}[{len(numbers)}] = {{", *(f"        {line}" for line in body), "    };"]


def comment(about: Mapping[str, Any]) -> list[str]:
    """Return provenance as lines of a comment, in which no comment ends or begins."""
    lines = list[str]()
    for key, value in about.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        first, *more = f"{key}: {text}".splitlines() if text.strip() else [f"{key}:"]
        for line in (first, *(f"    {one}" for one in more)):
            safe = re.sub(r"[^ -~]", "_", line.replace("\\", "/"))
            safe = re.sub(r"\?(?=\?)|\*(?=/)|/(?=\*)", r"\g<0> ", safe)  # neither trigraphs nor ends nor beginnings
            lines += textwrap.wrap(safe, WIDTH - 4, subsequent_indent="    ")
    return lines


def packed(weights: Whole) -> Whole:
    """Return weight codes [out, in] of at most 4 bits two in a byte, [out, ⌈in/2⌉]: 16·second + first's lowest 4 bits.

    A shift finds the second with its sign; cores that extract signed fields find the first with one instruction, too.
    """
    whole = np.pad(weights, ((0, 0), (0, weights.shape[1] % 2)))
    return np.asarray(16 * whole[:, 1::2] + (whole[:, 0::2] & 15))
