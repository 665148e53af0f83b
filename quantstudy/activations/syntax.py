"""The source of a function as text that comments, line endings, its place and the version of Python do not change."""

import ast
import functools
import importlib
import importlib.util
import linecache
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType
from typing import Any

LEFT_OUT = ("annotation", "returns", "type_comment", "type_params", "kind", "ctx")
"""Fields of a syntax tree that change no value, or that not every version of Python has."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def source_of(function: FunctionType) -> str | None:
    """Return what a function's source says; None where there is none, or where it is that of another version.

    A file may have been edited since it was imported: what stands in it is compiled and must be the function's code.
    """
    found = _definitions(function)
    return "; ".join(_text(node) for node in found) if found else None


def names_of(code: CodeType) -> frozenset[str]:
    """Return the names that a function and those inside it use, of globals and of attributes.

    Those in quotes are among them: `globals()["SCALE"]` and `getattr(module, "SCALE")` use a name, too.
    """
    inner = (names_of(part) for part in code.co_consts if isinstance(part, CodeType))
    return frozenset(code.co_names).union(_quoted(code.co_consts), *inner)


def _quoted(constants: Iterable[object]) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str) and constant.isidentifier():
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _quoted(constant)


def imported_by(function: FunctionType) -> dict[str, Any]:
    """Return the modules, and what of them, that a function imports where it is called, by their full names."""
    found: dict[str, Any] = {}
    package = function.__globals__.get("__package__") or ""
    for node in (node for one in _definitions(function) for node in ast.walk(one)):
        if isinstance(node, ast.Import):
            wanted = [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            wanted = [("." * node.level + (node.module or ""), alias.name) for alias in node.names]
        else:
            continue
        for module, name in wanted:
            try:
                loaded = importlib.import_module(importlib.util.resolve_name(module, package))
            except Exception:  # calling the function will raise it
                continue
            found[f"{module}.{name}" if name else module] = getattr(loaded, name, None) if name else loaded
    return found


def _definitions(function: FunctionType) -> list[Definition]:
    code = function.__code__
    linecache.checkcache(code.co_filename)
    text = "".join(linecache.getlines(code.co_filename, function.__globals__))
    codes, definitions = _parsed(text)
    if code not in codes:
        return []
    found = definitions.get((code.co_name, code.co_firstlineno), [])
    starts: set[object] = {(line, column) for line, _, column, _ in code.co_positions()}
    return [one for one in found if _begins(one) in starts] or found


def _begins(definition: Definition) -> tuple[int, int] | None:
    """Return where what a lambda computes stands: several may begin in one line."""
    return (definition.body.lineno, definition.body.col_offset) if isinstance(definition, ast.Lambda) else None


@functools.lru_cache(maxsize=64)
def _parsed(text: str) -> tuple[frozenset[CodeType], dict[tuple[str, int], list[Definition]]]:
    """Return every code object that a file compiles to, and its definitions by name and first line."""
    definitions: dict[tuple[str, int], list[Definition]] = {}
    try:
        compiled, tree = compile(text, "", "exec", dont_inherit=True), ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return frozenset(), definitions
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            first = min(part.lineno for part in (node, *decorators))
            definitions.setdefault((name, first), []).append(node)
    return frozenset(_codes(compiled)), definitions


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _codes(part)


def _text(node: Any) -> str:
    """Return a syntax tree as text, without docstrings, annotations and places."""
    if isinstance(node, list):
        return f"[{', '.join(map(_text, node))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = {name: value for name, value in ast.iter_fields(node) if name not in LEFT_OUT}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
        fields["body"] = fields["body"][1:]
    shown = ", ".join(f"{name}={_text(value)}" for name, value in fields.items() if value not in (None, []))
    return f"{type(node).__name__}({shown})"
