"""What the page leaves out, and by which rule: one sentence each."""

from collections.abc import Sequence

from quantstudy.words.numbers import listed, plural


def no_plane() -> str:
    """The data have too many inputs for a map."""
    return "This study's data are rows of a table, not points of a plane or a line: there are no maps to draw."


def no_kernel(names: Sequence[str]) -> str:
    """Activations that the page's script does not know."""
    have, it = ("has", "it") if len(names) == 1 else ("have", "them")
    return f"{listed(names)} {have} no formula in this page, so only the tables show what becomes of {it}."


def no_data(target: str) -> str:
    """The data are gone."""
    return f"The data of {target} were gone, or others, when this page was made: nothing can be computed on them."


def many_classes() -> str:
    """More than two classes."""
    return "The networks tell more than two classes apart: the page draws maps of two classes or of numbers only."


def too_much_work(work: int, most: int) -> str:
    """A redraw would take too long."""
    return (
        f"A network takes {work / 1e6:,.0f} million multiplications over all points; the page computes networks of up "
        f"to {most / 1e6:,.0f} million, which it redraws several times a second."
    )


def too_wide(each: int, most: int) -> str:
    """Not even one seed fits."""
    return (
        f"The networks and the data of one seed take {each / 1e6:.1f} MB and the page has room "
        f"for {most / 1e6:.1f} MB: there are none in it."
    )


def fewer_seeds(fit: int, seeds: int, most: int) -> str:
    """Some seeds don't fit."""
    return (
        f"Of {plural(seeds, 'seed')} the networks of {fit} are in this page, as many as fit into {most / 1e6:.1f} MB; "
        "tables and intervals are of all."
    )


def no_repairs() -> str:
    """There are repaired networks that the page's script cannot compute."""
    return (
        "The run's repaired networks are in its tables only: the page computes those with activations quantized behind "
        "the function alone and inputs in float."
    )


def no_ranges(quick: bool) -> str:
    """No record of searched ranges."""
    why = "a quick run does not look for them" if quick else "this run was made before they were recorded"
    return f"Ranges by percentile and by least squared error can't be chosen here: {why}."
