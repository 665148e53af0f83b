"""Whether the records justify every word of a verdict."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from tests.fuzz.folder import Folder

Floats = NDArray[np.float64]
Judged = Mapping[str, Any]

QUANTIZED, DROP, FLOAT = (f"heldout_accuracy_{what}" for what in ("quantized", "drop", "float"))

NOTHING = (
    *("nothing is deployable", "nothing is shown to be deployable"),
    "too few seeds to call anything deployable",
)
"""What a line says where nothing is deployable."""

STABLE = 0.9
"""Share of the halves of the seeds in which a fact comes out the same."""

TOLERATED = 0.001
"""Share of the pixels that the two backends may decide differently."""

CLOSE = 1e-9
"""How far a stated mean may be from the records'."""


def justify(folder: Folder) -> None:
    """Check the whole verdict of a run.

    Raises:
        AssertionError: something is said that the records don't say.
    """
    facts = _Facts(folder)
    for scheme in folder.schemes:
        judged = folder.verdict["schemes"][scheme]
        _counts_what_is_missing(facts, scheme, judged)
        _ranks(facts, scheme, judged)
        _deploys(facts, scheme, judged)
        _words_of_a_reason(facts, scheme, judged)
    _words_of_the_summary(facts)
    if not folder.study["quick"]:
        _cliff(facts)
        _placement(facts)


class _Facts:
    """What the records say of the activations of a run."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.names: list[str] = folder.study["activations"]
        self.float = {name: folder.simulated(FLOAT, "float", name) for name in self.names}
        least = folder.study["learned"]
        known = {name: values[np.isfinite(values)] for name, values in self.float.items()}
        self.unlearned = [name for name in self.names if not (known[name].size and known[name].mean() >= least)]
        self.study = folder.study
        self.allowed = folder.study["allowed_drop"]
        parity = folder.plans[folder.plans["tensor"] == "logit"]
        self.compared = {key: rows["flips"].mean() for key, rows in parity.groupby(["activation", "scheme"])}

    def quantized(self, name: str, scheme: str) -> Floats:
        """Accuracies of an activation's networks, quantized."""
        return self.folder.simulated(QUANTIZED, scheme, name)

    def drop(self, name: str, scheme: str) -> Floats:
        """What they lost."""
        return self.float[name] - self.quantized(name, scheme)

    def against(self, name: str, drop: Floats, kept: Floats) -> str:
        """Return what speaks against deploying an activation that loses this and keeps that, nothing if nothing does.

        After seeds were added until it was decided, another bound holds: then only what speaks against it anyway.
        """
        if name in self.unlearned:
            return f"it has not learned ({self.float[name].mean():.3f})"
        passed, networks = int((np.round(drop, 12) <= self.allowed).sum()), len(drop)
        low = float(beta.ppf(0.05, passed, networks - passed + 1)) if passed else 0.0
        if low < self.study["assurance"] - CLOSE and not (self.study["until_decided"] and passed):
            return f"{passed} of {networks} networks pass, which proves {low}"
        least = self.study["min_accuracy"]
        return f"one network gets {kept.min()}" if least and not kept.min() >= least else ""

    def apart(self, name: str, scheme: str) -> bool:
        """Whether torchao decides too many pixels otherwise."""
        flips = self.compared.get((name, scheme), 0.0)
        return not flips / self.folder.study["grid"] ** 2 <= TOLERATED


def _counts_what_is_missing(facts: _Facts, scheme: str, judged: Judged) -> None:
    counted = {}
    for metric in (QUANTIZED, FLOAT, "flip_rate"):
        lost = {n: int(np.isnan(facts.folder.simulated(metric, scheme, n)).sum()) for n in facts.names}
        counted |= {metric: {n: number for n, number in lost.items() if number}} if any(lost.values()) else {}
    assert judged["missing"] == counted, f"{scheme}: missing is {judged['missing']}, not {counted}"


def _ranks(facts: _Facts, scheme: str, judged: Judged) -> None:
    ranking = judged["ranking"]
    ranked = [entry["activation"] for entry in ranking]
    assert sorted(ranked) == sorted(facts.names), f"{scheme}: ranked are {ranked}"
    means = {}
    for entry in ranking:
        name = entry["activation"]
        values, drops = facts.quantized(name, scheme), facts.drop(name, scheme)
        for key, recorded in (("mean", values), ("drop", drops)):
            whole, left = recorded.mean(), recorded[np.isfinite(recorded)]
            if np.isfinite(whole):
                assert abs(entry[key] - whole) < CLOSE, f"{scheme}, {name}: {key} is {entry[key]}, not {whole}"
            else:  # counted in `missing`: none, or that of the others
                told = entry[key]
                assert told is None or abs(told - left.mean()) < CLOSE, f"{scheme}, {name}: {key} is {told}"
        _an_interval(entry, "low", "mean", "high", f"{scheme}, {name}")
        _an_interval(entry, "drop_low", "drop", "drop_high", f"{scheme}, {name}")
        means[name] = values.mean()
    whole = [entry["activation"] for entry in ranking if np.isfinite(means[entry["activation"]])]
    expected = sorted((n for n in facts.names if np.isfinite(means[n])), key=lambda n: -round(means[n], 12))
    assert whole == expected, f"{scheme}: ranked {whole}, the means say {expected}"
    assert ranked[: len(whole)] == whole, f"{scheme}: one with a missing network leads in {ranked}"
    if whole:
        assert judged["best"] == whole[0], f"{scheme}: the best is {whole[0]}, not {judged['best']}"


def _an_interval(entry: Judged, low: str, middle: str, high: str, where: str) -> None:
    three = [entry[key] for key in (low, middle, high)]
    if three[0] is not None:
        assert three[0] - CLOSE <= three[1] <= three[2] + CLOSE, (
            f"{where}: {middle} {three[1]} of {three[0]}…{three[2]}"
        )


def _deploys(facts: _Facts, scheme: str, judged: Judged) -> None:
    named = [entry["activation"] for entry in judged["ranking"] if entry["deployable"]]
    assert judged["deployable"] == named, f"{scheme}: {judged['deployable']} in one place, {named} in another"
    for entry in judged["ranking"]:
        name = entry["activation"]
        against = facts.against(name, facts.drop(name, scheme), facts.quantized(name, scheme))
        against = against or ("the backends differ" if facts.apart(name, scheme) else "")
        assert not (entry["deployable"] and against), f"{scheme}: {name} is called deployable, but {against}"
        elsewhere = any(facts.apart(name, other) for other in facts.folder.schemes)
        open_end = facts.study["until_decided"]
        assert entry["deployable"] or against or elsewhere or open_end, f"{scheme}: nothing speaks against {name}"
    best, winner, tied = judged["best"], judged["winner"], judged["tied_with"]
    if winner is not None:
        assert (winner, tied) == (best, [best]), f"{scheme}: {winner} wins, {best} is best, tied are {tied}"
        assert winner in named, f"{scheme}: {winner} wins and is not deployable"
    elif tied == [best]:
        assert best not in named, f"{scheme}: {best} is alone and deployable and does not win"


def _words_of_a_reason(facts: _Facts, scheme: str, judged: Judged) -> None:
    text = judged["reason"]
    _says_not_learned(facts, text)
    if winner := re.match(r"Deploy (\S+) at ", text):
        assert _bare(winner[1]) == judged["winner"], f"{judged['winner']} wins: {text}"
    first = judged["ranking"][0]
    fact = judged["winner"] is not None and judged["sure"] and (first["stability"] or 0.0) >= STABLE
    assert not judged["sure"] or judged["stability"] >= STABLE, f"{scheme}: sure, in {judged['stability']} of halves"
    assert bool(winner) == fact, f"{judged['winner']} wins: {text}"


def _words_of_the_summary(facts: _Facts) -> None:
    schemes = facts.folder.verdict["schemes"]
    bits = facts.folder.study["bits"][0]
    decided = schemes[f"w{bits}a{bits}"]["sure"] and schemes[f"w{bits}a{bits}"]["settled"]
    for line in facts.folder.verdict["summary"]:
        _says_not_learned(facts, line)
        assert decided or "were added until decided" not in line, f"nothing is decided: {line}"
        if not re.match(r"\d+ bits: ", line):
            continue
        for fate, where in re.findall(
            r"(?:^\d+ bits: |; )([^;.]*?) at ((?:w?\d*a?\d*(?:dyn)?(?:, | and )?)+)", line.split(". ")[0]
        ):
            for scheme in re.split(r", | and ", where.rstrip(", ")):
                _fate(fate, schemes[scheme.strip()], line)


def _fate(fate: str, judged: Judged, line: str) -> None:
    """Check what a line says of one scheme."""
    named = judged["deployable"]
    fate = re.sub(r" \(that is open for .*\)$", "", fate)
    if fate.startswith("deploy "):
        assert judged["winner"] == _bare(fate.removeprefix("deploy ")), f"{judged['winner']} wins: {line}"
    elif fate in NOTHING:
        assert not named, f"{named} are deployable: {line}"
    elif fate.startswith("deployable: "):
        told = re.split(r", | and ", fate.removeprefix("deployable: "))
        assert sorted(map(_bare, told)) == sorted(named), f"{named} are deployable: {line}"
    elif fate == "both are deployable":
        assert len(named) == 2, f"{named} are deployable: {line}"
    elif found := re.match(r"all (\d+) are deployable|(\d+) of \d+ are deployable", fate):
        assert len(named) == int(found[1] or found[2]), f"{named} are deployable: {line}"


def _bare(name: str) -> str:
    return name.partition(" (")[0]


def _says_not_learned(facts: _Facts, text: str) -> None:
    """Check that a line says so of each activation that has not learned, where it first names it."""
    for name in facts.unlearned:
        found = next(_named(name, text), None)
        told = found is None or re.match(r"('s)? \(not learned", text[found.end() :])
        assert told, f"{name} has not learned, and this does not say so: {text}"


def _named(name: str, text: str) -> Iterator[re.Match[str]]:
    """Yield where a text names an activation, not one whose name holds it."""
    return re.finditer(rf"(?<![\w:@.-]){re.escape(name)}(?![\w:@-])(?!\.\w)", text)


def _cliff(facts: _Facts) -> None:
    """Check from how many bits on an activation is called deployable."""
    frame = facts.folder.table("cliff")
    for part, found in facts.folder.verdict["bit_cliff"].items():
        for name, judged in found.items():
            least = judged["deployable"]["bits"]
            rows = frame[(frame["quantized"] == part) & (frame["activation"] == name)]
            for bits, of_width in rows.groupby("bits"):
                if least is not None and bits >= least:
                    lost, kept = (of_width[of_width["metric"] == m]["value"].to_numpy() for m in (DROP, QUANTIZED))
                    against = facts.against(name, lost, kept)
                    assert not against, f"{name}, {part}: deployable from {least} bits on, but at {bits} {against}"


SETTING = ("placement", "coordinates", "observer", "granularity", "weight_observer")


def _placement(facts: _Facts) -> None:
    """Check what is called deployable where quantizers are placed otherwise, and who leads there."""
    frame = facts.folder.table("placement")
    rows = dict(iter(frame.groupby(["scheme", *SETTING, "metric", "activation"], observed=True)))
    for scheme, judged in facts.folder.verdict["placement"].items():
        for entry in judged["settings"]:
            place = (scheme, *(entry[key] for key in SETTING))
            for name in entry["deployable"]:
                lost, kept = (rows[*place, m, name]["value"].to_numpy() for m in (DROP, QUANTIZED))
                against = facts.against(name, lost, kept)
                assert not against, f"placement {place}: {name} is called deployable, but {against}"
            values = {n: rows[*place, QUANTIZED, n]["value"].to_numpy() for n in facts.names}
            if entry["winner"] is not None:
                alone = entry["tied_with"] == [entry["best"]] == [entry["winner"]]
                assert alone, f"placement {place}: {entry['winner']} wins, {entry['tied_with']} are tied"
                assert entry["winner"] in entry["deployable"], f"placement {place}: {entry['winner']} wins"
            whole = [n for n in facts.names if np.isfinite(values[n]).all()]
            if whole:
                best = max(whole, key=lambda n: round(values[n].mean(), 12))
                assert entry["best"] == best, f"placement {place}: {entry['best']} leads, not {best}"
