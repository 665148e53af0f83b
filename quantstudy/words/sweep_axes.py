"""What the axes of a sweep, their values and the ways to quantize are called."""

from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.words.numbers import listed, listing

NAMES = {
    "width": "width",
    "depth": "depth",
    "bits": "bits",
    "hidden": "hidden layers",
    "target": "target",
    "frequency": "noise frequency",
    "lr": "learning rate",
    "steps": "training steps",
    "batch": "batch",
    "grid": "grid",
    "placement": "placement",
    "observer": "observer",
    "weight_observer": "observer of weights",
    "scales": "scales",
    "input_bits": "bits of the inputs",
}
"""What the axes are called."""

UNIT_OF = {
    "width": "neurons per layer",
    "depth": "hidden layers",
    "bits": "bits",
    "steps": "steps",
    "batch": "points a step",
    "grid": "pixels along a side",
}
"""What the values of an axis count; of the others the name of the axis says it."""

ONE_OF = {
    "width": "neuron per layer",
    "depth": "hidden layer",
    "steps": "step",
    "batch": "point a step",
}
"""The same of a single one."""

PARTS = {
    "both": "with weights and activations quantized",
    "weights": "with weights alone quantized",
    "activations": "with activations alone quantized",
    "dynamic": "with weights quantized and activations at 8 bits, ranges taken at run time",
}
"""What is said of a view along bits."""

PLURALS = {name: f"{called}s" for name, called in NAMES.items()} | {
    "bits": "numbers of bits",
    "hidden": "layers",
    "frequency": "noise frequencies",
    "steps": "numbers of steps",
    "batch": "batches",
    "weight_observer": "observers of weights",
    "scales": "kinds of scales",
    "input_bits": "bits of the inputs",
}

MOST_NAMED = 6
"""Values that are named at most."""

TASKS = {"classes": "classes", "regression": "numbers"}


def heading(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return what an axis is called where several are listed: with its task, if the sweep has two.

    >>> heading({"axis": "lr", "task": "classes"}, {"tasks": {"classes": {}, "regression": {}}})
    'Learning rate (classes)'
    """
    name = NAMES[entry["axis"]]
    task = f" ({TASKS[entry['task']]})" if len(found["tasks"]) > 1 else ""
    return f"{name[0].upper()}{name[1:]}{task}"


def file_name(entry: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """Return the name of an axis' figure and table, without the ending.

    >>> file_name({"axis": "lr", "task": "classes"}, {"tasks": {"classes": {}}})
    'lr'
    """
    return f"{entry['axis']}-{entry['task']}" if len(found["tasks"]) > 1 else str(entry["axis"])


def value_text(axis: str, value: Any) -> str:
    """Return a value as it stands on an axis.

    >>> value_text("frequency", 2.0), value_text("steps", 3000), value_text("input_bits", 0), value_text("width", 8)
    ('2', '3,000', 'float', '8')
    """
    if axis == "input_bits" and not value:
        return "float"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def at(axis: str, *values: Any) -> str:
    """Return some values of an axis in a sentence.

    >>> at("width", 4, 8), at("placement", "pre"), at("bits", 4), at("depth", 1)
    ('4 and 8 neurons per layer', 'placement pre', '4 bits', '1 hidden layer')
    """
    return _counted(axis, listing([value_text(axis, value) for value in values]))


def some(entry: Mapping[str, Any], values: Sequence[Any]) -> str:
    """Return some of the values of an axis in a sentence, three or more that follow each other as a range.

    >>> entry = {"axis": "width", "ordered": True, "values": [2, 4, 8, 16, 32]}
    >>> some(entry, [2, 4, 8, 32]), some(entry, [2, 32]), some(entry, [2, 4, 8, 16, 32])
    ('2 to 8 and 32 neurons per layer', '2 and 32 neurons per layer', 'all widths')
    >>> some({"axis": "observer", "ordered": False, "values": ["minmax", "mse"]}, ["mse"])
    'observer mse'
    """
    axis, every = entry["axis"], list(entry["values"])
    if len(values) == len(every) > 1:
        return f"all {PLURALS[axis]}"
    places = [every.index(value) for value in values]
    runs: list[list[int]] = []
    for place in places:
        if entry["ordered"] and runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    texts: list[str] = []
    for run in runs:
        shown = [value_text(axis, every[place]) for place in run]
        texts += [f"{shown[0]} to {shown[-1]}"] if len(run) > 2 else shown
    return _counted(axis, listed(texts, MOST_NAMED))


def _counted(axis: str, texts: str) -> str:
    if axis not in UNIT_OF:
        return f"{NAMES[axis]} {texts}"
    return f"{texts} {ONE_OF.get(axis, UNIT_OF[axis]) if texts == '1' else UNIT_OF[axis]}"


def under(entry: Mapping[str, Any], view: Mapping[str, Any]) -> str:
    """Return how it is quantized, in a sentence."""
    if entry["axis"] == "bits":
        return PARTS[view["view"]]
    scheme = view["schemes"][0]
    return f"at {scheme}" if view["view"] == scheme else f"at {scheme}, repaired with {view['view']},"


def the(axis: str) -> str:
    """Return an axis as the object of a sentence.

    >>> the("width"), the("bits")
    ('the width', 'the number of bits')
    """
    return f"the number of {NAMES[axis]}" if axis in ("bits", "steps") else f"the {NAMES[axis]}"
