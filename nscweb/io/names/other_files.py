"""Files that people try and that are not read, each with what to export instead: one table for every place.

A kind is known by its first bytes, or by its suffix. Kinds that may hold images of cells are skipped one by one;
documents and tables are ignored with one line per kind.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nscweb.core.errors import InputRefused
from nscweb.io.names.file_names import suffix_of

HEAD = 512
_EXPORT = "Export every image as TIFF or OME-TIFF in the program of the microscope, or with Fiji."
_STILLS = "Export the single pictures as TIFF or PNG."
_SAVE = "Save it as TIFF or PNG."
_UNPACK = "Unpack it, and upload the images or an ordinary .zip of them."


@dataclass(frozen=True)
class KnownOther:
    """One kind of file that is not read.

    Attributes:
        code: stable code of the finding.
        what: it is, after "The file is".
        todo: the way out.
        suffixes: in lower case with their dot.
        starts: True when these first bytes are of the kind; None when only the suffix tells.
        images: it may hold images, so that it counts as skipped and not as ignored.
    """

    code: str
    what: str
    todo: str
    suffixes: tuple[str, ...]
    starts: Callable[[bytes], bool] | None = None
    images: bool = True

    @property
    def message(self) -> str:
        """What it is and what to do, without the name of a file."""
        return f"The file is {self.what}. {self.todo}"

    def refusal(self) -> InputRefused:
        return InputRefused(f"The file is {self.what}.", self.todo, self.code)


def _magic(*first: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(first)


def _film(head: bytes) -> bool:
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    box = head[4:8] in (b"moov", b"mdat", b"wide") or (head[4:8] == b"ftyp" and not _heic(head))
    return riff or box or head.startswith((b"\x1a\x45\xdf\xa3", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"))


def _heic(head: bytes) -> bool:
    brands = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
    return head[4:8] == b"ftyp" and head[8:12] in brands


def _office(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04") and (b"[Content_Types].xml" in head or b"mimetypeapplication" in head)


def _pickle(head: bytes) -> bool:
    return (
        len(head) > 3
        and head[0] == 0x80
        and 2 <= head[1] <= 5
        and head[2:3] in (b"\x95", b"c", b"}", b"]", b"(", b"\x8c")
    )


KNOWN_OTHERS: tuple[KnownOther, ...] = (
    KnownOther(
        "E-FMT-CZI", "a CZI of a Zeiss microscope, which is not supported", _EXPORT, (".czi",), _magic(b"ZISRAWFILE")
    ),
    KnownOther("E-FMT-LSM", "an LSM or ZVI of a Zeiss microscope, which is not supported", _EXPORT, (".lsm", ".zvi")),
    KnownOther(
        "E-FMT-ND2",
        "an ND2 of a Nikon microscope, which is not supported",
        _EXPORT,
        (".nd2",),
        _magic(b"\xda\xce\xbe\x0a"),
    ),
    KnownOther(
        "E-FMT-LIF",
        "a LIF of a Leica microscope, which is not supported",
        _EXPORT,
        (".lif", ".xlef", ".lof"),
        lambda head: head[:4] == b"\x70\0\0\0" and head[8:9] == b"\x2a",
    ),
    KnownOther(
        "E-FMT-OIB",
        "an OIB or OIF of an Olympus microscope, which is not supported",
        _EXPORT,
        (".oib", ".oif", ".oir", ".vsi"),
    ),
    KnownOther("E-FMT-IMS", "an IMS of Imaris, which is not supported", _EXPORT, (".ims",)),
    KnownOther(
        "E-FMT-SLIDE", "a scan of a whole slide, which is not supported", _EXPORT, (".svs", ".ndpi", ".scn", ".mrxs")
    ),
    KnownOther(
        "E-FMT-DICOM",
        "a DICOM image, which is not supported",
        _SAVE,
        (".dcm", ".dicom"),
        lambda head: head[128:132] == b"DICM",
    ),
    KnownOther(
        "E-FMT-VIDEO",
        "a video, which is not supported",
        _STILLS,
        (".avi", ".mp4", ".mov", ".m4v", ".mkv", ".wmv", ".mpg", ".mpeg", ".webm"),
        _film,
    ),
    KnownOther("E-FMT-HEIC", "a HEIC photograph, which is not supported", _SAVE, (".heic", ".heif", ".avif"), _heic),
    KnownOther(
        "E-FMT-WEBP",
        "a WebP image, which is not supported",
        _SAVE,
        (".webp",),
        lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP",
    ),
    KnownOther("E-FMT-GIF", "a GIF, which is not supported", "Export TIFF or PNG.", (".gif",), _magic(b"GIF8")),
    KnownOther(
        "E-FMT-JP2",
        "a JPEG 2000, which is not supported",
        "Export TIFF or PNG.",
        (".jp2", ".j2k", ".jpx", ".jpf"),
        _magic(b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    ),
    KnownOther(
        "E-FMT-MAT",
        "a MATLAB file, which is not supported",
        "Write each image with imwrite as TIFF, or the stack as .npz from Python.",
        (".mat",),
        _magic(b"MATLAB "),
    ),
    KnownOther(
        "E-FMT-NPY",
        "a single NumPy array that cannot be read here",
        "Import it by itself with its name ending in .npy; cells, height and width are its axes. Or use .npz.",
        (),
        _magic(b"\x93NUMPY"),
    ),
    KnownOther(
        "E-FMT-PICKLE",
        "a pickled Python object, which is never loaded because it may run programs",
        "Save the array with numpy.savez as .npz.",
        (".pkl", ".pickle", ".joblib"),
        _pickle,
    ),
    KnownOther(
        "E-FMT-HDF5",
        "an HDF5 file, which is not an image",
        "Import it by itself with its name ending in .rtdc or .h5.",
        (),
        _magic(b"\x89HDF"),
    ),
    KnownOther("E-ZIP-RAR", "a RAR archive, which is not supported", _UNPACK, (".rar",), _magic(b"Rar!\x1a\x07")),
    KnownOther("E-ZIP-7Z", "a 7z archive, which is not supported", _UNPACK, (".7z",), _magic(b"7z\xbc\xaf\x27\x1c")),
    KnownOther(
        "E-ZIP-GZIP", "a gzip file (.gz, .tgz), which is not supported", _UNPACK, (".gz", ".tgz"), _magic(b"\x1f\x8b")
    ),
    KnownOther("E-ZIP-BZIP2", "a bzip2 file, which is not supported", _UNPACK, (".bz2", ".tbz"), _magic(b"BZh")),
    KnownOther("E-ZIP-XZ", "an xz file, which is not supported", _UNPACK, (".xz", ".txz"), _magic(b"\xfd7zXZ\0")),
    KnownOther(
        "E-ZIP-TAR", "a tar archive, which is not supported", _UNPACK, (".tar",), lambda head: head[257:262] == b"ustar"
    ),
    KnownOther(
        "E-FMT-FCS",
        "an FCS file, which holds measurements and no images",
        "Export .ome.tif from IDEAS, or use the .cif.",
        (".fcs", ".lmd"),
        _magic(b"FCS2.", b"FCS3."),
        images=False,
    ),
    KnownOther(
        "E-FMT-PDF",
        "a PDF, not an image",
        "Export the images themselves as TIFF or PNG.",
        (".pdf",),
        _magic(b"%PDF"),
        images=False,
    ),
    KnownOther(
        "E-FMT-OFFICE",
        "a document or presentation, not an image",
        "Export the images themselves as TIFF or PNG.",
        (".docx", ".pptx", ".doc", ".ppt", ".odt", ".odp"),
        _office,
        images=False,
    ),
)
_BY_SUFFIX = {suffix: kind for kind in KNOWN_OTHERS for suffix in kind.suffixes}


def known_by_content(head: bytes) -> KnownOther | None:
    """The kind that the first bytes (512 are enough) are of."""
    return next((kind for kind in KNOWN_OTHERS if kind.starts and kind.starts(head[:HEAD])), None)


def known_by_name(name: str) -> KnownOther | None:
    """The kind that the suffix stands for."""
    return _BY_SUFFIX.get(suffix_of(name))
