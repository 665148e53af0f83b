"""The page's one script: the JavaScript files joined, each behind those that it imports.

The files are ES modules, so that node can test each of them. Joined they are one module: imports between them fall
away, and so does the word `export`. `tests/page/test_js_house.py` holds what that takes.
"""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from posixpath import join, normpath

IMPORT = re.compile(r'^import \{[^}]*\}\s+from "(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?function |const |class )", re.MULTILINE)

PAGE, SERVED = "page/main.js", "served/main.js"
"""Where the script of a page begins, and that of one that is served while its run goes on."""


@cache
def script(main: str) -> str:
    """Return the script that begins with a file of the folder `js`, and all that it imports."""
    return "".join(EXPORT.sub("", IMPORT.sub("", _source(name))) for name in in_order(main))


def in_order(main: str) -> list[str]:
    """Return a file and all that it imports, each behind its own imports, in the order in which they are named.

    Raises:
        ValueError: files import each other in a circle.
    """
    done: list[str] = []

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise ValueError(f"{name} imports itself by way of {' → '.join(above)}")
        if name not in done:
            for other in IMPORT.findall(_source(name)):
                visit(normpath(join(name, "..", other)), (*above, name))
            done.append(name)

    visit(main, ())
    return done


def digest(text: str) -> str:
    """Return what a content security policy names a script by.

    >>> digest("")
    'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def style() -> str:
    """Return the page's style sheets, joined."""
    folder = files("quantstudy.show.page").joinpath("css")
    sheets = sorted(folder.iterdir(), key=lambda sheet: (sheet.name != "page.css", sheet.name))
    return "".join(sheet.read_text("utf-8") for sheet in sheets if sheet.name.endswith(".css"))


def _source(name: str) -> str:
    return files("quantstudy.show.page").joinpath("js", *name.split("/")).read_text("utf-8")
