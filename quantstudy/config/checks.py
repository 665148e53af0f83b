"""Checks of single values, the same for study files, the API and the command line; each refusal is one line."""

import math
import re
from collections.abc import Mapping
from typing import Any

from quantstudy.activations.catalogue import canonical_name
from quantstudy.config.allowed import SCHEMES_ONLY
from quantstudy.errors import BadInput
from quantstudy.quantize.formats import MAX_BITS, MIN_BITS
from quantstudy.quantize.scheme import parse_scheme


def activation_names(given: Any) -> tuple[str, ...]:
    """Return names of activations in their canonical form.

    Raises:
        BadInput: no names, a value that is not text, or a name given twice.
    """
    given = (given,) if isinstance(given, str) else given
    if not isinstance(given, tuple | list) or not given:
        raise BadInput("activations", given, "at least one name, separated by commas")
    canonical: dict[str, str] = {}
    for text in given:
        if not isinstance(text, str):
            raise BadInput("activations", text, "names such as relu or relu@3")
        name = canonical_name(text)  # a user's function must exist when it is run, not when its name is read
        if name in canonical:
            raise BadInput("activations", text, f"each activation once; {name} is already named")
        canonical[name] = text
    return tuple(canonical)


def scheme_names(given: Any) -> tuple[str, ...]:
    """Return names of schemes, given as a sequence or as text with commas, each once.

    Raises:
        BadInput: a value that is not text, or names no scheme.
    """
    if isinstance(given, str):
        given = tuple(part.strip() for part in given.split(",")) if given.strip() else ()
    if not isinstance(given, tuple | list):
        raise BadInput("schemes", given, "names such as w4a8 or wf8af8, separated by commas")
    names = []
    for text in given:
        if not isinstance(text, str):
            raise BadInput("schemes", text, "names such as w4a8 or wf8af8")
        try:
            names.append(str(parse_scheme(text)))
        except BadInput as error:
            raise BadInput("schemes", text, error.allowed) from None
    return tuple(dict.fromkeys(names))


def whole_number(field: str, given: Any, low: int, high: int) -> int:
    """Return a whole number within limits, given as a number or as text.

    Raises:
        BadInput: not a whole number, or outside the limits.
    """
    allowed = f"whole numbers from {low} to {high}"
    if isinstance(given, str):
        given = int(given) if re.fullmatch(r"[+-]?\d{1,18}", given.strip()) else given
    if not isinstance(given, int) or isinstance(given, bool) or not low <= given <= high:
        raise BadInput(field, given, allowed)
    return given


def input_bits(given: Any) -> int:
    """Return the bits of the network's inputs, 0 for `none`.

    Raises:
        BadInput: neither `none` nor a whole number of bits that there are.
    """
    if given in ("none", 0, "0") and not isinstance(given, bool):
        return 0
    try:
        return whole_number("input_bits", given, MIN_BITS, MAX_BITS)
    except BadInput:
        raise BadInput("input_bits", given, f"none, or whole numbers from {MIN_BITS} to {MAX_BITS}") from None


def real_number(field: str, given: Any, low: float, high: float, instead: str = "") -> float:
    """Return a finite number within limits, given as a number or as text; `instead`: what else would be allowed.

    Raises:
        BadInput: not a finite number, or outside the limits.
    """
    allowed = f"{instead}numbers from {low:g} to {high:g}"
    try:
        number = float(given)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(field, given, allowed) from None
    if isinstance(given, bool) or not math.isfinite(number) or not low <= number <= high:
        raise BadInput(field, given, allowed)
    return number


def whole_numbers(
    field: str, given: Any, low: int, high: int, *, most: int = MAX_BITS, distinct: bool = True
) -> tuple[int, ...]:
    """Return whole numbers within limits, given as a sequence, as text with commas, or alone.

    Raises:
        BadInput: no numbers or too many, or a value that is not a whole number or outside the limits.
    """
    if isinstance(given, str):
        given = tuple(part.strip() for part in given.split(","))
    elif isinstance(given, int):
        given = (given,)
    if not isinstance(given, tuple | list) or not 1 <= len(given) <= most:
        raise BadInput(field, given, f"1 to {most} whole numbers from {low} to {high}, separated by commas")
    numbers = tuple(whole_number(field, part, low, high) for part in given)
    return tuple(dict.fromkeys(numbers)) if distinct else numbers


def require_together(given: Mapping[str, Any]) -> None:
    """Check that settings which go with `quick` alone, or with inputs that are quantized, have them.

    Raises:
        BadInput: one has not.
    """
    for key, value in SCHEMES_ONLY.items():
        if given[key] == value and not given["quick"]:
            raise BadInput(key, value, "only with quick = true: the questions beyond the schemes know nothing of it")
    if given["input_rounding"] == "truncate" and not given["input_bits"]:
        raise BadInput("input_rounding", "truncate", "nearest where inputs stay float (input_bits none)")
