"""What to do about a finding, by its code: the column ``what_to_do`` of ``skipped.csv``.

The message of a finding says what happened; this says the next step, as a colleague at the same bench would. A code
without a line of its own takes that of the longest beginning that has one.
"""

from __future__ import annotations

_AGAIN = (
    "Copy the file again from the computer of the instrument and compare its size. If it is damaged there too, "
    "export this cell again. The other cells are not affected."
)
_PACK_AGAIN = (
    "Pack the images again with the zip of Windows, macOS or 7-Zip, and compare the number of files. The other "
    "files of the zip were read."
)
_GREY = "Export the raw grey images of the brightfield channel as TIFF."
_LETTERS = (
    "Look at the names of the samples. If they look wrong, unpack the zip on the computer that made it and import the "
    "folder."
)
_NOTHING = "Nothing, if you expected this."
_SHEET = "Correct the sample sheet and import it again on the page Study; the cells need not be imported again."

_ADVICE: dict[str, str] = {
    "E": "Look at the file in the program that wrote it, and export it again.",
    "E-CELL-FRAMES": "Export all channels of this cell again, so that they are equally large.",
    "E-CELL-NO-CHANNEL": "Look for the missing channel of this cell in the export; without it the cell is left out.",
    "E-CELL-PADDED": "Export the cell again with its real surroundings, without a mask and without turning it.",
    "E-CIF": "Open the file in IDEAS and save it again, or export .ome.tif images from it.",
    "E-CIF-OBJECT": "Nothing, if it is one of many: only this object was left out. Otherwise save the .cif again.",
    "E-DAF": "Import the .cif that belongs to the .daf, both in one folder.",
    "E-FILE-MISSING": "Check the spelling of the path, and whether the drive is connected.",
    "E-FILE-LINK": "Put the file itself into the folder, not a link to it.",
    "E-FILE-SPECIAL": "Take it out of the folder.",
    "E-FILE-UNREADABLE": "Close the program that has the file open, and check that you may read it.",
    "E-FMT": "Export every image as TIFF in the program that wrote the file, and import those.",
    "E-HDF5": "Save the file again in the program that wrote it, without filters other than gzip.",
    "E-HDF5-BASIN": "Export the measurement into one file that holds its images, for example from Shape-Out.",
    "E-HDF5-READER": "Copy the file again from the computer of the instrument; the other files are not affected.",
    "E-IMG": _AGAIN,
    "E-IMG-AXES": "Store every image as (height, width), a stack as (planes, height, width), and export again.",
    "E-IMG-CMYK": _GREY,
    "E-IMG-COLOUR-KIND": _GREY,
    "E-IMG-COMPLEX": "Export intensities instead of the result of a Fourier transform.",
    "E-IMG-COMPRESSION": "Save the image as TIFF without compression, or with LZW or deflate (in Fiji: Save As, Tiff).",
    "E-IMG-DECODER": "Open the image in Fiji and save it as TIFF. The other cells are not affected.",
    "E-IMG-DTYPE": _GREY,
    "E-IMG-EMPTY": "The export or the copy stopped before it was written: copy or export this cell again.",
    "E-IMG-MEMORY": "Close other programs, or import the images in smaller parts.",
    "E-IMG-NAN": "Export raw intensities; a division by zero in an earlier step leaves such pixels.",
    "E-IMG-NOT-IMAGE": "Take the file out, or look for the image that should have this name.",
    "E-IMG-OME": "Export this cell again, one file per cell.",
    "E-IMG-OTHER-FILE": "Export every cell as a file of its own; files that point to others are never followed.",
    "E-IMG-PAGES": "Export single cells instead of one file with thousands of pages.",
    "E-IMG-SMALL": "Nothing, if it is debris or a single pixel; otherwise export the cell with its surroundings.",
    "E-LIMIT": (
        "Check whether the file is what you think it is: a cell image is far smaller. If it is right, ask whoever "
        "runs this program to raise the limit that is named."
    ),
    "E-MONTAGE": "Give the side of the tiles in pixels at the import, or export single cells.",
    "E-NO-IMAGES": "Look into the file or folder: it should hold TIFF, PNG, JPEG or BMP images, or a .cif.",
    "E-NPZ": "Save the arrays again with numpy.savez: numbers (cells, height, width) called x, one label per cell.",
    "E-POP": "Export the population again: a list of object numbers, one per line.",
    "E-SHEET": _SHEET,
    "E-SHEET-TIME-UNIT": "Say whether the numbers are hours or days with the buttons, or with --time-unit h or d.",
    "E-TABLE": "Export the table of features again as text, with one row per object.",
    "E-ZIP": _PACK_AGAIN,
    "E-ZIP-ENCRYPTED": "Pack the images again without a password; the program never asks for one.",
    "E-ZIP-LINK": "Pack the file itself and not a link to it.",
    "E-ZIP-METHOD": "Pack the images again as an ordinary zip (in 7-Zip: format zip, method Deflate).",
    "E-ZIP-NAME": "Give the file a shorter or simpler name, and pack again.",
    "E-ZIP-NESTED": "Take the inner archive out and import it by itself.",
    "E-ZIP-PATH": "Pack the folder again with an ordinary zip program. If you did not make this zip, ask who did.",
    "N": _NOTHING,
    "N-CHANNEL-GUESSED": "Look at some cells, and change the channel on the page Study if it is not brightfield.",
    "N-NAME-RUNNING": "Nothing, unless these are several channels of the same cells: then call them NAME_1_Ch1.tif.",
    "N-NAME-PARTS": "Nothing. If they are one sample, put them into a folder with its name, such as NT3_1d_rep1.",
    "N-IMG-ONE-COLOUR": "Nothing, if the image was coloured by the microscope's software.",
    "N-PIXEL-OFFERED": "Compare it with the microscope's own figure, and enter it on the page Study if it is right.",
    "N-ZIP-BEHIND": "Compare the number of cells with what you packed, and copy the zip again if some are missing.",
    "N-ZIP-LETTERS": _LETTERS,
    "W": "Look at this file before you rely on its cells.",
    "W-CELL-PADDED": "Nothing; export crops without padding if you can.",
    "W-CHANNEL-STAINED": "Export the brightfield channel too, or choose it on the page Study (Settings).",
    "W-CIF": "Compare the number of cells with that in IDEAS.",
    "W-DAF-COUNT": "Compare the number of cells with that in IDEAS.",
    "W-CLASS-NO-FOLDER": "Put the images of each class into a folder with its name.",
    "W-FIELD-LARGE": "Look at the preview: raise the largest area, or the strength of splitting, if these are cells.",
    "W-FIELD-MEND": "Look at the cells of this field; choose the settings first, and mend then.",
    "W-IMG-1BIT": "Export grey values; a mask or a threshold image has none.",
    "W-IMG-ALPHA": _NOTHING,
    "W-IMG-ANIMATED": "Export the single images if you meant all of them.",
    "W-IMG-BLANK": "The cell is flagged and left out of the statistics; look whether the camera or the export failed.",
    "W-IMG-CHANNELS": "Check the channel on the page Study.",
    "W-IMG-COLOUR": _GREY,
    "W-IMG-FIELD": "Cut single cells out of the field first: the models know single cells only.",
    "W-IMG-NAME": "Nothing; give the file its right ending if it bothers you.",
    "W-IMG-NEGATIVE": "Check that these are raw images, without background already subtracted.",
    "W-IMG-PAGES": "Check that the brightfield image in focus was taken; otherwise export that plane alone.",
    "W-IMG-SATURATED": "The cell is flagged and left out of the statistics; lower the exposure next time.",
    "W-IMG-SCALE-BAR": "Export the raw image without a scale bar; the program draws its own.",
    "W-IMG-SHAPE": "Look at the image: a whole cell with some surroundings is expected.",
    "W-IMG-SIGNED": "Check that these are raw images.",
    "W-IMG-UNCHECKED": "Compare the sizes of the files with the originals; in PNG and deflated TIFF damage is noticed.",
    "W-MASK": "Look at the outlines in the program that made them, export them again at full size, and import again.",
    "W-MASK-BINARY": "Export labels, one number per cell, so that cells that touch stay apart.",
    "W-MASK-NO-FIELD": "Give the outlines the name of their image with _masks behind it, in the same folder.",
    "W-MASK-OVERLAP": "Nothing, unless outlines of nuclei lie among those of cells: then export one kind only.",
    "W-MASK-UNUSED": "If the images are whole fields of view, take the offer on the page Study or of study understand.",
    "W-MONTAGE-PART": "Compare the number of cells with that of the montage.",
    "W-NAME-SETS": "Look at the channels on the page Study; the one with the usual light is the brightfield channel.",
    "W-NAME-TWICE": "Check whether the same images came in twice.",
    "W-PIXEL-DIFFER": "Enter the pixel size on the page Study, or import files of one microscope at a time.",
    "W-PIXEL-RESOLUTION": "Compare it with the microscope's own figure, and correct it on the page Study.",
    "W-RTDC": "The images were read all the same; measured values of the file may be missing.",
    "W-SAMPLE-COPY": "Look which folder was copied, and import again with the right one in its place.",
    "W-SAMPLE-OVERLAP": "Look whether files of one sample were put into the folder of the other.",
    "W-SHEET": _SHEET,
    "W-SHEET-ALIKE": "Make them one with the button above the sheet, or nscweb study sheet NAME --make-alike-one.",
    "W-SHEET-COLUMN": 'Say what the column is below the message, or with --column "TITLE=group".',
    "W-SHEET-CONTROL-TIME": "Mark the control samples of these times too, or nothing, if there are none.",
    "W-SHEET-DATE": "Format the column as text in the spreadsheet, write the values again, and upload the sheet again.",
    "W-SHEET-ENCODING": "Look at the names in the sheet; if letters are wrong, save it as CSV UTF-8 or XLSX.",
    "W-SHEET-NO-ROW": "Nothing, if the sample is as it should be; otherwise add its row.",
    "W-TABLE": "Compare the object numbers of the table with those in the names of the images.",
    "W-ZIP-COUNT": "Compare the number of cells with what you packed.",
    "W-ZIP-LETTERS": _LETTERS,
    "W-ZIP-TABLE": "Take these files out of the zip and import them by themselves.",
}


def what_to_do(code: str) -> str:
    """One or two sentences for a code such as ``E-IMG-DAMAGED``, "" when there is nothing to say."""
    parts = code.split("-")
    for end in range(len(parts), 0, -1):
        found = _ADVICE.get("-".join(parts[:end]))
        if found is not None:
            return found
    return ""
