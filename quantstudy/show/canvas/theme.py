"""The colours that figures and the page have in common, by what they mean; loads nothing.

Pairs that carry meaning differ in lightness, not only in hue. The light ones are those of every figure. On a dark
background what is text or a line changes, the maps' own colours do not.
"""

LIGHT = {
    "paper": "#ffffff",
    "ink": "#1a1a1a",
    "muted": "#595959",
    "rule": "#d0d0d0",
    "wash": "#f4f6f8",
    "control": "#767676",
    "link": "#08519c",
    "island": "#F46D43",
    "sea": "#08306b",
    "became-island": "#FFE38F",
    "became-sea": "#8FD3F4",
    "float-line": "#000000",
    "quantized-line": "#FFFFFF",
    "seed-dot": "#8c8c8c",
    "best": "#0072B2",
    "tied-band": "#DDEAF6",
    "deployable": "#00694B",
    "deployable-text": "#004D36",
    "allowed": "#D3EDE3",
    "bars": "#6BAED6",
    "bars-behind": "#CFE0EF",
    "levels": "#B3360B",
    "missing": "#e9e9e9",
}
"""Name → colour on white paper."""

DARK = LIGHT | {
    "paper": "#14181d",
    "ink": "#e8e8e8",
    "muted": "#a9b0b8",
    "rule": "#39414a",
    "wash": "#1d232a",
    "control": "#8a939c",
    "link": "#8fc7f5",
    "seed-dot": "#9aa2aa",
    "best": "#5bb2e8",
    "tied-band": "#1d3650",
    "deployable": "#6fd6ae",
    "deployable-text": "#6fd6ae",
    "allowed": "#17392f",
    "bars": "#4d93bd",
    "bars-behind": "#2a4255",
    "levels": "#ff9166",
    "missing": "#2b3138",
}
"""The same names on dark paper."""

LESS_MORE = ("#2166AC", "#67A9CF", "#D1E5F0", "#F7F7F7", "#FDDBC7", "#EF8A62", "#B2440A")
"""Less (blue) and more (orange) than a reference, evenly spaced; safe for the colour-blind."""


DARK_BRIGHT = (
    *("#00224e", "#002a5f", "#003170", "#1a386f", "#2a3f6d", "#38476c"),
    *("#434e6c", "#4d556c", "#575d6d", "#61656f", "#6a6c71", "#737475"),
    *("#7d7c78", "#868379", "#918b78", "#9b9476", "#a59c74", "#b0a571"),
    *("#bcae6c", "#c6b667", "#d2c060", "#dec958", "#e9d34e", "#f6dd3f"),
    *("#fee838",),
)
"""Amounts, dark to bright: matplotlib's cividis at so many even steps; straight lines between, to 7 of 255."""


def variables(colours: dict[str, str]) -> str:
    """Return colours as CSS custom properties.

    >>> variables({"ink": "#1a1a1a", "rule": "#d0d0d0"})
    '--ink: #1a1a1a; --rule: #d0d0d0;'
    """
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
