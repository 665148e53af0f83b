import math
import sys
import tomllib
from dataclasses import asdict, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantstudy.activations.catalogue import ACTIVATIONS, DEFAULT_ACTIVATIONS
from quantstudy.config.allowed import CHOICES, REAL_NUMBERS, SCHEMES_ONLY, WHOLE_NUMBERS
from quantstudy.config.study import OWN_DEFAULTS, StudyConfig
from quantstudy.config.toml import from_mapping, read_toml
from quantstudy.errors import BadInput

CAPS = st.floats(1e-6, 1e9, allow_nan=False).map(lambda cap: f"{cap:.9f}")
NAMES = st.one_of(
    st.sampled_from(sorted(ACTIVATIONS)), st.builds(lambda n, c: f"{n}@{c}", st.sampled_from(sorted(ACTIVATIONS)), CAPS)
)


def distinct_names(names: list[str]) -> tuple[str, ...]:
    kept: dict[str, str] = {}
    for name in names:
        kept.setdefault(StudyConfig(activations=(name,)).activations[0], name)
    return tuple(kept.values())


def distinct(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def valid(**fields: Any) -> StudyConfig:
    """A study of these fields, but for what goes with schemes alone and with inputs that are quantized."""
    if any(fields[key] == value for key, value in SCHEMES_ONLY.items()):
        fields |= {"quick": True, "input_bits": fields["input_bits"] or 8}
    return StudyConfig(**fields)


STUDIES = st.builds(
    valid,
    name=st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", fullmatch=True),
    bits=st.lists(st.integers(2, 16), min_size=1, max_size=16).map(tuple),
    schemes=st.lists(st.sampled_from(["w4a8", "wf8", "wf8af8", "af8", "wf8e5m2", "w4", "w9a8dyn"])).map(distinct),
    activations=st.lists(NAMES, min_size=1, max_size=5).map(distinct_names),
    hidden=st.lists(st.integers(1, 256), min_size=1, max_size=8).map(tuple),
    input_bits=st.sampled_from([0, 2, 8, 16]),
    quick=st.booleans(),
    **{key: st.integers(*ends) for key, ends in WHOLE_NUMBERS.items()},
    **{key: st.floats(*ends) for key, ends in REAL_NUMBERS.items()},
    **{key: st.sampled_from(allowed) for key, allowed in CHOICES.items()},
)


def from_toml(text: str) -> StudyConfig:
    return from_mapping({k: tuple(v) if isinstance(v, list) else v for k, v in tomllib.loads(text).items()})


@given(STUDIES)
@settings(max_examples=50, deadline=None)
def test_toml_round_trip(study: StudyConfig) -> None:
    again = from_toml(study.to_toml())
    assert again == study
    assert again.digest == study.digest
    assert again.to_toml() == study.to_toml()
    assert set(tomllib.loads(study.to_toml())) == {field.name for field in fields(StudyConfig)}


def test_a_file_round_trips(tmp_path: Any) -> None:
    study = StudyConfig(name="x", bits=(3, 5), activations=("relu@3", "silu"), lr=1 / 3, hidden=(5, 7))
    (tmp_path / "study.toml").write_text(study.to_toml())
    assert read_toml(tmp_path / "study.toml") == study


def test_defaults_are_those_of_the_design() -> None:
    assert asdict(StudyConfig()) == {
        "name": "default",
        "target": "islands",
        "task": "classes",
        "label": "",
        "bits": (4,),
        "schemes": (),
        "activations": ("relu", "leaky_relu", "prelu", "silu", "gelu", "hardswish", "hardgelu"),
        "seeds": 32,
        "steps": 3000,
        "batch": 1024,
        "lr": 0.1,
        "grid": 128,
        "hidden": (8, 8, 8),
        "frequency": 3.0,
        "placement": "post",
        "observer": "minmax",
        "weight_observer": "symmetric",
        "input_bits": 0,
        "input_rounding": "nearest",
        "scales": "any",
        "allowed_drop": 0.02,
        "allowed_psnr_drop": 1.0,
        "assurance": 0.8,
        "min_accuracy": 0.0,
        "learned": 0.9,
        "device": "auto",
        "trainer": "fused",
        "quick": False,
        "until_decided": False,
        "max_seeds": 128,
    }


OTHER: dict[str, Any] = {
    "target": "spirals",
    "bits": (5,),
    "schemes": ("wf8", "w4a8"),
    "activations": ("relu",),
    "seeds": 3,
    "steps": 10,
    "batch": 7,
    "lr": 0.2,
    "grid": 16,
    "hidden": (8, 8),
    "frequency": 2.0,
    "placement": "pre",
    "input_rounding": "truncate",
    "scales": "pow2",
    "observer": "mse",
    "weight_observer": "no_clipping",
    "input_bits": 8,
    "allowed_drop": 0.05,
    "allowed_psnr_drop": 0.5,
    "assurance": 0.9,
    "min_accuracy": 0.9,
    "learned": 0.95,
    "device": "cpu",
    "trainer": "reference",
    "quick": True,
    "until_decided": True,
    "max_seeds": 64,
}


WITH = {"input_rounding": {"quick": True, "input_bits": 8}, "scales": {"quick": True}}
"""Settings that others go with."""


def test_the_digest_leaves_out_the_name_only() -> None:
    default = StudyConfig()
    assert set(OTHER) == {field.name for field in fields(StudyConfig)} - {"name", "task", "label"}
    digests = {StudyConfig(**{**WITH.get(key, {}), key: value}).digest for key, value in OTHER.items()}
    assert len(digests | {default.digest}) == len(OTHER) + 1
    named = StudyConfig(name="other")
    assert named.digest == default.digest
    assert named.run_name == f"other-{default.digest}"
    assert len(default.digest) == 8
    int(default.digest, 16)


def test_spelling_does_not_change_the_digest() -> None:
    assert StudyConfig(lr=1).digest == StudyConfig(lr=1.0).digest
    assert StudyConfig(lr=1).to_toml() == StudyConfig(lr=1.0).to_toml()
    assert StudyConfig(activations=("Swish", "relu@3.0")).digest == StudyConfig(activations=("silu", "relu@3")).digest
    assert (
        StudyConfig().with_options(seeds="5", lr="0.2", bits="4,3").digest
        == StudyConfig(seeds=5, lr=0.2, bits=(4, 3)).digest
    )
    assert StudyConfig(activations=("gelu", "relu")).digest != StudyConfig(activations=("relu", "gelu")).digest


@pytest.mark.parametrize(("field", "ends"), [*WHOLE_NUMBERS.items(), ("bits", (2, 16)), ("hidden", (1, 256))])
def test_whole_numbers_just_inside_and_outside(field: str, ends: tuple[int, int]) -> None:
    low, high = ends
    for inside in (low, high, str(low), f" {high} ", f"+{high}"):
        got = getattr(StudyConfig().with_options(**{field: inside}), field)
        assert got in (int(inside), (int(inside),))
    for outside in (
        low - 1,
        high + 1,
        -high,
        float(low),
        2.5,
        True,
        None.__class__,
        "",
        "four",
        "1.5",
        "1e1",
        str(-low),
        "0x8",
        "1_0",
        10**400,
        math.nan,
        b"4",
        "--4",
        "4 4",
    ):
        with pytest.raises(BadInput) as caught:
            StudyConfig().with_options(**{field: outside})
        assert str(caught.value).startswith(f"{field}: ")
        assert f"whole numbers from {low} to {high}" in str(caught.value)


@pytest.mark.parametrize(("field", "ends"), REAL_NUMBERS.items())
def test_real_numbers_just_inside_and_outside(field: str, ends: tuple[float, float]) -> None:
    low, high = ends
    for inside in (low, high, repr(low), repr(high), (low + high) / 2):
        assert getattr(StudyConfig(**{field: inside}), field) == float(inside)
    for outside in (
        math.nextafter(low, -math.inf),
        math.nextafter(high, math.inf),
        -1,
        math.nan,
        math.inf,
        -math.inf,
        "nan",
        "inf",
        "",
        "fast",
        "1,5",
        True,
        False,
        *(() if field in OWN_DEFAULTS else (None,)),
        (0.1,),
        10**400,
        "1e999",
    ):
        with pytest.raises(BadInput) as caught:
            StudyConfig(**{field: outside})
        assert caught.value.field == field
        assert f"numbers from {low:g} to {high:g}" in str(caught.value)


@pytest.mark.parametrize(("field", "allowed"), CHOICES.items())
def test_choices(field: str, allowed: tuple[str, ...]) -> None:
    for inside in allowed:
        assert getattr(StudyConfig(**{field: inside}, quick=True, input_bits=8), field) == inside
    for outside in (allowed[0].upper(), allowed[0] + "x", "", None, 3, (allowed[0],)):
        with pytest.raises(BadInput, match=f"^{field}: ") as caught:
            StudyConfig(**{field: outside})
        assert f"allowed: {', '.join(allowed)}" in str(caught.value)
    with pytest.raises(BadInput, match=f"did you mean {allowed[0]}"):
        StudyConfig(**{field: allowed[0] + "x"})


@pytest.mark.parametrize("name", ["a", "x" * 64, "my-study_2.0", "9"])
def test_names_that_are_allowed(name: str) -> None:
    assert StudyConfig(name=name).run_name.startswith(name + "-")


@pytest.mark.parametrize(
    "name", ["", "x" * 65, ".hidden", "..", "a/b", "a b", "ä", "a\n", 5, True, None, ("a",), "a\0"]
)
def test_names_that_are_not(name: Any) -> None:
    with pytest.raises(BadInput, match=r"^name: "):
        StudyConfig(name=name)


@pytest.mark.parametrize("value", ["true", 1, 17, None, "yes", (8,), True, False, 8.0])
def test_bits_of_inputs_that_are_not(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^input_bits: .*none, or whole numbers from 2 to 16"):
        StudyConfig(input_bits=value)


@pytest.mark.parametrize(("given", "means"), [("none", 0), (0, 0), ("8", 8), (2, 2), (16, 16)])
def test_bits_of_inputs(given: Any, means: int) -> None:
    study = StudyConfig(input_bits=given)
    assert study.input_bits == means
    assert tomllib.loads(study.to_toml())["input_bits"] == (means or "none")


@pytest.mark.parametrize(("older", "bits", "means"), [(True, (4,), 4), (True, (6, 4), 6), (False, (4,), 0)])
def test_an_older_files_coordinates_are_read_with_a_line(older: bool, bits: tuple[int, ...], means: int) -> None:
    lines: list[str] = []
    assert from_mapping({"coordinates": older, "bits": bits}, lines.append).input_bits == means
    assert lines == [
        f"coordinates = {str(older).lower()} is read as input_bits = {means or 'none'}, its name and meaning today"
    ]


@pytest.mark.parametrize("values", [{"coordinates": 1}, {"coordinates": True, "input_bits": 4}])
def test_coordinates_of_no_older_file(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match=r"^coordinates: .*there is no such key"):
        from_mapping(values)


def test_how_many_widths() -> None:
    assert StudyConfig(hidden=(3,) * 8).hidden == (3,) * 8
    for field, most in (("hidden", 8), ("bits", 16)):
        for bad in ((), (3,) * (most + 1), 3.5, {}):
            with pytest.raises(BadInput, match=f"^{field}: .*1 to {most} whole numbers"):
                StudyConfig(**{field: bad})


def test_bits_are_kept_once_and_in_order() -> None:
    assert StudyConfig(bits=(5, 3, 5, 3, 8)).bits == (5, 3, 8)
    assert StudyConfig().with_options(bits="4, 4,2").bits == (4, 2)
    assert StudyConfig(bits=6).bits == (6,)
    assert StudyConfig(hidden=(4, 4)).hidden == (4, 4)


def test_schemes_beside_those_of_the_widths() -> None:
    study = StudyConfig(bits=(8,), schemes=("wf8", "w8a8", "w4a8", "wf8"))
    assert study.schemes == ("wf8", "w8a8", "w4a8")
    assert [str(scheme) for scheme in study.all_schemes] == ["w8", "a8", "w8a8", "w8a8dyn", "wf8", "w4a8"]
    assert [str(scheme) for scheme in study.added_schemes] == ["wf8", "w4a8"]
    assert study.bit_widths == (8,)
    assert study.focus_scheme == "w8a8"
    assert StudyConfig().with_options(schemes=" wf8af8, w4a8 ").schemes == ("wf8af8", "w4a8")
    assert StudyConfig(schemes="").schemes == () == StudyConfig(schemes=[]).schemes
    assert StudyConfig().added_schemes == ()
    assert study.with_options(bits=4).added_schemes[0] == study.added_schemes[0]


@pytest.mark.parametrize(
    ("given", "value", "allowed"),
    [
        ("w4a8,", "", "schemes look like w4, a4, w4a8, w4a8dyn, wf8af8, wf8e5m2"),
        ("wf8af9", "wf8af9", "schemes look like"),
        (("w4a8", "f8"), "f8", "schemes look like"),
        ("w17", "w17", "whole numbers from 2 to 16"),
        ("wf8af8dyn", "wf8af8dyn", "dynamic ranges go with activations of 8-bit integers"),
        ((4,), 4, "names such as w4a8 or wf8af8"),
        (8, 8, "names such as w4a8 or wf8af8, separated by commas"),
        (None, None, "names such as"),
    ],
)
def test_names_that_are_no_schemes(given: Any, value: Any, allowed: str) -> None:
    with pytest.raises(BadInput) as caught:
        StudyConfig(schemes=given)
    assert (caught.value.field, caught.value.value) == ("schemes", value)
    assert caught.value.allowed.startswith(allowed)
    assert "\n" not in str(caught.value)


def test_schemes_of_the_widths_and_of_8_bits() -> None:
    def names(*bits: int) -> list[str]:
        return [str(scheme) for scheme in StudyConfig(bits=bits).all_schemes]

    eight = ["w8", "a8", "w8a8", "w8a8dyn"]
    assert names(4) == ["w4", "a4", "w4a4", "w4a8dyn", *eight]
    assert names(8) == eight
    assert names(8, 3) == [*eight, "w3", "a3", "w3a3", "w3a8dyn"]
    assert StudyConfig(bits=(5, 3)).focus_bits == 5


@pytest.mark.parametrize(
    ("given_names", "canonical"),
    [
        (("swish",), ("silu",)),
        (("SiLU", " relu "), ("silu", "relu")),
        (("leakyrelu",), ("leaky_relu",)),
        (("relu@3.0", "relu"), ("relu@3", "relu")),
        (("relu@3e0", "relu@0.5", "gelu@1e6"), ("relu@3", "relu@0.5", "gelu@1000000")),
        (("swish@2",), ("silu@2",)),
        (("hardgelu", "hardgelu_uncapped", "hardgelu_uncapped@3"), None),
        ("relu", ("relu",)),
    ],
)
def test_canonical_activations(given_names: Any, canonical: tuple[str, ...] | None) -> None:
    assert StudyConfig(activations=given_names).activations == (canonical or given_names)


@pytest.mark.parametrize(
    "doubled",
    [
        ("silu", "swish"),
        ("relu@3", "relu@3.0"),
        ("relu", "RELU"),
        ("leaky_relu", "gelu", "leakyrelu"),
        ("swish@1", "silu@1.000"),
    ],
)
def test_doubles_are_found_after_canonicalization(doubled: tuple[str, ...]) -> None:
    with pytest.raises(BadInput, match=r"^activations: .*already named") as caught:
        StudyConfig(activations=doubled)
    assert repr(doubled[-1]) in str(caught.value)


@pytest.mark.parametrize(
    "bad",
    [
        (),
        None,
        3,
        (3,),
        ("",),
        ("@3",),
        ("relu@",),
        ("relu@0",),
        ("relu@-1",),
        ("relu@nan",),
        ("relu@inf",),
        ("relu@1e10",),
        ("relu@1e-7",),
        ("relu@x",),
        ("relu@3@3",),
        (("relu",),),
    ],
)
def test_bad_activations(bad: Any) -> None:
    with pytest.raises(BadInput, match=r"^activations: "):
        StudyConfig(activations=bad)


@pytest.mark.parametrize(
    ("typo", "meant"), [("reul", "relu"), ("geluu", "gelu"), ("hardwish", "hardswish"), ("sillu", "silu")]
)
def test_a_misspelled_activation_is_told_the_nearest(typo: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean {meant}[?]") as caught:
        StudyConfig(activations=(*DEFAULT_ACTIVATIONS, typo))
    for name in ACTIVATIONS:
        assert name in str(caught.value)


@pytest.mark.parametrize(("typo", "meant"), [("sedes", "seeds"), ("bit", "bits"), ("activation", "activations")])
def test_an_unknown_key_is_told_the_nearest(typo: str, meant: str) -> None:
    with pytest.raises(BadInput, match=rf"^{typo}: 3 .*did you mean {meant}\?"):
        from_mapping({typo: 3})
    with pytest.raises(BadInput, match=r"^zzzzz: 'a' is not allowed; there is no such key; allowed: name, target"):
        from_mapping({"zzzzz": "a"})


@pytest.mark.parametrize(
    "values", [{"seeds": "16"}, {"bits": "4"}, {"bits": ("4",)}, {"lr": "0.1"}, {"hidden": ("8", 8)}]
)
def test_numbers_of_a_file_stand_without_quotes(values: dict[str, Any]) -> None:
    (key,) = values
    with pytest.raises(BadInput, match=f"^{key}: .*without quotes"):
        from_mapping(values)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds = 3\nbits = [4,, 2]\n", "line 2"),
        ("seeds = 3\n\n\ngrid 17\n", "line 4"),
        ("seeds = ", "not valid TOML"),
        ("seeds = 1\nseeds = 2\n", "not valid TOML"),
        ("seeds = " + "9" * 5000, "not valid TOML"),
        ("seeds = " + "[" * 5000, "not valid TOML"),
        ("seeds = 1.5", "study.toml: seeds: 1.5 is not allowed; whole numbers"),
        ("[seeds]\nx = 1", "study.toml: seeds: {'x': 1} is not allowed; whole numbers"),
        ("lr = true", "study.toml: lr: True is not allowed; numbers from"),
        ("lr = 2020-01-01", "study.toml: lr: 2020-01-01 is not allowed; numbers from"),
        ("hidden = [[8]]", "study.toml: hidden: [8] is not allowed; whole numbers"),
        ("activations = ['relu', 3]", "study.toml: activations: 3 is not allowed; names"),
        ("device = ['cpu']", "study.toml: device: ('cpu',) is not allowed;"),
        ("Seeds = 3", "did you mean seeds?"),
    ],
)
def test_bad_files(tmp_path: Any, monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("study.toml")  # a long path would be shortened in the message
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        read_toml(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


def test_files_that_cannot_be_read(tmp_path: Any) -> None:
    with pytest.raises(BadInput, match="there is no such file"):
        read_toml(tmp_path / "absent.toml")
    with pytest.raises(BadInput, match="Is a directory"):
        read_toml(tmp_path)
    (tmp_path / "latin.toml").write_bytes("name = 'é'".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8 text"):
        read_toml(tmp_path / "latin.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(BadInput):
        read_toml(tmp_path / "bytes.toml")


def test_options_override_and_none_keeps() -> None:
    study = StudyConfig(seeds=3, lr=0.2)
    assert study.with_options(seeds=None, lr="0.3", grid=None) == StudyConfig(seeds=3, lr=0.3)
    assert study.with_options() == study


def test_a_study_is_frozen_and_hashable() -> None:
    with pytest.raises(AttributeError):
        StudyConfig().seeds = 3  # type: ignore[misc]
    assert len({StudyConfig(), StudyConfig(), StudyConfig(seeds=3)}) == 2


def test_bad_input_survives_pickling_and_stays_short() -> None:
    import pickle

    error = BadInput("seeds", "x" * 500, "a\nb")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.field, again.value, again.allowed) == (str(error), "seeds", "x" * 500, "a\nb")
    assert len(str(error)) < 130
    assert "\n" not in str(error)


@pytest.mark.parametrize("field", ["quick", "until_decided"])
@pytest.mark.parametrize("value", [1, 0, "true", None])
def test_switches_are_true_or_false(field: str, value: Any) -> None:
    with pytest.raises(BadInput, match=f"{field}: .* true or false"):
        StudyConfig(**{field: value})


def test_fewer_seeds_at_most_than_at_first() -> None:
    with pytest.raises(BadInput, match="max_seeds: 31 is not allowed; at least seeds, which is 32"):
        StudyConfig(until_decided=True, max_seeds=31)
    assert StudyConfig(max_seeds=31).looks == (32,)  # it means nothing then
    assert StudyConfig(until_decided=True, max_seeds=32).looks == (32,)


@given(st.integers(1, 200), st.integers(0, 300))
def test_looks_go_from_the_seeds_asked_for_to_the_most(seeds: int, more: int) -> None:
    looks = StudyConfig(seeds=seeds, until_decided=True, max_seeds=max(2, seeds + more)).looks
    assert looks[0] == seeds
    assert looks[-1] == max(2, seeds + more)
    steps = [after - before for before, after in pairwise(looks)]
    assert all(0 < step <= 16 for step in steps)
    assert all(step == 16 for step in steps[:-1])


def test_what_is_trained_beside_the_study() -> None:
    article = StudyConfig()
    assert article.controls == ("relu@3", "silu@3", "gelu@3", "hardswish@3", "hardgelu_uncapped")
    assert article.with_options(quick=True).controls == ()
    assert StudyConfig(activations=("relu", "gelu")).controls == ()
    assert StudyConfig(activations=("relu@3", "relu", "hardgelu", "hardgelu_uncapped")).controls == ()
    assert StudyConfig(activations=("relu@3", "relu", "hardgelu", "hardgelu_uncapped")).asks_cause


def test_the_widths_of_a_study() -> None:
    assert StudyConfig(bits=(4, 16)).bit_widths == (4, 16, 8)
    assert StudyConfig(bits=(8, 4)).bit_widths == (8, 4)


def test_functions_from_outside_are_named_and_not_looked_for() -> None:
    config = StudyConfig(activations=("not.there:wave@3.0", "Swish", "not.there:wave"))
    assert config.activations == ("not.there:wave@3", "silu", "not.there:wave")
    for names in (("not.there:wave@3", "not.there:wave@3.00"), ("not.there:wave", "not.there:wave")):
        with pytest.raises(BadInput, match="each activation once"):
            StudyConfig(activations=names)
    for name in ("not-there:wave", "not.there:", ":wave", "a:b:c", "a b:c", "mine:wave@0", "mine:wave@x"):
        with pytest.raises(BadInput):
            StudyConfig(activations=(name,))
    assert not any(name.startswith("not") for name in sys.modules)
