"""A page: a figure of fixed width with a title, a line on how to read it, a body laid out in inches, a caption."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from quantstudy.show.canvas.colours import indexed
from quantstudy.show.canvas.marks import Mark, Pair
from quantstudy.show.canvas.style import BASE, DPI, HEADING, INK, MUTED, RULE, SMALL, TITLE, WIDTH

MARGIN = 0.3
"""Inches left and right of everything."""
BODY = WIDTH - 2 * MARGIN
"""Inches across the body."""
_SPACING = 1.3
_MOST_PIXELS = 16e6


@lru_cache(maxsize=1)
def _renderer() -> RendererAgg:
    return RendererAgg(8, 8, 72)


@lru_cache(maxsize=8192)
def _line_width(line: str, size: float, weight: str) -> float:
    font = FontProperties(family="DejaVu Sans", size=size, weight=weight)
    width, _, _ = _renderer().get_text_width_height_descent(line, font, ismath=False)
    return float(width) / 72.0


def text_width(text: str, size: float = BASE, weight: str = "normal") -> float:
    """Return the width of a text's widest line in inches."""
    return max(_line_width(line, size, weight) for line in text.split("\n"))


def line_height(size: float) -> float:
    """Return the height of one line of text in inches."""
    return size * _SPACING / 72.0


def wrap(text: str, width: float, size: float = BASE, weight: str = "normal") -> str:
    """Break a text at its spaces (a single word at `@` or `_`) so that no line is wider than `width` inches."""
    space = _line_width("a b", size, weight) - _line_width("ab", size, weight)
    lines, used = [""], 0.0
    for word in text.split(" "):  # word by word: matplotlib takes milliseconds to measure a long line
        wide = _line_width(word, size, weight)
        if not lines[-1] or used + space + wide <= 0.995 * width:
            used += wide + (space if lines[-1] else 0.0)
            lines[-1] = f"{lines[-1]} {word}".lstrip()
        else:
            lines.append(word)
            used = wide
    return "\n".join(part for line in lines for part in _break(line, width, size, weight))


def _break(word: str, width: float, size: float, weight: str) -> list[str]:
    parts = []
    while _line_width(word, size, weight) > width and len(word) > 1:
        fits = max((n for n in range(1, len(word)) if _line_width(word[:n], size, weight) <= width), default=1)
        at = max((word.rfind(mark, 1, fits + 1) for mark in "@_"), default=-1)
        cut = at + (word[at] == "_") if at > 0 else fits
        cut = min(cut, fits)
        parts.append(word[:cut])
        word = word[cut:]
    return [*parts, word]


def names_width(names: Iterable[str], most: float, weight: str = "normal") -> float:
    """Return the width of the widest name in inches, `most` at most."""
    return min(most, max(text_width(name, BASE, weight) for name in names))


def shortened(name: str, width: float, weight: str = "normal") -> str:
    """Return a name that fits into one line: with an ellipsis in its middle if it has to be.

    >>> shortened("relu", 1.0), shortened("hardgelu_uncapped@1000000", 1.0)
    ('relu', 'hardg…00000')
    """
    kept = len(name)
    short = name
    while text_width(short, BASE, weight) > width and kept > 2:
        kept -= 1
        short = f"{name[: kept - kept // 2]}…{name[len(name) - kept // 2 :]}"
    return short


class Page:
    """A figure in the making; positions are inches from the top left corner of the body.

    Args:
        height: of the body, in inches.
        title: the finding or the question, in words.
        reading: how to read the figure.
        caption: small print under it.
    """

    def __init__(self, height: float, title: str, reading: str, caption: str = "") -> None:
        title = wrap(title, BODY, TITLE, "bold")
        shown = wrap(reading, BODY, BASE)
        caption = wrap(caption, BODY, SMALL) if caption else ""
        title_height = line_height(TITLE) * (title.count("\n") + 1)
        header = 0.25 + title_height + 0.08 + line_height(BASE) * (shown.count("\n") + 1) + 0.2
        footer = 0.2 + (line_height(SMALL) * (caption.count("\n") + 1) + 0.1 if caption else 0.0)
        self._top, self._body, self._height = header, height, header + height + footer
        pixels = WIDTH * self._height * DPI**2
        dpi = DPI if pixels <= _MOST_PIXELS else max(100.0, DPI * (_MOST_PIXELS / pixels) ** 0.5)
        self.figure = Figure(figsize=(WIDTH, self._height), dpi=dpi)
        FigureCanvasAgg(self.figure)
        stop = "" if title.endswith((".", "?", "!", ":")) else "."
        self.figure.set_label(" ".join(f"{title}{stop} {reading}".split()))
        top = {"va": "top", "ha": "left", "linespacing": _SPACING * 0.9}
        self.write(0.0, 0.25 - header, title, size=TITLE, weight="bold", **top)
        self.write(0.0, 0.33 - header + title_height, shown, size=BASE, color=MUTED, **top)
        if caption:
            self.write(0.0, height + 0.15, caption, size=SMALL, color=MUTED, **top)

    @cached_property
    def canvas(self) -> Axes:
        """Axes behind all others that cover the body and measure inches from its top left corner, as `write` does."""
        ax = self.axes(0.0, 0.0, BODY, self._body, bare=True)
        ax.set(ylim=(self._body, 0.0), zorder=-1.0)
        return ax

    def note(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Write a text as small print: an axis' unit, the heading of a column."""
        return self.write(left, top, text, **{"size": SMALL, "color": MUTED} | style)

    def heading(
        self, left: float, middle: float, text: str, beside: str = "", size: float = HEADING, **style: Any
    ) -> float:
        """Write a heading and, muted and smaller, what is said beside it; return where the heading ends."""
        self.write(left, middle, text, size=size, weight="bold", **style)
        end = left + text_width(text, size, "bold")
        if beside:
            self.write(end + 0.15, middle, beside, size=BASE if size > BASE else SMALL, color=MUTED, **style)
        return end

    def box(self, left: float, top: float, width: float, height: float, colour: Any = "none", **style: Any) -> None:
        """Draw a rectangle."""
        self.canvas.add_artist(Rectangle((left, top), width, height, facecolor=colour, **style))

    def rule(self, tops: Any, left: float = 0.0, right: float = BODY, width: float = 0.8) -> None:
        """Draw a hairline across, or one at each of several heights."""
        self.canvas.hlines(tops, left, right, color=RULE, linewidth=width)

    def legend(self, kinds: Iterable[tuple[Mark, str]], left: float, middle: float, apart: float = 0.3) -> float:
        """Draw marks with their labels from left to right; return where a next one would begin.

        Args:
            kinds: marks (`canvas.marks`) and what they are called.
            left: inches.
            middle: inches from the top of the body.
            apart: inches from one label to the next mark.
        """
        for mark, label in kinds:
            left += mark(self.canvas, left, middle)
            self.write(left, middle, label, size=SMALL)
            left += text_width(label, SMALL) + apart
        return left

    def scale(
        self, left: float, middle: float, colours: Any, ends: tuple[str, str], width: float = 2.4, gap: float = 0.12
    ) -> float:
        """Draw a colour scale between what its ends mean; return where its right text ends."""
        self.write(left, middle, ends[0], size=SMALL)
        left += text_width(ends[0], SMALL) + gap
        self.ramp(left, middle - 0.1, width, colours)
        self.write(left + width + gap, middle, ends[1], size=SMALL)
        return left + width + gap + text_width(ends[1], SMALL)

    def rows(self, place: Pair, size: Pair, ends: Pair, pitch: float, unit: str, limits: Pair | None = None) -> Axes:
        """Add axes for marks in rows from the top down: a scale across with a tick per `pitch` inches, no frame.

        Args:
            place: left and top, inches.
            size: width and height, inches.
            ends: heights of the bottom and of the top.
            pitch: inches from tick to tick at least.
            unit: what stands below the scale.
            limits: ends of the scale, if they are given; a line stands at 0 where that is between them.
        """
        (left, top), (width, height) = place, size
        self.note(left + width / 2, top + height + 0.36, unit, ha="center")
        ax = self.axes(left, top, width, height)
        ax.patch.set_visible(False)
        ax.set(ylim=ends, yticks=[])
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="x", length=3)
        ax.locator_params(axis="x", nbins=max(2, int(width / pitch)))
        if limits:
            ax.set_xlim(limits)
            if limits[0] < 0.0 < limits[1]:
                ax.axvline(0.0, color=INK, linewidth=0.8)
        return ax

    def names(
        self, names: Iterable[str], right: float, top: float, row: float, *, fit: Callable[..., str] = shortened
    ) -> None:
        """Write names, right-aligned between the body's left edge and `right`, in rows of `row` inches."""
        for place, name in enumerate(names):
            self.write(right, top + row * (place + 0.5), fit(name, right), ha="right")

    def ramp(self, left: float, top: float, width: float, colours: Any) -> None:
        """Draw a colour scale from its smallest value (left) to its largest."""
        box = (left, left + width, top + 0.2, top)
        self.canvas.imshow(np.linspace(0.0, 1.0, 256)[None], cmap=colours, extent=box, aspect="auto")

    def axes(self, left: float, top: float, width: float, height: float, *, bare: bool = False) -> Axes:
        """Add axes; `bare` ones have no frame, no ticks, and measure inches with y upwards."""
        bottom = self._height - self._top - top - height
        box = ((MARGIN + left) / WIDTH, bottom / self._height, width / WIDTH, height / self._height)
        ax = self.figure.add_axes(box)
        if bare:
            ax.set_axis_off()
            ax.set_autoscale_on(False)
            ax.set(xlim=(0.0, width), ylim=(0.0, height))
        return ax

    def write(self, left: float, top: float, text: str, **style: Any) -> Text:
        """Write a text; its anchor is the middle left unless `ha` and `va` say otherwise."""
        position = ((MARGIN + left) / WIDTH, 1.0 - (self._top + top) / self._height)
        look: dict[str, Any] = {"va": "center_baseline", "ha": "left", "size": BASE, "color": INK, "linespacing": 1.15}
        written: Text = self.figure.text(*position, text, **(look | style))
        return written

    @contextmanager
    def draft(self) -> Iterator[None]:
        """Hide the figure for a while: seaborn draws all of it once for each heatmap."""
        self.figure.set_visible(False)
        yield
        self.figure.set_visible(True)


def own_axes(width: float, height: float) -> Axes:
    """Return axes of a figure of their own, some inches wide and high, for a plot that was given none."""
    from matplotlib import pyplot  # a notebook shows what is drawn there, and nothing else needs it

    axes: Axes = pyplot.subplots(figsize=(width, height), layout="constrained")[1]
    return axes


def png(figure: Figure) -> bytes:
    """Return a figure as PNG with a palette; what it says stands in the file too, for whoever cannot see it."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels, palette = indexed(np.asarray(canvas.buffer_rgba()))
    image = Image.fromarray(pixels)
    image.putpalette(palette.tobytes())
    description = PngInfo()
    description.add_text("Description", str(figure.get_label()))
    dots = (figure.dpi, figure.dpi)
    buffer = io.BytesIO()
    image.save(buffer, "png", compress_level=8, pnginfo=description, dpi=dots)
    return buffer.getvalue()
