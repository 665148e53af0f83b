"""The rules of the house (DESIGN §2), checked on the source: who imports whom, docstrings, lengths, examples."""

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for top in ("quantstudy", "kernels") for path in (ROOT / top).rglob("*.py"))

ROOMS = (
    ("quantstudy.errors", "quantstudy.engine.interrupts", "quantstudy.engine.notices", "quantstudy.cli.streams"),
    (
        "quantstudy.activations.activation",
        "quantstudy.activations.beyond",
        "quantstudy.activations.breaks",
        "quantstudy.activations.captured",
        "quantstudy.activations.elementwise",
        "quantstudy.activations.fingerprint",
        "quantstudy.activations.functions",
        "quantstudy.activations.guarded",
        "quantstudy.activations.probing",
        "quantstudy.activations.sameness",
        "quantstudy.activations.syntax",
    ),
    ("quantstudy.activations.catalogue", "quantstudy.quantize.scheme"),
    ("quantstudy.config.study",),
    ("quantstudy.config.multiverse",),
    (
        "quantstudy.records.files",
        "quantstudy.records.frames",
        "quantstudy.records.tables",
        "quantstudy.records.provenance",
    ),
    ("quantstudy.records.folders",),
    ("quantstudy.records.run", "quantstudy.records.cache", "quantstudy.records.as_it_stands"),
    ("quantstudy.subject",),
    ("quantstudy.quantize",),
    ("quantstudy.drift",),
    ("quantstudy.measure",),
    ("quantstudy.judge",),
    ("quantstudy.show",),
    ("quantstudy.engine.compare",),
    ("quantstudy.engine.worker_failures", "quantstudy.engine.executors"),
    ("quantstudy.engine.portability", "quantstudy.engine.simulated_only", "quantstudy.records.origins"),
    ("quantstudy.engine.cells",),
    ("quantstudy.engine.trained",),
    ("quantstudy.engine.worker", "quantstudy.engine.preload"),
    ("quantstudy.engine.collect",),
    ("quantstudy.engine.pipeline",),
    ("quantstudy.engine.multiverse",),
    ("quantstudy.cost",),
    ("quantstudy.claims",),
    ("quantstudy.cli.layout",),
    ("quantstudy.cli.terminal", "quantstudy.cli.cost_table"),
    ("quantstudy.cli.run", "quantstudy.cli.claims", "quantstudy.cli.multiverse", "quantstudy.cli.cost"),
    ("quantstudy.cli.advice", "quantstudy.cli.exits"),
    ("quantstudy.cli.app", "quantstudy.__main__"),
)
"""Data flow down this list: a room may import rooms above it, never below."""

NO_TORCH = ("quantstudy.errors", "quantstudy.engine.interrupts", "quantstudy.engine.notices", "quantstudy.cli.streams",
            "quantstudy.cli.advice",
            "quantstudy.engine.worker_failures", "quantstudy.records.as_it_stands", "quantstudy.cli.run",
            "quantstudy.activations.activation", "quantstudy.activations.beyond", "quantstudy.activations.catalogue",
            "quantstudy.activations.sameness", "quantstudy.activations.syntax",
            "quantstudy.quantize.scheme", "quantstudy.config.study", "quantstudy.records.files", "quantstudy.records.frames",
            "quantstudy.records.folders", "quantstudy.records.run", "quantstudy.records.tables", "quantstudy.records.cache",
            "quantstudy.records.provenance", "quantstudy.drift", "quantstudy.judge", "quantstudy.show", "quantstudy.engine.cells",
            "quantstudy.engine.collect", "quantstudy.engine.executors", "quantstudy.engine.pipeline", "quantstudy.cli.terminal", "quantstudy.cli.app",
            "quantstudy.engine.compare", "quantstudy.config.multiverse", "quantstudy.engine.multiverse", "quantstudy.engine.portability",
            "quantstudy.engine.simulated_only", "quantstudy.records.origins", "quantstudy.cli.layout", "quantstudy.cli.cost_table",
            "quantstudy.cli.multiverse", "quantstudy.claims", "quantstudy.cli.claims")  # fmt: skip
"""What runs before a cell does, or reads records only. `import torch` may stand inside a function of some of them."""

ARITHMETIC = "quantstudy_kernels.arithmetic"
"""One leaf of the kernels that these may import: a number, part of what names results."""

ELEMENTARY = "quantstudy_kernels.elementary"
"""The other one: exp and logarithms, made of numpy alone."""

ONLY = {
    "noise": ("quantstudy.targets.islands",),
    "torchao": ("quantstudy.quantize.torchao_import",),
    "triton": ("quantstudy_kernels",),
    "numba": ("quantstudy_kernels",),
    "seaborn": ("quantstudy.show",),
    "matplotlib": ("quantstudy.show",),
    "jinja2": ("quantstudy.show",),
    "typer": ("quantstudy.cli.app", "quantstudy.cli.exits"),
    "rich": ("quantstudy.cli.terminal", "quantstudy.cli.layout"),
    "skimage": ("quantstudy.drift",),
    "contourpy": ("quantstudy.drift", "quantstudy.show"),
    "tomllib": ("quantstudy.config.study",),
}
"""Packages that only these may import."""

DRIFT = {"numpy", "scipy", "skimage", "contourpy"}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts[1:] if parts[0] == "kernels" else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str, *, at_import: bool = False) -> tuple[str, ...]:
    """Dotted names that a module imports, anywhere or (at_import) only where importing it would run the line."""
    return tuple(_imports(module, at_import))


def _imports(module: str, at_import: bool) -> Iterator[str]:
    waiting: list[ast.AST] = [tree(module)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
            continue
        if at_import and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
            source = resolve_name("." * node.level + (node.module or ""), package) if node.level else node.module or ""
            names = [f"{source}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else source for name in names)
        waiting += ast.iter_child_nodes(node)


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


def floor(module: str) -> int:
    """How far down the list a module's room is; leaves are named before the room that holds them."""
    return next(number for number, rooms in enumerate(ROOMS) if within(module, rooms))


OURS = sorted(name for name in MODULES if name.startswith("quantstudy."))


def for_each(modules: Iterable[str]) -> Callable[[Callable[[str], None]], Callable[[], None]]:
    """Make one test of a check of many modules: a thousand tests would take seconds to report."""

    def decorate(check: Callable[[str], None]) -> Callable[[], None]:
        def test() -> None:
            for module in modules:
                check(module)

        return test

    return decorate


def test_every_module_has_its_room() -> None:
    assert len(OURS) > 40
    for module in OURS:
        floor(module)
    for rooms in ROOMS:
        for room in rooms:
            assert room in MODULES, f"{room} is gone"


@for_each(OURS)
def test_a_room_imports_only_rooms_above_it(module: str) -> None:
    for name in imports(module):
        if name in MODULES and name.startswith("quantstudy."):
            assert floor(name) <= floor(module), f"{module} imports {name}, a room below"


def test_the_checker_sees_imports() -> None:
    assert {"quantstudy.engine.worker", "time"} <= set(imports("quantstudy.engine.pipeline"))
    assert "quantstudy.engine.worker" not in set(imports("quantstudy.engine.pipeline", at_import=True))
    assert "torch" in set(imports("quantstudy.engine.worker"))
    assert "pandas" not in set(imports("quantstudy.records.run", at_import=True))
    assert floor("quantstudy.quantize.scheme") < floor("quantstudy.config.study") < floor("quantstudy.quantize.plan")


@for_each(sorted(MODULES))
def test_packages_with_one_door(module: str) -> None:
    for name in imports(module):
        allowed = ONLY.get(name.partition(".")[0])
        assert allowed is None or within(module, allowed), f"{module} imports {name}"


@for_each([name for name in OURS if within(name, NO_TORCH)])
def test_no_torch(module: str) -> None:
    inside = ("subject.activation", "cli", "study", "portability")  # functions that import it
    names = set(imports(module, at_import=module.removeprefix("quantstudy.") in inside)) - {ARITHMETIC, ELEMENTARY}
    tops = {name.partition(".")[0] for name in names}
    kernels = {"quantstudy_kernels"} if not within(module, ("quantstudy.drift",)) else set()
    assert not tops & {"torch", "torchao", *kernels}, module


@for_each([name for name in OURS if within(name, ("quantstudy.drift",))])
def test_drift_knows_arrays_only(module: str) -> None:
    for name in imports(module):
        top = name.partition(".")[0]
        ours = within(name, ("quantstudy.drift", "quantstudy_kernels.cpu", ELEMENTARY))
        known = top in sys.stdlib_module_names or top in DRIFT or ours
        assert known, f"{module} imports {name}"


@for_each([name for name in OURS if within(name, ("quantstudy.judge", "quantstudy.show"))])
def test_judge_and_show_know_no_models(module: str) -> None:
    models = (
        "quantstudy.subject",
        "quantstudy.quantize",
        "quantstudy.measure",
        "quantstudy.engine.worker",
        "quantstudy.engine.pipeline",
    )
    leaves = ("quantstudy.activations.catalogue", "quantstudy.activations.sameness", "quantstudy.quantize.scheme")
    for name in imports(module):
        assert not within(name, models) or within(name, leaves), f"{module} imports {name}"


@for_each([name for name in OURS if within(name, ("quantstudy.cost",))])
def test_cost_knows_functions_and_no_study(module: str) -> None:
    leaves = (
        "quantstudy.cost",
        "quantstudy.errors",
        "quantstudy.records.provenance",
        "quantstudy.activations.catalogue",
    )
    for name in imports(module):
        assert not name.startswith("quantstudy.") or within(name, leaves), f"{module} imports {name}"


@for_each([name for name in OURS if not within(name, ("quantstudy.cost",))])
def test_only_the_command_line_measures_costs(module: str) -> None:
    for name in imports(module):
        assert module == "quantstudy.cli.cost" or not within(name, ("quantstudy.cost",)), f"{module} imports {name}"


@for_each([name for name in MODULES if name.startswith("quantstudy_kernels")])
def test_kernels_know_nothing_of_the_study(module: str) -> None:
    for name in imports(module):
        assert name.partition(".")[0] != "quantstudy", f"{module} imports {name}"
        assert name.partition(".")[0] not in ("pandas", "pyarrow", "safetensors", "torchao")


def test_kernels_is_a_source_root() -> None:
    assert not (ROOT / "kernels" / "__init__.py").exists()


def test_what_the_import_rules_say_is_so() -> None:
    """The same by running: what reads records and starts cells loads no torch, what measures drift only Numba."""
    light = [name for name in OURS if within(name, NO_TORCH)]
    drift = [name for name in light if within(name, ("quantstudy.drift",))]
    heavy = {"torch", "torchao", "triton"}
    kernels = {name for name in MODULES if within(name, ("quantstudy_kernels.cpu", "quantstudy_kernels.dispatch"))}
    for names, unwanted in ((drift, heavy), (sorted({*light} - {*drift}), heavy | {"numba", *kernels})):
        program = (
            f"import importlib, sys; [importlib.import_module(name) for name in {names}];"
            f"print(sorted({unwanted} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_the_public_names_load() -> None:
    import quantstudy

    assert {"StudyConfig", "run_study", "open_run"} <= set(quantstudy.__all__) <= set(dir(quantstudy))
    for name in quantstudy.__all__:
        assert getattr(quantstudy, name) is not None
    with pytest.raises(AttributeError, match="'quantstudy' has no attribute 'nonsense'"):
        _ = quantstudy.nonsense


def definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not child.name.startswith("_"):
            yield f"{prefix}.{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, f"{prefix}.{child.name}")
        elif isinstance(child, ast.If | ast.Try | ast.With):
            yield from definitions(child, prefix)


@for_each(sorted(MODULES))
def test_everything_public_has_a_docstring(module: str) -> None:
    assert ast.get_docstring(tree(module)), f"{module} has no docstring"
    for name, node in definitions(tree(module), module):
        assert ast.get_docstring(node), f"{name} has no docstring"  # type: ignore[arg-type]


@for_each(sorted(MODULES))
def test_no_file_is_longer_than_400_lines(module: str) -> None:
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400, module


EXAMPLES = sorted(name for name in MODULES if ">>> " in MODULES[name].read_text(encoding="utf-8"))


def test_there_are_examples() -> None:
    assert {"quantstudy.errors", "quantstudy.quantize.scheme", "quantstudy.records.tables"} <= set(EXAMPLES)


@pytest.mark.parametrize("module", EXAMPLES)
def test_examples_run(module: str) -> None:
    if module.startswith("quantstudy_kernels.triton"):
        pytest.importorskip("triton")
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
