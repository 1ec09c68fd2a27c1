"""What is no image is called so, and what was cut off is called damaged, however short it is."""

from __future__ import annotations

import pytest

from nscweb.core.errors import InputRefused
from nscweb.core.findings import FindingLog
from nscweb.core.limits import Limits
from nscweb.io.decode.image import decode


def refused(data: bytes, name: str) -> InputRefused:
    with pytest.raises(InputRefused) as caught:
        decode(data, name, Limits(), FindingLog())
    assert caught.value.todo
    return caught.value


@pytest.mark.parametrize("name", ["c.tif", "c.png", "c.jpg", "c.bmp"])
@pytest.mark.parametrize("text", [b"x", b"hi", b"MM", b"BM", b"hello\n", b"BMI values of all mice\n" * 9, "é".encode()])
def test_a_text_with_the_name_of_an_image_is_not_an_image(text: bytes, name: str) -> None:
    error = refused(text, name)
    assert error.code == "E-IMG-NOT-IMAGE" and "text" in error.what and "not an image" in error.what


@pytest.mark.parametrize("data", [b"II*\x00", b"II*\x00\x08", b"MM\x00*", b"\x89PN", b"\x89PNG\r\n\x1a\n", b"\xff\xd8"])
def test_the_beginning_of_an_image_is_a_damaged_image(data: bytes) -> None:
    error = refused(data, "c.tif")
    assert error.code == "E-IMG-DAMAGED" and "cut off" in error.what


@pytest.mark.parametrize("size", [1, 7, 600, 100_000])
def test_a_file_of_zeros_is_a_failed_copy(size: int) -> None:
    error = refused(bytes(size), "c.tif")
    assert error.code == "E-IMG-ZEROS" and "zeros" in error.what and "again" in error.todo


def test_other_bytes_are_not_an_image() -> None:
    for data in (b"\x01\x02\x03", bytes(range(1, 200)), b"BM" + bytes(range(40, 80)), "text".encode("utf-16")):
        assert refused(data, "c.bmp").code == "E-IMG-NOT-IMAGE"


def test_an_empty_file_is_empty() -> None:
    assert refused(b"", "c.tif").code == "E-IMG-EMPTY"
