"""Numbers and lists as a reader sees them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MINUS = "−"
NO_BREAK = "\u00a0"


def drawable(name: str) -> str:
    """Return the name of a file or folder in signs that the font of the figures has; others stand as their numbers.

    >>> drawable("café 2"), drawable("\N{GRINNING FACE}\\n\\udcff")
    ('café 2', '\\\\U0001f600\\\\n\\\\udcff')
    """
    known = [sign.isprintable() and ord(sign) < 0x2000 for sign in name]
    signs = [sign if plain else sign.encode("unicode_escape").decode() for sign, plain in zip(name, known, strict=True)]
    return "".join(signs)


def decimals(values: Iterable[float]) -> int:
    """Return how many decimals a set of percentages needs: two where all of them are small, else one."""
    sizes = [abs(value) for value in values if math.isfinite(value)]
    return 2 if sizes and max(sizes) < 2.0 else 1


def number(value: float, places: int = 1, sign: bool = False) -> str:
    """Return a number with a real minus sign; `n/a` where it is undefined.

    >>> number(-1.25, 1), number(2, 1, sign=True), number(-0.001, 1, sign=True), number(float("nan"))
    ('−1.2', '+2.0', '0.0', 'n/a')
    """
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{abs(value):.{places}f}"
    if float(text) == 0.0:
        return text
    return (MINUS if value < 0 else "+" if sign else "") + text


def percent(fraction: float, places: int = 1) -> str:
    """Return a fraction as a percentage, which no line break tears apart.

    >>> percent(0.1234).replace(NO_BREAK, " ")
    '12.3 %'
    """
    shown = number(100.0 * fraction, places)
    return shown if shown == "n/a" else f"{shown}{NO_BREAK}%"


def points(fraction: float, digits: int = 1, scale: float = 100.0) -> str:
    """Return a fraction as points, hundredths of accuracy, or a number in another scale.

    >>> points(0.0984), points(-0.00001), points(0.02004, 3), points(1.26, scale=1.0)
    ('9.8', '0.0', '2.004', '1.3')
    """
    return f"{round(scale * fraction, digits) + 0.0:.{digits}f}"


def limit(fraction: float, scale: float = 100.0) -> str:
    """Return a limit in hundredths, or in another scale, with as many digits as it was given.

    >>> limit(0.02), limit(0.0005), limit(1.25, 1.0)
    ('2.0', '0.05', '1.25')
    """
    given, short = f"{scale * fraction:g}", points(fraction, scale=scale)
    return short if float(given) == float(short) else given


def interval(low: float, high: float, places: int = 1, scale: float = 100.0) -> str:
    """Return an interval of differences, in percentage points unless told else; empty where it is undefined.

    >>> interval(-0.012, 0.034)
    '[−1.2, 3.4]'
    """
    if math.isnan(low) or math.isnan(high):
        return ""
    return f"[{number(scale * low, places)}, {number(scale * high, places)}]"


def with_interval(three: Sequence[float], places: int = 1, sign: bool = False, scale: float = 100.0) -> str:
    """Return the mean of a fraction, its lower and its upper end, in percentage points unless told else.

    >>> with_interval((0.0984, 0.09, 0.1)), with_interval((0.01, math.nan, math.nan), sign=True)
    ('9.8 [9.0, 10.0]', '+1.0')
    """
    mean, low, high = three
    return f"{number(scale * mean, places, sign)} {interval(low, high, places, scale)}".strip()


def listing(names: Sequence[str], last: str = "and") -> str:
    """Return names as one reads them out.

    >>> listing(["silu", "gelu", "relu"]), listing(["silu", "gelu"], "or"), listing(["silu"])
    ('silu, gelu and relu', 'silu or gelu', 'silu')
    """
    return f" {last} ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def listed(names: Sequence[str], most: int = 12) -> str:
    """Return names as a list in a sentence, of so many at most; `none` if there is none.

    >>> listed(["relu", "silu", "gelu"]), listed(["relu", "silu", "gelu"], 2), listed([])
    ('relu, silu and gelu', 'relu and 2 more', 'none')
    """
    names = list(names)
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return listing(names) if names else "none"


def plural(count: int, noun: str) -> str:
    """Return a counted noun.

    >>> plural(1, "seed"), plural(16, "seed")
    ('1 seed', '16 seeds')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def real(value: object) -> float:
    """Return a number of a JSON file as a float; null is NaN."""
    return math.nan if value is None else float(value)  # type: ignore[arg-type]


def traits_of(function: Mapping[str, Any]) -> str:
    """Return the traits of a user's function, as a manifest holds them, in words.

    >>> traits_of({"bends": [-1.0, 0.5], "floor": "-inf", "ceiling": 1.0, "monotonic": True, "gates": False})
    'bends at −1, 0.5; from −∞ to 1; never falls'
    >>> learns = {"learned": {"slope": 0.25}, "moves": True}
    >>> traits_of({"bends": [], "floor": "-inf", "ceiling": "inf", "monotonic": False, "gates": False, **learns})
    'learns slope; at first: bends that move with it; from −∞ to ∞'
    >>> own = {"initial_weights": True, "learning_rate": 0.01}
    >>> traits_of({"bends": [], "floor": -1.0, "ceiling": 1.0, "monotonic": False, "gates": False, **own})
    'smooth; from −1 to 1; first weights of its own; learning rate 0.01 of its own'
    """
    bends, few = function["bends"], 6
    low, high, *places = (
        "∞" if value == "inf" else f"{MINUS}∞" if value == "-inf" else f"{value:g}".replace("-", MINUS)
        for value in (function["floor"], function["ceiling"], *bends[:few])
    )
    more = f" and {len(bends) - few} more" if len(bends) > few else ""
    learned, moves = list(function.get("learned", ())), function.get("moves", False)  # older runs have neither
    them = "it" if len(learned) == 1 else "them"
    shape = f"bends at {', '.join(places)}{more}" if bends else f"bends that move with {them}" if moves else "smooth"
    said = [f"learns {listed(learned, few)}; at first: {shape}" if learned else shape, f"from {low} to {high}"]
    said += ["never falls"] if function["monotonic"] else []
    said += ["exactly 0 on a half line"] if function["gates"] else []
    said += ["first weights of its own"] if function.get("initial_weights") else []
    rate = function.get("learning_rate")
    return "; ".join(said if rate is None else [*said, f"learning rate {rate:g} of its own"])
