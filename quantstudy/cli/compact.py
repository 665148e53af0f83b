"""What `quantstudy compact` does once its arguments are read: compact, print."""

from quantstudy.cli.layout import say
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.records.compacting import compact
from quantstudy.records.objects import objects_at
from quantstudy.records.swept import require_sweep_store
from quantstudy.words.numbers import plural


def do_compact(place: str) -> None:
    """Compact the cells of a sweep that are not yet.

    Args:
        place: a folder or a URL.

    Raises:
        BadInput: no sweep is there.
        StudyFailure: the store can't be read or written, a file in it is damaged, or it is being compacted already.
        OSError: the folder can't be.
    """
    objects = objects_at(place, "DIR")
    require_sweep_store(objects, "DIR", begun=True)
    with stage_progress() as progress:
        found = compact(objects, progress, notify)
    if found.cells:
        files = f"{plural(found.files, 'file')} of {_megabytes(found.after)} in {objects.where}/compact"
        say(f"{plural(found.cells, 'cell')} compacted, tables of {_megabytes(found.before)}: {files}")
    else:
        say(f"all cells in {objects.where} are compacted already")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
