"""Every target by the text that names it. (stub until the real one lands)"""

from quantstudy.errors import BadInput, choices
from quantstudy.targets.target import Target


def parse_target(text: str, *, task: str | None = None, label: str | None = None) -> Target:
    if text == "islands":
        return Target("islands", "classes", _islands, {"learned": 0.9})
    raise BadInput("target", text, choices(text, ["islands"]))


def _islands(seeds, *, grid, frequency):
    from quantstudy.targets.islands import heldout_masks, heldout_plane, island_masks, plane
    from quantstudy.targets.target import Data, Examples

    n = len(seeds)
    return Data(
        Examples(plane(grid)[None], island_masks(seeds, grid, frequency).reshape(n, -1)),
        Examples(heldout_plane(grid)[None], heldout_masks(seeds, grid, frequency).reshape(n, -1)),
        1, plane=(grid, grid), classes=("sea", "island"))


TARGETS = {"islands": None}
