"""What `quantstudy recover` does once its arguments are read: repair, judge, print."""

from collections.abc import Sequence

from quantstudy.cli.layout import say
from quantstudy.cli.run import print_result
from quantstudy.cli.streams import notify
from quantstudy.cli.terminal import stage_progress
from quantstudy.engine.executors import collect_rarely, workers
from quantstudy.engine.recover import recover
from quantstudy.quantize.recover.names import RecipeName
from quantstudy.quantize.scheme import Scheme
from quantstudy.records.run import Run
from quantstudy.words.recover import answer


def do_recover(
    run: Run,
    scheme: Scheme,
    recipes: Sequence[RecipeName],
    activations: Sequence[str],
    jobs: int,
    *,
    as_json: bool,
) -> None:
    """Repair the quantized networks of a finished run, add what is found to it, and print that and its verdict.

    Args:
        run: the run.
        scheme: how its networks are quantized.
        recipes: what repairs them.
        activations: those of its networks that are repaired.
        jobs: worker processes; 1 is this one.
        as_json: print JSON and nothing else on standard output.

    Raises:
        BadInput: a recipe can't repair such networks, or a function or the data have changed since the run was made.
        StudyFailure: the folder is in use, no worker can be started, or the audit found a layer left in float.
        OSError: disk full, read-only folder.
    """
    collect_rarely()
    with stage_progress() as progress, workers(jobs) as executor:
        recover(run, scheme, recipes, activations, executor=executor, progress=progress, notify=notify)
    asked = answer(run.config, str(scheme), run.verdict())
    if asked and not as_json:
        say(asked)
    print_result(run, as_json)
