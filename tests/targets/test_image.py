import io
import struct
import warnings
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from quantstudy.errors import BadInput
from quantstudy.targets import image
from quantstudy.targets.catalogue import parse_target
from quantstudy.targets.files import Unusable
from quantstudy.targets.image import _otsu, bright
from quantstudy.targets.lattice import rectangle
from quantstudy.targets.pictures import channels_of
from quantstudy.targets.shrinking import shrunk
from quantstudy.targets.splits import fifth

HALVES = np.zeros((8, 6), np.uint8)
HALVES[:3] = 200  # a bright top


def stored(path, values, mode=None, **more):
    image = Image.fromarray(values) if mode is None else Image.fromarray(values).convert(mode)
    image.save(path, **more)
    return str(path)


def made(text, task="classes", seeds=(0, 1), grid=16, **more):
    return parse_target(text, task=task, **more).make(list(seeds), grid=grid, frequency=3.0)


def photograph(rows=12, columns=16, channels=3):
    draws = np.random.Generator(np.random.PCG64(3)).integers(0, 256, size=(rows, columns, channels), dtype=np.uint8)
    return draws[..., 0] if channels == 1 else draws


# --- where it is bright


def test_rows_come_lowest_first_and_the_longer_side_spans_the_plane(tmp_path):
    data = made(stored(tmp_path / "a.png", HALVES))
    assert data.plane == (8, 6)
    assert np.array_equal(data.measured.inputs, rectangle(8, 6)[None])
    assert np.array_equal(data.measured.labels[0].reshape(8, 6), HALVES[::-1] > 100)
    assert np.array_equal(data.measured.labels[0], data.measured.inputs[0, 1] > 0.25)  # y upwards
    assert (data.outputs, data.classes, data.inputs) == (1, ("dark", "bright"), ("x", "y"))
    assert data.measured.labels.dtype == bool


def test_a_fifth_of_the_pixels_is_held_out_per_seed(tmp_path):
    data = made(stored(tmp_path / "a.png", HALVES), seeds=(4, 9))
    trained, heldout = fifth([4, 9], 48)
    assert np.array_equal(data.trained, trained)
    for seed in (0, 1):
        assert np.array_equal(data.heldout.inputs[seed], data.measured.inputs[0][:, heldout[seed]])
        assert np.array_equal(data.heldout.labels[seed], data.measured.labels[seed][heldout[seed]])
    assert not data.measured.labels.flags.writeable
    assert made(str(tmp_path / "a.png"), seeds=(4, 9)) is data


@pytest.mark.parametrize(("threshold", "bright"), [(0, 5), (0.2, 4), (0.5, 2), (0.79, 1)])
def test_what_is_brighter_than_the_threshold_is_bright(tmp_path, threshold, bright):
    values = np.repeat(np.array([0, 51, 102, 127, 153, 204], np.uint8)[None], 4, axis=0)  # 0, 0.2, 0.4, 0.498, 0.6, 0.8
    data = made(f"{stored(tmp_path / 'a.png', values)}:{threshold}")
    assert data.measured.labels[0].reshape(4, 6).sum(axis=1).tolist() == [bright] * 4


def test_otsu_tells_two_kinds_apart_and_a_rare_one_too(tmp_path):
    values = np.full((10, 10), 250, np.uint8)
    values[4, 2:7] = 30  # a thin line on paper: the median is the paper
    values[0, 0] = 240
    assert (~made(stored(tmp_path / "a.png", values)).measured.labels[0]).sum() == 5


@given(st.lists(st.integers(0, 12), min_size=2, max_size=40).filter(lambda levels: len(set(levels)) > 1))
def test_otsu_is_the_best_of_all_thresholds(levels):
    def between(threshold):
        dark, light = [v for v in levels if v <= threshold], [v for v in levels if v > threshold]
        apart = Fraction(sum(dark), len(dark)) - Fraction(sum(light), len(light))
        return len(dark) * len(light) * apart * apart

    found = _otsu(np.array(levels, float))
    assert found in levels
    assert float(between(found)) == pytest.approx(float(max(map(between, sorted(set(levels))[:-1]))))


def test_grey_levels_weigh_colours_as_television_did(tmp_path):
    values = np.zeros((4, 6, 3), np.uint8)
    for column, colour in enumerate(([255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255])):
        values[:, column] = colour
    path = stored(tmp_path / "a.png", values)
    for threshold, expected in ((0.11, 4), (0.12, 3), (0.298, 3), (0.3, 2), (0.586, 2), (0.588, 1), (0.999, 1)):
        assert made(f"{path}:{threshold}").measured.labels[0].reshape(4, 6)[0].sum() == expected


# --- averaging


def slow_mean(values, parts):
    """Means over equal parts of the rows and columns, in fractions."""
    rows, columns = values.shape

    def shares(side, count):
        return [
            [max(Fraction(0), min(Fraction((p + 1) * side, count), i + 1) - max(Fraction(p * side, count), i))
             for i in range(side)]
            for p in range(count)
        ]  # fmt: skip

    down, across = shares(rows, parts[0]), shares(columns, parts[1])
    area = Fraction(rows * columns, parts[0] * parts[1])
    return [
        [sum(d[i] * a[j] * int(values[i, j]) for i in range(rows) for j in range(columns)) / area for a in across]
        for d in down
    ]


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_averages_are_exact(rows, columns, grid, seed):
    values = np.random.Generator(np.random.PCG64(seed)).integers(0, 256, size=(rows, columns))
    found, full = shrunk([values.astype(np.uint8)], 255, grid)
    longer = max(rows, columns)
    if longer <= grid:
        assert np.array_equal(found[0], values)
        assert full == 255
        return
    assert max(found[0].shape) == grid
    expected = slow_mean(values, found[0].shape)
    for one, other in zip(found[0].tolist(), expected, strict=True):
        assert [Fraction(value, full) for value in one] == [value / 255 for value in other]


@pytest.mark.parametrize(
    ("size", "grid", "plane"),
    [
        ((10, 20), 8, (4, 8)),
        ((3, 100), 10, (1, 10)),
        ((300, 7), 128, (128, 3)),
        ((5, 4), 5, (5, 4)),
        ((6, 4), 5, (5, 3)),
    ],
)
def test_the_longer_side_has_at_most_grid_pixels_and_the_shape_is_kept(size, grid, plane):
    found, _ = shrunk([np.zeros(size, np.uint8)], 255, grid)
    assert found[0].shape == plane


def test_the_largest_images_do_not_overflow():
    white = np.full((2500, 20), 65025, np.int32)
    found, full = shrunk([np.broadcast_to(white[:, :1], (2500, 20_000))], 65025, 1024)
    assert (found == full).all()


# --- colours


def test_colours_are_from_minus_one_to_one(tmp_path):
    values = photograph()
    data = made(stored(tmp_path / "a.png", values), "regression")
    assert (data.outputs, data.classes) == (3, ())
    expected = values[::-1].reshape(-1, 3).T / 255 * 2 - 1
    np.testing.assert_allclose(data.measured.labels[1], expected, atol=1e-7)
    assert data.measured.labels.dtype == np.float32
    assert data.heldout.labels.shape == (2, 3, 38)


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_an_image_without_colours_has_one_output(tmp_path, mode):
    grey = photograph(channels=1)
    data = made(stored(tmp_path / "a.png", grey, mode), "regression")
    assert data.outputs == 1
    np.testing.assert_allclose(data.measured.labels[0, 0], grey[::-1].ravel() / 255 * 2 - 1, atol=1e-7)


# --- kinds of images


def test_sixteen_bits_are_taken_as_such(tmp_path):
    values = (np.arange(48, dtype=np.uint16).reshape(6, 8) * 1300 + 7).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        data = made(stored(tmp_path / name, values), "regression")
        np.testing.assert_allclose(data.measured.labels[0, 0], values[::-1].ravel() / 65535 * 2 - 1, atol=1e-7)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp", "a.webp", "a.ppm"])
def test_files_without_loss_give_the_pixels(tmp_path, name):
    values = photograph()
    stored(tmp_path / name, values, **({"lossless": True} if name == "a.webp" else {}))
    data = made(str(tmp_path / name), "regression")
    np.testing.assert_allclose(data.measured.labels[0], values[::-1].reshape(-1, 3).T / 255 * 2 - 1, atol=1e-7)


def test_photographs_as_jpg_come_close(tmp_path):
    smooth = np.add.outer(np.arange(32) * 4, np.arange(32) * 3).astype(np.uint8)
    data = made(stored(tmp_path / "a.jpg", smooth, quality=95), "regression", grid=32)
    np.testing.assert_allclose(data.measured.labels[0, 0], smooth[::-1].ravel() / 255 * 2 - 1, atol=0.05)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_lies_on_white(tmp_path, mode):
    values = np.zeros((4, 6, 4), np.uint8)
    values[..., :3] = 100
    values[:, :, 3] = [0, 51, 102, 153, 204, 255]
    data = made(stored(tmp_path / "a.png", values, mode), "regression")
    assert data.outputs == 1
    expected = np.array([1 - a * (1 - 100 / 255) for a in (0, 0.2, 0.4, 0.6, 0.8, 1)]) * 2 - 1
    np.testing.assert_allclose(data.measured.labels[0, 0].reshape(4, 6)[0], expected, atol=1e-6)


def test_a_palette_may_have_a_transparent_colour(tmp_path):
    image = Image.new("P", (6, 4))
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 100, 0])
    image.putdata([0, 1, 2, 0, 1, 2] * 4)
    image.save(tmp_path / "opaque.png")
    image.save(tmp_path / "clear.png", transparency=0)
    opaque, clear = (made(str(tmp_path / name), "regression") for name in ("opaque.png", "clear.png"))
    at = lambda data, column: ((data.measured.labels[0, :, column] + 1) * 127.5).round().tolist()  # noqa: E731
    assert [at(opaque, column) for column in range(3)] == [[0, 0, 0], [200, 0, 0], [0, 100, 0]]
    assert [at(clear, column) for column in range(3)] == [[255, 255, 255], [200, 0, 0], [0, 100, 0]]


def test_cmyk_and_one_bit_are_taken(tmp_path):
    stored(tmp_path / "a.tif", photograph(), "CMYK")
    assert made(str(tmp_path / "a.tif"), "regression").outputs == 3
    Image.fromarray(HALVES > 0).save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as stored_one:
        assert stored_one.mode == "1"
    assert made(str(tmp_path / "b.png")).measured.labels[0].mean() == 3 / 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_as_the_camera_said(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    values = np.add.outer(np.arange(8) * 25, np.arange(10) * 3).astype(np.uint8)
    undo = {1: (), 2: ("h",), 3: ("h", "v"), 4: ("v",), 5: ("t",), 6: ("t", "h"), 7: ("t", "h", "v"), 8: ("t", "v")}
    turned = values
    for step in reversed(undo[orientation]):
        turned = {"h": turned[:, ::-1], "v": turned[::-1], "t": turned.T}[step]
    stored(tmp_path / "a.png", np.ascontiguousarray(turned), exif=exif)
    data = made(str(tmp_path / "a.png"), "regression")
    assert data.plane == (8, 10)
    np.testing.assert_allclose(data.measured.labels[0, 0], values[::-1].ravel() / 255 * 2 - 1, atol=1e-6)


def test_of_an_animation_the_first_picture_is_taken(tmp_path):
    frames = [Image.fromarray(HALVES), Image.fromarray(HALVES.T.copy().reshape(8, 6)), Image.fromarray(255 - HALVES)]
    for name in ("a.gif", "a.webp"):
        more = {"lossless": True} if name == "a.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **more)
        assert np.array_equal(made(str(tmp_path / name)).measured.labels[0].reshape(8, 6), HALVES[::-1] > 0)


def test_an_array_is_an_image_too(tmp_path):
    for number, values in enumerate(
        (HALVES, HALVES > 0, HALVES.astype(np.uint16) * 200, HALVES / 255, HALVES[..., None])
    ):
        np.savez(tmp_path / f"{number}.npz", image=values)
        data = made(str(tmp_path / f"{number}.npz:0.1"))
        assert data.plane == (8, 6)
        assert np.array_equal(data.measured.labels[0].reshape(8, 6), HALVES[::-1] > 0)
    np.savez(tmp_path / "c.npz", image=photograph())
    for task in ("classes", "regression"):
        with pytest.raises(BadInput, match="it holds an image; name a threshold"):
            made(str(tmp_path / "c.npz"), task)


def test_its_digest_is_that_of_its_pixels_as_they_are_read(tmp_path, monkeypatch):
    path = stored(tmp_path / "a.png", HALVES)
    assert parse_target(stored(tmp_path / "b.bmp", HALVES)).made_of() == parse_target(path).made_of()
    other = stored(tmp_path / "c.png", HALVES)
    with monkeypatch.context() as newer:  # a version of Pillow that reads one pixel otherwise
        read = image.channels_of(Path(other).read_bytes())
        newer.setattr(image, "channels_of", lambda held: ([read[0][0] ^ (np.indices((8, 6)).sum(0) == 0)], read[1]))
        assert parse_target(other).made_of() != parse_target(path).made_of()
    first = parse_target(path).made_of()
    assert first == parse_target(f"{path}:0.5").made_of()
    assert len(first) == 16
    stored(tmp_path / "a.png", HALVES.T.copy())
    assert parse_target(path).made_of() != first
    assert made(path).plane == (6, 8)  # another file is read anew


# --- refusals


def broken(form):
    held = io.BytesIO()
    Image.fromarray(photograph()).save(held, form)
    return held.getvalue()[: len(held.getvalue()) // 2]


def bomb(width, height):
    """A PNG file that says that it is large, and holds nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def save_float(path):
    Image.fromarray(np.ones((5, 5), np.float32)).save(path)


LIMITS = "images of at most 10000 pixels a side and 50 million in all, and it is "

BAD = {
    "pixel.png": (lambda p: stored(p, HALVES[:1, :1]), "images of 4 pixels at least along each side"),
    "strip.png": (lambda p: stored(p, HALVES[:3]), "once averaged down to grid, and it has 6 × 3"),
    "flat.png": (
        lambda p: stored(p, HALVES[:3].repeat(2, 0)),
        "its pixels are all as bright as each other (0.784): two",
    ),
    "wide.png": (lambda p: p.write_bytes(bomb(20_000, 20)), f"{LIMITS}20000 × 20"),
    "huge.png": (lambda p: p.write_bytes(bomb(9_900, 9_900)), f"{LIMITS}9900 × 9900"),
    "bomb.png": (lambda p: p.write_bytes(bomb(60_000, 60_000)), f"{LIMITS}larger"),
    "cut.png": (lambda p: p.write_bytes(broken("PNG")), "the image can't be read ("),
    "cut.tif": (lambda p: p.write_bytes(broken("TIFF")), "the image can't be read ("),
    "words.png": (lambda p: p.write_text("no image\n"), "it is no image that Pillow reads"),
    "empty.png": (lambda p: p.write_bytes(b""), "the file is empty"),
    "folder.png": (lambda p: p.mkdir(), "a file is needed, and this is a folder"),
    "none.png": (lambda p: None, "there is no such file"),
    "float.tif": (save_float, "images of 8 or 16 bits a colour, and this one holds fractions"),
    "deep.tif": (lambda p: Image.fromarray(np.full((5, 5), 70_000, np.int32)).save(p), "and this one has more"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused_in_one_line(tmp_path, name):
    make, message = BAD[name]
    make(tmp_path / name)
    with pytest.raises(BadInput) as refused, warnings.catch_warnings(action="error"):
        made(str(tmp_path / name))
    assert message in str(refused.value)
    assert str(refused.value).startswith("target: '")
    assert "\n" not in str(refused.value)
    assert refused.value.value == str(tmp_path / name)


def test_a_large_image_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(Unusable, match="it is 10001 × 3"):
        channels_of(bomb(10_001, 3))


@pytest.mark.parametrize(
    ("threshold", "message"),
    [("0.9", "none of its pixels is brighter than 0.9; the brightest has 0.784"), ("1", "brighter than 1;")],
)
def test_a_threshold_beyond_all_pixels_is_refused(tmp_path, threshold, message):
    path = stored(tmp_path / "a.png", HALVES)
    with pytest.raises(BadInput) as refused:
        made(f"{path}:{threshold}")
    assert message in str(refused.value)
    stored(tmp_path / "b.png", HALVES // 2 + 50)
    with pytest.raises(BadInput, match=r"all of its pixels are brighter than 0.1; the darkest has 0.196"):
        made(f"{tmp_path / 'b.png'}:0.1")


def test_one_colour_is_nothing_to_learn(tmp_path):
    with pytest.raises(BadInput, match="its pixels are all of one colour"):
        made(stored(tmp_path / "a.png", HALVES[:3].repeat(2, axis=0)), "regression")


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((3, 3, 4)), "the image must be [rows, columns] or [rows, columns, 3], not [3, 3, 4]"),
        (np.zeros(9), "not [9]"),
        (np.zeros((0, 4)), "not [0, 4]"),
        (np.full((5, 5), 1.5), "an image of floats must lie from 0 to 1"),
        (np.full((5, 5), np.nan), "an image of floats must lie from 0 to 1"),
        (np.zeros((5, 5), np.int64), "the image must be bool, uint8, uint16 or float, not int64"),
        (np.zeros((20_000, 4), np.uint8), "images of at most 10000 pixels a side"),
    ],
)
def test_an_array_that_is_no_image_is_refused(tmp_path, image, message):
    np.savez(tmp_path / "a.npz", image=image)
    with pytest.raises(BadInput) as refused:
        made(f"{tmp_path / 'a.npz'}:0.5")
    assert message in str(refused.value)


def test_a_threshold_needs_an_image(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(9))
    with pytest.raises(BadInput, match="an array named 'image' is needed"):
        made(f"{tmp_path / 'a.npz'}:0.5")


def test_bright_keeps_the_shape():
    assert bright(np.array([[0.1, 0.9]]), None).tolist() == [[False, True]]
