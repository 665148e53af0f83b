"""What is told of an exported network: to whoever exports it, and in the README that goes with the file."""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from quantstudy.config.metrics import RANKED
from quantstudy.deploy.formats import FORMATS
from quantstudy.deploy.network import Deployed, Integers
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.words.units import UNITS, Unit

SHOWN = 16
"""Scales of a tensor that are written out; the file has all."""


def named(about: Mapping[str, Any]) -> str:
    """Return what a network is called: activation, scheme, recipe, seed."""
    by = "" if about["recipe"] == PLAIN else f", repaired by {about['recipe']}"
    return f"{about['activation']} at {about['scheme']}{by}, seed {about['seed']}"


def unit_in(about: Mapping[str, Any]) -> Unit:
    """Return the unit that a network of a task is judged in."""
    return UNITS[RANKED[about["task"]].unit]


def chosen(about: Mapping[str, Any]) -> str:
    """Return how a network was chosen, and how good it is where that was not done."""
    unit = unit_in(about)
    lost = unit.bare(about["float_odd"] - about["quantized_odd"], 2)
    odd = f"{unit.value(about['quantized_odd'])} {unit.noun}, {lost} {unit.amount} less than in float"
    if about["chosen"] == "named":
        lost = unit.bare(about["float"] - about["quantized"], 2)
        return (
            f"named by you; at the held-out points {unit.value(about['quantized'])} {unit.noun}, {lost} {unit.amount} "
            "less than in float"
        )
    networks = about["chosen"].removeprefix("best of ")
    return (
        f"the best of {networks} networks on one half of the held-out points ({unit.value(about['quantized_even'])} "
        f"there); judged on the other half: {odd}"
    )


def parity_lines(parity: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each engine that reads the file: where it decides otherwise than the simulated network."""
    lines = []
    for package, found in parity.items():
        if found is None:
            lines.append("what would run it is not installed here, so nothing is known of what it decides")
            continue
        flips, points = found["measured_flips"] + found["heldout_flips"], found["measured"] + found["heldout"]
        what = (
            "as the simulated network does at all"
            if flips == 0
            else f"otherwise than the simulated network at {flips} of the"
        )
        lines.append(f"{package} {found['version']} decides {what} {points:,} points, measured and held out")
    return lines


def export_lines(about: Mapping[str, Any], out: str, notes: str, size: int) -> list[str]:
    """Return what `quantstudy export` prints."""
    return [
        f"{named(about)}: {chosen(about)}.",
        f"{out}: {size:,} bytes; {'; '.join(parity_lines(about['parity'])) or 'no engine here reads it'}.",
        f"{notes} says how it is run and how inputs are scaled.",
    ]


def readme(network: Deployed, format: str, name: str) -> str:
    """Return the README of an exported file, in Markdown.

    Args:
        network: what it holds.
        format: key of `FORMATS`.
        name: the file's.
    """
    about, kind = network.about, FORMATS[format]
    words = {
        "FILE": name,
        "STEM": shlex.quote(name.rpartition(".")[0] or name),
        "ZEROS": " ".join("0" * network.neurons[0]),
    }
    words["INPUTS"] = str(network.neurons[0])
    use = re.sub("FILE|STEM|ZEROS|INPUTS", lambda found: words[found[0]], kind.use)
    return "\n".join(
        [
            f"# {name}",
            "",
            f"{kind.what}",
            "",
            f"{'→'.join(map(str, network.neurons))}, {named(about)}: {chosen(about)}.",
            *(f"{line}." for line in parity_lines(about["parity"])),
            "",
            "## How to run it",
            "",
            use,
            "",
            *inputs(network),
            "",
            *answers(network),
            "",
            "## What is quantized",
            "",
            *_quantized(network),
            "",
            "## Where it comes from",
            "",
            f"Study {about['config']} on {about['target']}; quantstudy {about['quantstudy']}; "
            f"{', '.join(f'{package} {version}' for package, version in about['versions'].items())}.",
            "",
            "Written by quantstudy export.",
            "",
        ]
    )


def inputs(network: Deployed) -> list[str]:
    """Return how inputs are to be scaled."""
    about = network.about
    names: Sequence[str] = about["inputs"]
    if about["shift"] is None:
        place = " Of a plane, −1 and 1 are its edges, x goes along columns and y along rows." if about["plane"] else ""
        return [f"Inputs, in this order: {', '.join(names)}. They go in as they are.{place}"]
    rows = [
        f"| {name} | {shift!r} | {scale!r} |"
        for name, shift, scale in zip(names, about["shift"], about["scale"], strict=True)
    ]
    return [
        "Inputs, in this order, each less its shift and then divided by its scale:",
        "",
        *("| input | shift | scale |", "|---|---|---|"),
        *rows,
    ]


def answers(network: Deployed) -> list[str]:
    """Return what comes out and how it is read."""
    about = network.about
    if about["task"] == "regression":
        if about["label_shift"] is None:
            return [f"What comes out are the numbers themselves, {network.neurons[-1]} of them."]
        pairs = zip(about["label_shift"], about["label_scale"], strict=True)
        told = "; ".join(f"{number}: times {scale!r}, plus {shift!r}" for number, (shift, scale) in enumerate(pairs))
        return [f"What comes out becomes numbers in your own unit by this, output by output: {told}."]
    classes = about["classes"]
    if network.neurons[-1] == 1:
        low, high = classes or ("the first class", "the second class")
        return [f"What comes out is one logit: above 0 means {high}, 0 or below means {low}."]
    return [f"What comes out is one number per class; the largest wins: {', '.join(classes)}."]


def _quantized(network: Deployed) -> list[str]:
    rows = ["| tensor | bits | scale (of weights one per output) | zero point |", "|---|---|---|---|"]
    rows.append(_row("inputs", network.inputs))
    for number, layer in enumerate(network.layers):
        rows.append(_row(f"layers.{number}.weight", layer.coded))
        if number < network.hidden:
            if layer.before is not None:
                rows.append(_row(f"layers.{number}.preactivation", layer.before))
            rows.append(_row(f"layers.{number}.output", layer.after))
    said = {"c": " In this file biases and inputs are whole numbers, too, so fine that hardly a decision differs."}
    end = said.get(str(network.about.get("format")), " Biases stay float.")
    return [*rows, "", f"A code stands for (code − zero point) · scale.{end}"]


def _row(name: str, integers: Integers | None) -> str:
    if integers is None:
        return f"| {name} | float | | |"
    scales = " ".join(f"{scale:.6g}" for scale in integers.scale.tolist()[:SHOWN])
    if len(integers.scale) > SHOWN:
        scales += f" … ({len(integers.scale)} in all)"
    zero = int(integers.zero_point[0]) if len(integers.zero_point) == 1 else 0
    return f"| {name} | {integers.bits}{', cut off' if integers.truncated else ''} | {scales} | {zero} |"
