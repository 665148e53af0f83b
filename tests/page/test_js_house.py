"""The rules of the page's scripts: they are joined into one, stripped of `import` and `export`, whose form is fixed."""

import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath

import pytest

from tests.page.cases import JS

Sources = dict[str, str]

IMPORT = re.compile(r'^import \{\s*((?:\w+,\s*)*\w+,?)\s*\} from "(\.\.?/[\w/]+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
DECLARED = re.compile(r"^(?:export )?(?:async )?(?:function|const|let|class) (\w+|[{\[][^=]*[}\]])", re.MULTILINE)
BELOW = {
    "numbers": ("numbers",),
    "browser": ("browser", "numbers"),
    "findings": ("findings", "browser", "numbers"),
    "live": ("live", "browser", "numbers"),
    "page": ("page", "live", "findings", "browser", "numbers"),
}
"""What a part may import; `served` may import all."""
FORBIDDEN = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|createContextualFragment|eval|fetch|XMLHttpRequest|WebSocket"
    r"|EventSource|sendBeacon|localStorage|sessionStorage|indexedDB)\b|document\.write|new Function\b|\bimport\("
    r"|setAttribute\(\s*[\"'`](?:on|style)|cssText"
)
ASKS = ("served/reload.js", "fetch")
"""What a page does that `quantstudy show` serves: it asks how far the run is."""
BEGINNINGS = ("page/main.js", "served/main.js")
KILOBYTES = {("numbers",): 48, ("findings",): 60, ("live", "browser", "page", "served"): 75}
MOST_LINES, WIDEST = 300, 120


def sources() -> Sources:
    """Every script by its place, `numbers/plan.js`."""
    return {path.relative_to(JS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(JS.rglob("*.js"))}


def problems(scripts: Sources) -> list[str]:
    """Every breach of the rules."""
    found = [problem for name, text in scripts.items() for problem in of_one(name, text)]
    return [*found, *names_taken_twice(scripts), *wrong_imports(scripts), *circles(scripts)]


def of_one(name: str, text: str) -> Iterator[str]:
    lines = text.splitlines()
    if len(lines) > MOST_LINES or max(map(len, lines)) > WIDEST:
        yield f"{name}: {len(lines)} lines, up to {max(map(len, lines))} wide"
    for line in re.findall(r"^\s*import\b.*$", IMPORT.sub("", text), re.MULTILINE):
        yield f"{name}: {line!r} is not of the form that is stripped"
    for line in re.findall(r"^.*\bexport\b.*$", without_comments(EXPORT.sub("", text)), re.MULTILINE):
        yield f"{name}: {line!r} is not of the form that is stripped"
    for match in EXPORT.finditer(text):
        if not text[: match.start()].endswith("*/\n") or "/**" not in text[: match.start()]:
            yield f"{name}: {match[1]} has no comment"
    for match in FORBIDDEN.finditer(without_comments(text)):
        if (name, match[0]) == ASKS:
            continue
        yield f"{name}: {match[0]} is not to be used"
    if name.startswith("numbers/") and re.search(r"\b(?:document|window)\b", without_comments(text)):
        yield f"{name}: numbers know no page"
    if name not in BEGINNINGS:
        yield from effects(name, text)


def effects(name: str, text: str) -> Iterator[str]:
    """Statements at the top of a file that are no declarations."""
    for line in without_comments(IMPORT.sub("", text)).splitlines():
        if re.match(r"[^\s})\]]", line) and not re.match(
            r"(?:export )?(?:async )?(?:function|const|let|class)\b", line
        ):
            yield f"{name}: {line!r} is a statement at the top"


def without_comments(text: str) -> str:
    return re.sub(r"/\*.*?\*/|(?<!:)//[^\n]*", "", text, flags=re.DOTALL)


def names_taken_twice(scripts: Sources) -> Iterator[str]:
    taken: dict[str, str] = {}
    for name, text in scripts.items():
        for match in DECLARED.finditer(text):
            for declared in re.findall(r"\w+", match[1]):
                if declared in taken:
                    yield f"{declared} is in {name} and in {taken[declared]}"
                taken[declared] = name


def imports(name: str, text: str) -> list[tuple[str, list[str]]]:
    """The files that a script imports, and what of them."""
    return [(normpath(join(dirname(name), m[2])), re.findall(r"\w+", m[1])) for m in IMPORT.finditer(text)]


def wrong_imports(scripts: Sources) -> Iterator[str]:
    for name, text in scripts.items():
        part = dirname(name)
        for file, wanted in imports(name, text):
            if file not in scripts:
                yield f"{name}: there is no {file}"
                continue
            if dirname(file) not in BELOW.get(part, (dirname(file),)):
                yield f"{name}: {part} may not import {file}"
            for missing in set(wanted) - set(EXPORT.findall(scripts[file])):
                yield f"{name}: {file} has no {missing}"
            for unused in (one for one in wanted if len(re.findall(rf"\b{one}\b", text)) < 2):
                yield f"{name}: {unused} is imported in vain"


def circles(scripts: Sources) -> Iterator[str]:
    below = {name: [file for file, _ in imports(name, text)] for name, text in scripts.items()}
    while free := [name for name, files in below.items() if not any(file in below for file in files)]:
        for name in free:
            del below[name]
    if below:
        yield f"a circle in {sorted(below)}"


def test_the_scripts_keep_the_rules() -> None:
    assert problems(sources()) == []


def test_there_are_scripts_and_they_are_small() -> None:
    scripts = sources()
    assert "numbers/forward.js" in scripts
    for parts, most in KILOBYTES.items():
        size = sum(len(text.encode()) for name, text in scripts.items() if dirname(name) in parts)
        assert size <= 1024 * most, parts


GOOD = {
    "numbers/a.js": "/** One. */\nexport const one = 1;\n",
    "live/b.js": 'import { one } from "../numbers/a.js";\n\nfunction two() {\n  return one;\n}\n',
}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("live/c.js", 'import two from "./b.js";\n'),
        ("live/c.js", 'import * as a from "../numbers/a.js";\n'),
        ("live/c.js", 'import { one as two } from "../numbers/a.js";\nconst four = two;\n'),
        ("live/c.js", 'import "./b.js";\n'),
        ("live/c.js", 'import { one } from "../numbers/a.js";\n'),
        ("live/c.js", 'import { three } from "../numbers/a.js";\nconst four = three;\n'),
        ("live/c.js", 'import { one } from "../numbers/z.js";\nconst four = one;\n'),
        ("live/c.js", "function four() {\n  return import('./b.js');\n}\n"),
        ("live/c.js", "/** Four. */\nexport default 4;\n"),
        ("live/c.js", "const four = 4;\nexport { four };\n"),
        ("live/c.js", "export const four = 4;\n"),
        ("live/c.js", "const one = 4;\n"),
        ("live/c.js", "const [four, two] = [4, 2];\n"),
        ("live/c.js", "console.log(4);\n"),
        ("live/c.js", "for (const x of []) {\n  x();\n}\n"),
        ("live/c.js", "function four(x) {\n  x.innerHTML = 4;\n}\n"),
        ("live/c.js", 'function four(x) {\n  x.setAttribute("onclick", 4);\n}\n'),
        ("live/c.js", "function four() {\n  fetch(4);\n}\n"),
        ("live/c.js", "\n" * 301),
        ("live/c.js", f"const four = {'4' * 120};\n"),
        ("numbers/c.js", "function four() {\n  return document;\n}\n"),
        ("numbers/a.js", 'import { one } from "./c.js";\n/** One. */\nexport const two = one;\n'),
        ("findings/c.js", 'import { two } from "../live/b.js";\nconst four = two;\n'),
    ],
)
def test_a_breach_is_noticed(name: str, text: str) -> None:
    assert problems(GOOD) == []
    assert problems({**GOOD, name: text}) != []


def test_a_circle_is_noticed() -> None:
    one = "{}/** {}. */\nexport const {} = {};\n"
    circle = {
        "live/a.js": one.format('import { b } from "./b.js";\n', "A", "a", "() => b"),
        "live/b.js": one.format('import { a } from "./a.js";\n', "B", "b", "() => a"),
    }
    assert problems(circle) == ["a circle in ['live/a.js', 'live/b.js']"]
