"""Run the networks of a finished run by every installed engine, and record how far each keeps to the simulated path."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from quantstudy.config.toml import study_in
from quantstudy.deploy.engines import ENGINES, Engine
from quantstudy.deploy.formats import made
from quantstudy.deploy.network import Deployed, Floats
from quantstudy.deploy.parity import Parity, parity
from quantstudy.deploy.reading import audit, held
from quantstudy.deploy.steps import Trace, simulated_trace
from quantstudy.engine.collect import read_table
from quantstudy.engine.export import network_of
from quantstudy.engine.learnt import data_of
from quantstudy.engine.notices import Notify, log, once
from quantstudy.engine.pipeline import Progress, redo
from quantstudy.engine.quantized import Prepared, prepared, repaired
from quantstudy.errors import BadInput, StudyFailure
from quantstudy.measure.evaluation import Subject
from quantstudy.quantize.plan import points_of
from quantstudy.quantize.recover.names import PLAIN
from quantstudy.quantize.scheme import parse_scheme
from quantstudy.records.files import locked
from quantstudy.records.frames import frame
from quantstudy.records.provenance import described, processor
from quantstudy.records.run import Run
from quantstudy.records.schemas import PARITY, rows, to_parquet
from quantstudy.records.store import add_records, settle_records

TABLE = "parity.parquet"
KEY = ("activation", "scheme", "recipe", "engine")
"""What rows replace: all of these that stood there."""

OVER = ("measured", "heldout")


@dataclass(frozen=True)
class Verified:
    """What one engine made of one network at one kind of points.

    Attributes:
        engine: its key in `ENGINES`.
        network: what it ran.
        over: one of OVER.
        found: what came out.
        size: bytes of the file that it read, the provenance left out; 0 for none.
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
) -> None:
    """Run networks by every installed engine, repaired ones too, add what is found to the run, judge and draw it.

    Args:
        run: a finished run with its float weights.
        activations: those of the study that are run.
        schemes: how they are quantized, see `stacks.require_deployable_scheme`.
        seeds: the first so many of the study's.
        progress: called with (stage, done, total).
        notify: called with each line for the user.

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
    with locked(run.folder, notify):
        settle_records(run)
        for done, (name, scheme, recipe) in enumerate(units):
            progress("verify", done, len(units))
            networks = prepared(run, name, scheme, recipe, chosen)
            found = [row for place in range(len(chosen)) for row in _verified(run, networks, place, engines, notify)]
            if found:
                add_records(run, {TABLE: _merged(run, [_table(one) for one in found])})
        progress("verify", len(units), len(units))
        redo(run, progress=progress)


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
    points = points_at(networks.on, place)
    references = {over: simulated_trace(network, where) for over, where in points.items()}
    for name, engine in engines.items():
        why = engine.refuses(network)
        if why:
            notify(f"{name} is left out at {network.about['scheme']}: {why}")
            continue
        file = made(engine.format, network).data if engine.format else b""
        yield from run_by(name, file, network, points, references)


def points_at(on: Subject, place: int) -> dict[str, Floats]:
    """Return the points of one network at which engines are compared, [in, points] each, by OVER."""
    both = {"measured": on.maps.points, "heldout": None if on.heldout is None else on.heldout.points}
    given = {over: points for over, points in both.items() if points is not None}
    return {over: (points[place] if points.dim() == 3 else points).numpy() for over, points in given.items()}


def run_by(
    name: str, file: bytes, network: Deployed, points: dict[str, Floats], references: dict[str, Trace]
) -> Iterator[Verified]:
    """Yield what an engine makes of a network at several kinds of points, of which the simulated path's are known.

    Raises:
        StudyFailure: the file does not hold what its network says.
    """
    if file:
        audit(ENGINES[name].format, file, network, f"the {name} file of seed {network.about['seed']}")
    for over, where in points.items():
        found = parity(ENGINES[name], file, network, where, references[over])
        yield Verified(name, network, over, found, len(file))


def verify_file(path: Path) -> list[Verified]:
    """Return what the engine of a file makes of it, at the points of the study that it comes from.

    Raises:
        StudyFailure: the file is damaged, was not written by `quantstudy export`, holds other numbers than its network
            says, or no engine here runs it.
        BadInput: the data of its study can't be read, or have changed.
    """
    file, network = held(path)
    form = str(network.about["format"])
    audit(form, file, network, str(path))
    name, engine = next((name, engine) for name, engine in ENGINES.items() if engine.format == form)
    if not engine.version():
        raise StudyFailure(f"{path} can't be run: {engine.missing}")
    config = study_in(str(network.about["study"]), str(path))
    if config.entry.made_of() != network.about["made_of"]:
        raise BadInput("FILE", str(path), f"{config.target} held other data when it was exported; export it again")
    data = data_of(config, (int(network.about["seed"]),))
    both = {"measured": data.measured.inputs, "heldout": data.heldout.inputs}
    points = {over: points_of(inputs) for over, inputs in both.items()}
    flat = {over: (one[0] if one.dim() == 3 else one).numpy() for over, one in points.items()}
    references = {over: simulated_trace(network, where) for over, where in flat.items()}
    return list(run_by(name, file, network, flat, references))


def summed(found: Sequence[Verified]) -> list[dict[str, Any]]:
    """Return what was found as verdict.json has it, see `judge.engines`."""
    from quantstudy.judge.engines import judge_engines

    about = found[0].network.about
    table = pa.concat_tables([_table(one) for one in found]).unify_dictionaries()
    return judge_engines(frame(table), [str(about["activation"])], str(about["scheme"]))


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
        processor=described(processor()),
        over=one.over,
        value=np.array([float(cell["value"]) for cell in cells]),
        **columns,
    )


def _merged(run: Run, new: list[pa.Table]) -> bytes:
    """Return parity.parquet with new rows in place of those of the same networks and engines, in a fixed order."""
    added = pa.concat_tables(new).unify_dictionaries().combine_chunks()
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
