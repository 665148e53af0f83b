"""What `quantstudy export` does once its arguments are read: check, write, print."""

import json
from pathlib import Path

from quantstudy.cli.layout import say
from quantstudy.deploy.formats import require_installed
from quantstudy.deploy.stacks import require_deployable_scheme
from quantstudy.engine.export import Asked, export, notes_beside
from quantstudy.engine.quantized import repaired
from quantstudy.engine.repairs import activations_of
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.run import Run
from quantstudy.words.exported import export_lines


def do_export(
    run: Run, activation: str, scheme: str, recipe: str, seed: str, form: str, out: Path, *, as_json: bool
) -> None:
    """Write one network of a finished run into a file, and print what it is and how well an engine keeps to it.

    Raises:
        BadInput: there is no such network, or the format can't hold it; nothing is written.
        StudyFailure: the network is not finite, or what writes the format is not installed.
        OSError: disk full, read-only folder.
    """
    (name,) = activations_of(run.config, [activation], "activation")
    parsed = parse_scheme(scheme)
    require_deployable_scheme(parsed, name)
    require_installed(form)
    network = export(run, Asked(name, str(parsed), recipe, seed, form, out))
    notes = notes_beside(out)
    if as_json:
        print(json.dumps({"file": str(out), "notes": str(notes), **network.about}, indent=1))
        return
    for line in export_lines(network.about, str(out), str(notes), out.stat().st_size):
        say(line)
    others = repaired(run, name, parsed)
    if recipe == PLAIN and others:
        say(f"This run also has them repaired: --recipe {others[0]}.")
