"""Mutation test: break one place at a time in the rooms that make numbers and sentences and see whether tests notice.

`make mutants` draws 150 mutants with a fixed seed from all that cosmic-ray can make of these rooms, runs each
room's tests on a copy of the tree and lists the survivors; it fails when fewer than 85 % are killed. Mutants that
change nothing that runs (annotations, docstrings) are not drawn. `--since COMMIT` breaks only what is new since then.
"""

import argparse
import ast
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("drift", "quantize", "judge", "words", "activations", "networks")
TIMEOUT_SECONDS = 180
WANTED_SHARE = 0.85


@dataclass(frozen=True)
class Mutant:
    """One broken place: the `occurrence`-th position of an operator in a file (path from the root)."""

    file: str
    operator: str
    occurrence: int

    def code(self) -> str | None:
        """The file's text with this place broken, None if what runs is the same."""
        source = (ROOT / self.file).read_text()
        mutated = mutate_code(source, get_operator(self.operator)(), self.occurrence)
        return None if mutated is None or _what_runs(mutated) == _what_runs(source) else mutated


def main() -> int:
    """Draw, run, list; 0 if enough mutants were killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=150, help="mutants to draw")
    parser.add_argument("--seed", type=int, default=0, help="of the draw")
    parser.add_argument("--rooms", nargs="+", default=ROOMS, choices=ROOMS)
    parser.add_argument("--since", metavar="COMMIT", help="break only lines that are new or changed since then")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args()
    everything = list(_mutants(chosen.rooms, chosen.since))
    random.Random(chosen.seed).shuffle(everything)
    drawn: list[Mutant] = []
    for mutant in everything:
        if len(drawn) == chosen.count:
            break
        if mutant.code() is not None:
            drawn.append(mutant)
    print(f"{len(drawn)} of {len(everything)} mutants of {', '.join(chosen.rooms)}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(chosen.jobs):
            trees.put(_copy(Path(scratch) / str(number)))
        _check_unbroken(trees, chosen.rooms)
        with ThreadPoolExecutor(chosen.jobs) as pool:
            killed = list(pool.map(lambda mutant: _killed(mutant, trees), drawn))
    survivors = [mutant for mutant, dead in zip(drawn, killed, strict=True) if not dead]
    for mutant in survivors:
        print(_difference(mutant))
    share = 1 - len(survivors) / len(drawn)
    print(f"{len(drawn) - len(survivors)} killed, {len(survivors)} survived: {share:.1%}, wanted {WANTED_SHARE:.0%}")
    return 0 if share >= WANTED_SHARE else 1


def _mutants(rooms: tuple[str, ...], since: str | None) -> Iterator[Mutant]:
    operators = [name for name in operator_names() if not get_operator(name).arguments()]
    for room in rooms:
        for path in sorted((ROOT / "quantstudy" / room).glob("*.py")):
            file = str(path.relative_to(ROOT))
            nodes = list(ast_nodes(get_ast(path.read_text())))
            wanted = range(1, len(path.read_text().splitlines()) + 1) if since is None else _changed(file, since)
            for name in operators:
                operator = get_operator(name)()
                positions = [start for node in nodes for start, _ in operator.mutation_positions(node)]
                for occurrence, (line, _) in enumerate(positions):
                    if line in wanted:
                        yield Mutant(file, name, occurrence)


def _changed(file: str, since: str) -> set[int]:
    """The lines of a file that are new or changed since a commit."""
    difference = subprocess.run(
        ["git", "diff", "--unified=0", since, "--", file], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    hunks = re.findall(r"^@@ \S+ \+(\d+)(?:,(\d+))? @@", difference, re.MULTILINE)
    return {int(first) + line for first, count in hunks for line in range(int(count or 1))}


def _what_runs(source: str) -> str:
    """The program without what never runs: annotations and docstrings."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return source
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _copy(to: Path) -> Path:
    for part in ("quantstudy", "kernels", "tests"):
        shutil.copytree(ROOT / part, to / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def _check_unbroken(trees: "SimpleQueue[Path]", rooms: tuple[str, ...]) -> None:
    tree = trees.get()
    for room in rooms:
        if not _passes(tree, [f"tests/{room}"]):
            sys.exit(f"tests/{room} fail before anything is broken")
    trees.put(tree)


def _killed(mutant: Mutant, trees: "SimpleQueue[Path]") -> bool:
    code = mutant.code()
    assert code is not None
    tree = trees.get()
    whole = (tree / mutant.file).read_text()
    try:
        (tree / mutant.file).write_text(code)
        room, stem = Path(mutant.file).parts[1], Path(mutant.file).stem
        own = f"tests/{room}/test_{stem}.py"
        first = [own] if (tree / own).exists() else []
        return not _passes(tree, [*first, f"tests/{room}"])
    finally:
        (tree / mutant.file).write_text(whole)
        trees.put(tree)


def _passes(tree: Path, tests: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tree}{os.pathsep}{tree / 'kernels'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    try:
        return not subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return False


def _difference(mutant: Mutant) -> str:
    before = (ROOT / mutant.file).read_text().splitlines()
    after = (mutant.code() or "").splitlines()
    lines = difflib.unified_diff(before, after, f"{mutant.file} ({mutant.operator})", "broken", n=0, lineterm="")
    return "survived: " + "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
