"""Study files: TOML with flat keys."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quantstudy.config.study import StudyConfig, from_mapping
from quantstudy.errors import BadInput


def read_toml(
    path: Path, field: str = "STUDY.toml", notify: Callable[[str], None] = lambda line: None
) -> StudyConfig:
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
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, lists 5000 deep
        raise BadInput(field, str(path), f"not valid TOML: {error}") from None
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
