"""Run the networks of a finished run by every installed engine, and record how far each keeps to the simulated path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantstudy.deploy.engines import ENGINES, Engine, answered_at
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.parity import Parity, parity
from quantstudy.deploy.reading import audit
from quantstudy.deploy.steps import Trace, simulated_trace
from quantstudy.engine.collect import read_table
from quantstudy.engine.export import network_of
from quantstudy.engine.notices import Notify, log, once
from quantstudy.engine.pipeline import Progress, redo
from quantstudy.engine.quantized import Prepared, points_at, prepared, repaired
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.files import locked
from quantstudy.records.frames import frame
from quantstudy.records.provenance import described, processor
from quantstudy.records.run import Run
from quantstudy.records.schemas import PARITY, rows, to_parquet
from quantstudy.records.store import add_records, settle_records

TABLE = "parity.parquet"
KEY = ("activation", "scheme", "recipe", "engine", "seed")
"""What rows replace: all of these that stood there."""


@dataclass(frozen=True)
class Verified:
    """What one engine made of one network at one kind of points.

    Attributes:
        engine: its key in `ENGINES`.
        network: what it ran.
        over: key of `quantized.points_at`.
        found: what came out.
        size: bytes of the file that it read, with all that it carries along; 0 for none.
    """

    engine: str
    network: Deployed
    over: str
    found: Parity
    size: int


def verify(
    run: Run,
    activations: Sequence[str],
    schemes: Sequence[str],
    seeds: int,
    *,
    progress: Progress = lambda stage, done, total: None,
    notify: Notify = log,
) -> list[dict[str, Any]]:
    """Run networks by every installed engine, repaired ones too, add what is found to the run, judge and draw it.

    Args:
        run: a finished run with its float weights.
        activations: those of the study that are run.
        schemes: how they are quantized, see `stacks.require_deployable_scheme`.
        seeds: the first so many of the study's.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

    Returns:
        what was found now, summed up as verdict.json has it (`judge.engines`); empty if no engine runs such networks.

    Raises:
        BadInput: a function or the data have changed since the run was made.
        StudyFailure: the folder is in use, or a file does not hold what it should.
        OSError: disk full, read-only folder.
    """
    notify = once(notify)
    engines = installed(notify)
    chosen = list(range(min(seeds, run.config.seeds)))
    units = [
        (name, scheme, recipe)
        for scheme in schemes
        for name in activations
        for recipe in (PLAIN, *repaired(run, name, parse_scheme(scheme)))
    ]
    tables: list[pa.Table] = []
    with locked(run.folder, notify):
        settle_records(run)
        for done, (name, scheme, recipe) in enumerate(units):
            progress("verify", done, len(units))
            networks = prepared(run, name, scheme, recipe, chosen)
            found = [row for place in range(len(chosen)) for row in _verified(run, networks, place, engines, notify)]
            if found:
                tables.append(pa.concat_tables([_table(one) for one in found]))
                add_records(run, {TABLE: _merged(run, tables[-1])})
        progress("verify", len(units), len(units))
        if tables:
            redo(run, progress=progress, changed=["engines"])
    return _summed(tables, run.config.activations, run.config.focus_scheme)


def installed(notify: Notify) -> dict[str, Engine]:
    """Return the engines that are installed; of each other one the user hears how to get it, and of faults here."""
    found = {name: engine for name, engine in ENGINES.items() if engine.version()}
    for missing in dict.fromkeys(engine.missing for name, engine in ENGINES.items() if name not in found):
        notify(f"{missing}; it is left out")
    for engine in found.values():
        if warning := engine.warning():
            notify(warning)
    return found


def _verified(
    run: Run, networks: Prepared, place: int, engines: dict[str, Engine], notify: Notify
) -> Iterator[Verified]:
    try:
        network = network_of(run.config, networks, place)
    except StudyFailure as error:
        notify(f"{error}; it is left out")
        return
    points = points_at(networks, place)
    references = {over: simulated_trace(network, where) for over, where in points.items()}
    for name, engine in engines.items():
        own = network.told(format=engine.format)
        try:
            file = engine.file(own)
        except BadInput as error:
            notify(f"{name} is left out at {network.about['scheme']}: {error.allowed}")
            continue
        if file:
            audit(file, own, f"the {name} file of seed {own.about['seed']}")
        yield from run_by(name, file, own, points, references)


def run_by(
    name: str, file: bytes, network: Deployed, points: dict[str, Floats], references: dict[str, Trace]
) -> Iterator[Verified]:
    """Yield what an engine makes of a network at several kinds of points, where the simulated path's are known."""
    engine = ENGINES[name]
    for over, given in answered_at(engine, file, network, points).items():
        found = parity(engine, file, network, points[over], references[over], given)
        yield Verified(name, network, over, found, len(file))


def _summed(tables: list[pa.Table], activations: Sequence[str], focus: str) -> list[dict[str, Any]]:
    from quantstudy.judge.engines import judge_engines

    if not tables:
        return []
    return judge_engines(frame(pa.concat_tables(tables).unify_dictionaries()), activations, focus)


def summed(found: Sequence[Verified]) -> list[dict[str, Any]]:
    """Return what was found of one network as verdict.json has it, see `judge.engines`."""
    about = found[0].network.about
    return _summed([_table(one) for one in found], [str(about["activation"])], str(about["scheme"]))


def _table(one: Verified) -> pa.Table:
    """Return what was found as rows."""
    about, found = one.network.about, one.found
    engine = ENGINES[one.engine]
    cells: list[dict[str, Any]] = [
        {"metric": "points", "value": found.points},
        {"metric": "flips", "value": sum(found.flips.values())},
        {"metric": "ties", "value": found.ties},
        {"metric": "forced_flips", "value": found.forced_flips},
        {"metric": "max_abs_difference", "value": found.apart},
    ]
    cells += [{"metric": "bytes", "value": one.size}] if one.size else []
    cells += [{"metric": "flips_by", "operation": name, "value": count} for name, count in found.flips.items()]
    cells += [
        {"metric": "codes", "mode": mode, "tensor": tensor, "lsb": lsb, "value": count}
        for mode, tensors in found.lsb.items()
        for tensor, counts in tensors.items()
        for lsb, count in counts.items()
    ]
    columns = {key: [cell.get(key) for cell in cells] for key in ("mode", "tensor", "operation", "lsb", "metric")}
    return rows(
        PARITY,
        len(cells),
        **{key: about[key] for key in ("activation", "seed", "scheme", "recipe")},
        engine=one.engine,
        version=engine.version(),
        settings=engine.settings(),
        processor=f"{described(processor())}: {' '.join(processor()['instruction_sets'])}",
        over=one.over,
        value=np.array([float(cell["value"]) for cell in cells]),
        **columns,
    )


def _merged(run: Run, new: pa.Table) -> bytes:
    """Return parity.parquet with new rows in place of those of the same networks and engines, in a fixed order."""
    added = new.unify_dictionaries().combine_chunks()
    tables = [added]
    if run.is_sound(TABLE):
        before = read_table((run.folder / TABLE).read_bytes())
        replaced = {tuple(row.values()) for row in added.select(KEY).group_by(list(KEY)).aggregate([]).to_pylist()}
        keys = zip(*(before[name].to_pylist() for name in KEY), strict=True)
        tables = [before.filter(pa.array([key not in replaced for key in keys], pa.bool_())), added]
    joined = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    order = [(name, "ascending") for name in ("scheme", "recipe", "engine", "activation", "seed", "over")]
    plain = pa.table({name: joined[name].cast(pa.string()) if name != "seed" else joined[name] for name, _ in order})
    places = pa.array(np.arange(joined.num_rows))
    sorted_places = pc.sort_indices(plain.append_column("place", places), sort_keys=[*order, ("place", "ascending")])
    return to_parquet([joined.take(sorted_places).unify_dictionaries().combine_chunks()], PARITY)
