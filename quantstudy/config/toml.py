"""Study files: TOML with flat keys, and studies from flat keys."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from quantstudy.config.allowed import NUMERIC
from quantstudy.config.study import StudyConfig
from quantstudy.errors import BadInput, choices


def read_toml(path: Path, field: str = "STUDY.toml", notify: Callable[[str], None] = lambda line: None) -> StudyConfig:
    """Return the study in a TOML file; `notify` is called with each line for the user.

    Raises:
        BadInput: no such file, a folder, not readable as TOML (with the line), or a bad key or value.
    """
    values = toml_values(path, field)
    try:
        return from_mapping(values, notify)
    except BadInput as error:
        raise BadInput(f"{path}: {error.field}", error.value, error.allowed) from None


def toml_values(path: Path, field: str = "STUDY.toml") -> dict[str, Any]:
    """Return the content of a TOML file, key by key, lists as tuples.

    Raises:
        BadInput: no such file, a folder, not readable as TOML (with the line).
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # some editors write a byte order mark first
    except FileNotFoundError:
        raise BadInput(field, str(path), "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadInput(field, str(path), f"a readable TOML file is needed ({reason})") from None
    return values_in(text, field, str(path))


def study_in(text: str, where: str, field: str = "FILE") -> StudyConfig:
    """Return the study whose TOML a file holds within it.

    Args:
        text: the TOML.
        where: the file, for messages.
        field: the option or argument that named it.

    Raises:
        BadInput: it is none.
    """
    try:
        return from_mapping(values_in(text, field, where))
    except BadInput as error:
        raise BadInput(field, where, f"the study in it can't be read: {error}") from None


def values_in(text: str, field: str, where: str) -> dict[str, Any]:
    """Return what a TOML text holds, key by key, lists as tuples.

    Raises:
        BadInput: it is not valid TOML.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, lists 5000 deep
        raise BadInput(field, where, f"not valid TOML: {error}") from None
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}


def from_mapping(values: Mapping[str, Any], notify: Callable[[str], None] = lambda line: None) -> StudyConfig:
    """Return the study that flat key-value pairs describe; missing keys take their defaults.

    Args:
        values: field → value. `coordinates`, of an older file, is read as `input_bits`.
        notify: called with each line for the user.

    Raises:
        BadInput: an unknown key (with the nearest known one) or a bad value.
    """
    known = [field.name for field in fields(StudyConfig)]
    if isinstance(older := values.get("coordinates"), bool) and "input_bits" not in values:
        values = {key: value for key, value in values.items() if key != "coordinates"}
        values["input_bits"] = StudyConfig(bits=values.get("bits", (4,))).focus_bits if older else 0
        means = values["input_bits"] or "none"
        notify(f"coordinates = {str(older).lower()} is read as input_bits = {means}, its name and meaning today")
    for key in values:
        if key == "multiverse":
            raise BadInput(key, values[key], "there is no such key in a study; quantstudy multiverse takes this table")
        if key not in known:
            raise BadInput(key, values[key], f"there is no such key; {choices(key, known)}")
    study = StudyConfig(**values)
    for key in NUMERIC & values.keys():  # command-line options arrive as text, which values of a file must not be
        if any(isinstance(part, str) for part in (values[key] if isinstance(values[key], tuple) else (values[key],))):
            raise BadInput(key, values[key], "numbers stand without quotes")
    return study
