"""Files that are called .zip and are not, or not any more: what they are, and the way out."""

from __future__ import annotations

from io import BytesIO, RawIOBase

from nscweb.core.errors import InputRefused
from nscweb.io.known_others import known_by_content


def read_up_to(stream: RawIOBase | BytesIO, length: int) -> bytes:
    """Up to `length` bytes; an unbuffered file may give less than it has in one go."""
    parts: list[bytes] = []
    while length > 0 and (part := stream.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def no_directory(stream: RawIOBase | BytesIO, tail: bytes, name: str) -> InputRefused:
    """The refusal of a file without a usable end record.

    Args:
        tail: its last bytes.
    """
    stream.seek(0)
    head = read_up_to(stream, 512)
    if not head:
        return InputRefused(f"{name} is an empty file.", "Export or copy it again.", "E-ZIP-EMPTY-FILE")
    kind = None if head.startswith(b"PK") else known_by_content(head)
    if kind is not None:
        return InputRefused(f"{name} is {kind.what}.", kind.todo, kind.code)
    if b"PK\x05\x06" in tail:
        return InputRefused(f"The list of files in {name} is damaged.", "Pack the images again.", "E-ZIP-DAMAGED")
    if head.startswith(b"PK\x03\x04"):
        return InputRefused(
            f"{name} is incomplete: its end is missing, so the upload or copy stopped early.",
            "Copy or upload it again.",
            "E-ZIP-TRUNCATED",
        )
    return InputRefused(
        f"{name} is not a zip archive, whatever its name says.",
        "Upload a .zip of images, or the images themselves.",
        "E-ZIP-NOT-ZIP",
    )
