"""The table of formats: a new one is a file in this folder and a line here.

A `daf` holds no cells and is no format of its own: it says more about the `.cif` that lies beside it.
"""

from __future__ import annotations

from nscweb.io.formats import bmp, cif, jpeg, npy, npz, png, rtdc, tiff
from nscweb.io.pixels.image_pages import Format

FORMATS: tuple[Format, ...] = (
    Format("TIFF", (".tif", ".tiff"), tiff.sniff, tiff.read),
    Format("PNG", (".png",), png.sniff, png.read),
    Format("JPEG", (".jpg", ".jpeg"), jpeg.sniff, jpeg.read),
    Format("BMP", (".bmp",), bmp.sniff, bmp.read),
    Format("NumPy", (".npz",), npz.sniff, open_table=npz.NpzCells),
    Format("NumPy array", (".npy",), npy.sniff, open_table=npy.NpyCells),
    Format("RT-DC", (".rtdc", ".h5", ".hdf5"), rtdc.sniff, open_table=rtdc.RtdcCells),
    Format("CIF", (".cif", ".rif"), cif.sniff, open_table=cif.CifCells),
)
