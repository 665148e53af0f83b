"""A page from its template, with its style, its data, its one script, and the policy that lets it alone run.

A page that only shows pictures and tables has no script, and its policy lets none run.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from quantstudy.show.canvas.theme import DARK, LESS_MORE, LIGHT, variables
from quantstudy.show.page.script import PAGE, SERVED, digest, script, style

LOCKED = "base-uri 'none'; form-action 'none'"
STYLED = "style-src 'unsafe-inline'"

DIVERGENT = {f"less-more-{place}": colour for place, colour in enumerate(LESS_MORE)}


def render(template: str, data: str, *, served: bool, **texts: Any) -> str:
    """Return a page.

    Args:
        template: its file, which extends base.html.j2.
        data: of `payload`.
        served: it comes from `quantstudy show`, and asks there whether there is something new.
        texts: what the template asks for.
    """
    code = script(SERVED if served else PAGE)
    allowed = [
        f"script-src '{digest(code)}'",
        STYLED,
        "img-src data: blob:",
        *(["connect-src 'self'"] if served else []),
    ]
    return _filled(template, allowed, data=Markup(data), script=Markup(code), served=served, **texts)


def render_still(template: str, **texts: Any) -> str:
    """Return a page without data and script.

    Args:
        template: its file, which extends base.html.j2 and leaves the block `scripts` empty.
        texts: what the template asks for.
    """
    return _filled(template, [STYLED, "img-src data:"], **texts)


def _filled(template: str, allowed: Sequence[str], **texts: Any) -> str:
    return _template(template).render(
        policy=Markup("; ".join(["default-src 'none'", *allowed, LOCKED])),
        light=Markup(variables(LIGHT | DIVERGENT)),
        dark=Markup(variables(DARK | DIVERGENT)),
        style=Markup(style()),
        **texts,
    )


@cache
def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("quantstudy.show.page", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
