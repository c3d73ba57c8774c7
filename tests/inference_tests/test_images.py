"""Pictures as people send them: damaged, rotated, in odd colours; every one gets pixels or a named reason."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inference.crop_cache import CropCache
from inference.crops import Crop, crop_pixels
from inference.images import (
    DecodedCrop,
    DecodeFailure,
    ImageItem,
    UnreadableImageError,
    decode_image,
    inspect_image,
    load_crop,
)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8))


def problem_of(content: bytes) -> str:
    with pytest.raises(UnreadableImageError) as caught:
        decode_image(content)
    assert str(caught.value)
    return caught.value.problem


def test_a_truncated_jpeg_is_named_truncated() -> None:
    content = encoded(noise(64, 64), "JPEG")
    assert problem_of(content[: len(content) // 2]) == "truncated"


def test_a_truncated_png_is_named_truncated() -> None:
    content = encoded(noise(64, 64))
    assert problem_of(content[: len(content) // 2]) == "truncated"


def test_a_text_is_no_image() -> None:
    assert problem_of(b"path,wnid\n") == "not_an_image"


def test_an_empty_file_is_named_empty() -> None:
    assert problem_of(b"") == "empty"


def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 11_000, 10_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    assert problem_of(bomb) == "too_large"


def test_a_bomb_beyond_pillows_own_limit_is_named_too() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    assert problem_of(bomb) == "too_large"


def test_a_missing_file_is_named_missing(tmp_path: Path) -> None:
    result = load_crop(ImageItem("a", tmp_path / "gone.jpg"), Crop(side=8, resize=8))
    assert isinstance(result, DecodeFailure)
    assert (result.key, result.problem) == ("a", "missing")


def test_cmyk_keeps_its_colours() -> None:
    content = encoded(Image.new("CMYK", (4, 4), (0, 255, 255, 0)), "TIFF")
    assert decode_image(content).getpixel((0, 0)) == (255, 0, 0)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    values = np.array([[0, 257 * 100, 65535]], dtype=np.uint16)
    image = decode_image(encoded(Image.fromarray(values)))
    assert [image.getpixel((x, 0)) for x in range(3)] == [(0, 0, 0), (100, 100, 100), (255, 255, 255)]


def test_floating_point_pixels_are_refused_with_a_remedy() -> None:
    assert problem_of(encoded(Image.fromarray(np.ones((2, 2), dtype=np.float32)), "TIFF")) == "unsupported"


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(content).getpixel((1, 1)) == (255, 0, 0)
    assert inspect_image(content).frames == 2


def test_transparency_is_laid_on_white() -> None:
    assert decode_image(encoded(Image.new("RGBA", (2, 2), (255, 0, 0, 0)))).getpixel((0, 0)) == (
        255,
        255,
        255,
    )


def test_a_transparent_palette_colour_is_laid_on_white() -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([10, 20, 30] * 256)
    assert decode_image(encoded(image, transparency=0)).getpixel((0, 0)) == (255, 255, 255)


def test_exif_rotation_is_applied() -> None:
    image = Image.new("RGB", (16, 8), "blue")
    image.paste((255, 0, 0), (0, 0, 8, 8))
    exif = Image.Exif()
    exif[274] = 6  # turn 90 degrees clockwise to display
    content = encoded(image, "PNG", exif=exif)
    upright = decode_image(content)
    assert upright.size == (8, 16)
    assert upright.getpixel((4, 2)) == (255, 0, 0)
    facts = inspect_image(content)
    assert (facts.width, facts.height, facts.exif_orientation) == (8, 16, 6)


def test_the_digest_is_of_the_content_and_not_of_the_path(tmp_path: Path) -> None:
    content = encoded(noise(9, 9))
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(content)
    crop = Crop(side=8, resize=8)
    first, second = (load_crop(ImageItem(0, tmp_path / name), crop) for name in ("a.png", "b.png"))
    assert isinstance(first, DecodedCrop)
    assert isinstance(second, DecodedCrop)
    assert first.digest == second.digest == inspect_image(content).digest


def test_a_source_may_be_a_function_of_the_callers_storage() -> None:
    content = encoded(noise(9, 9))
    result = load_crop(ImageItem(1, lambda: content), Crop(side=8, resize=8))
    assert isinstance(result, DecodedCrop)


def test_a_cached_crop_is_the_same_and_is_found_without_the_file(tmp_path: Path) -> None:
    cache, crop = CropCache(tmp_path / "crops"), Crop(side=8, resize=10)
    file = tmp_path / "a.png"
    file.write_bytes(encoded(noise(20, 30)))
    first = load_crop(ImageItem(1, file), crop, cache)
    assert isinstance(first, DecodedCrop)
    file.unlink()
    second = load_crop(ImageItem(1, file, first.digest), crop, cache)
    assert isinstance(second, DecodedCrop)
    assert (first.pixels == second.pixels).all()


def test_another_crop_of_the_same_picture_is_not_taken_from_the_cache(tmp_path: Path) -> None:
    cache, content = CropCache(tmp_path), encoded(noise(20, 30))
    load_crop(ImageItem(1, content), Crop(side=8, resize=10), cache)
    other = Crop(side=8, resize=16)
    result = load_crop(ImageItem(1, content), other, cache)
    assert isinstance(result, DecodedCrop)
    assert (result.pixels == crop_pixels(decode_image(content), other)).all()


def test_a_damaged_cache_file_is_replaced(tmp_path: Path) -> None:
    cache, crop, content = CropCache(tmp_path), Crop(side=8, resize=10), encoded(noise(20, 30))
    good = load_crop(ImageItem(1, content), crop, cache)
    assert isinstance(good, DecodedCrop)
    (stored,) = tmp_path.rglob("*.rgb")
    stored.write_bytes(stored.read_bytes()[:-1])
    again = load_crop(ImageItem(1, content), crop, cache)
    assert isinstance(again, DecodedCrop)
    assert (again.pixels == good.pixels).all()
    assert stored.stat().st_size == 8 * 8 * 3
