"""Small workbooks of the kinds that no library of ours writes: .ods, strict .xlsx, and an old .xls."""

from __future__ import annotations

import base64
import io
import zipfile
import zlib
from collections.abc import Sequence
from xml.sax.saxutils import escape

import openpyxl

# What the .xls holds on its first sheet; the last value is a date. A second sheet is called Notes.
XLS_ROWS = (
    ("sample", "group", "time", "replicate", "donor", "code"),
    ("001", "1E5", "12 h", "1", "NA", "SEPT2"),
    ("b", "NT3", "1 d", "2.5", "", "2021-01-02"),
)
# Written with xlwt 1.3.0, deflated, in base 85.
_XLS = (
    "c-rk)OGs2v82-+EI5XzxXc}lBgV4(q93^O@lcBkCuoQX_)aYDN)S2NrEoxDg%`ymDC2a&-"
    "w6Vvc2eqh8v<Qq^1VNy+bQKh|P;dYF@4e$A1qV#9?sqx=IsfCF|J-x_^SJl@bm`2*qpDe~LJL$ZS^*R+lL<-zmkELNmL-dB?x$pV"
    "*j5PmX(9`Bya>MY$vKqsJqra7wbw*}uawRrjaVvagtrh!xesw6`_L>jiaiB)DHWrV`&GuYkLgaP57_o4(<3ao$+VelXT%vyM`N{z"
    "oj5+F)Ud9YsK8UM^O+?PRN$?Q<EyuXZL6cz9EcBXGexylgh|kpb{I*+lza*9p%6GtsPF8oZ)=-"
    "DIZgK@ep+GRhr6y{g+2M!$^}UNYo*+`j@(a^xLST&(ST7{=Y<UBEK1O?NsSNP@!|B4F_J|PZ+IiuX&q;bk$DVK=z|l<N7zgUE|{r"
    "{X{wtU7&d65H;werKwmr~Rf$wGWs<5dl`vGGp&>#v(te0Uk;ZU8EuB~^nRT~!^)yl>_L4T%(<E)ei9&g9@IDh-"
    "vCjl~^%W6KP^V?Nl-FR0UUUBb_Ya-DUD0za8RfIZK7sbg*M)^^vIbQyW{nEB)mpA`km+@9bvKu*n3mHRP`<aT!YLdZW1AbS-"
    "AjI&7$2kimX-HYIXid!S#|bX^Z=EoI%Y4IPko9`poUJw1l5<%80tiw7{4R&JnH7c*{i-"
    "Vt^8x(@+%>y@0N4SmS91yR6;3Jo0Fp>a-"
    "8CfmCdQdsX0y~PRnsRak}G2tl>wnp905TupeKJlYZpbUr{8duCSDT0y$3lDRlfOYxq&v&ko1lp6#L>C;bE+KMMPqQ(aD{5gdQ4ph"
    "YRe6WI*y?@QRc=)$_uwS?^!T|8!3Ys@@&@ZiCN2M_-%1m7j?`?JQkMf>*TbN=frP+IhUll-"
    "$dffPL%`lM_}l5!K5@`|5b(1qKU*kB#^f1$)l@@~@SXfO9;Fz@)K+pk#uJ{ztW+Po!{um8n-`uUgr{{~%i8g2"
)
_ODS_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
)
_STRICT = (
    ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"),
    (
        "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
        "http://purl.oclc.org/ooxml/officeDocument/relationships",
    ),
)


def xls_bytes() -> bytes:
    """The workbook of Excel 97 with `XLS_ROWS`."""
    return zlib.decompress(base64.b85decode("".join(_XLS)))


def ods_bytes(rows: Sequence[Sequence[object]], inside: str = "", more: dict[str, str] | None = None) -> bytes:
    """An OpenDocument spreadsheet; text stays text, numbers are numbers, None is an empty cell.

    Args:
        inside: XML put in front of the rows.
        more: further parts, name -> text.
    """
    lines = ("<table:table-row>" + "".join(_ods_cell(value) for value in row) + "</table:table-row>" for row in rows)
    content = (
        f'{_ODS_HEAD}<office:body><office:spreadsheet><table:table table:name="S">{inside}{"".join(lines)}'
        "</table:table></office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    parts = {"content.xml": content, "META-INF/manifest.xml": manifest, **(more or {})}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


def _ods_cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, int | float):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p></table:table-cell>'


def strict_bytes(rows: Sequence[Sequence[object]]) -> bytes:
    """A workbook as Excel saves it under "Strict Open XML Spreadsheet": the same parts with other names of the XML."""
    book, usual, strict = openpyxl.Workbook(), io.BytesIO(), io.BytesIO()
    for row in rows:
        book.active.append(list(row))
    book.save(usual)
    with zipfile.ZipFile(usual) as source, zipfile.ZipFile(strict, "w") as target:
        for name in source.namelist():
            content = source.read(name).decode("utf-8")
            for old, new in _STRICT:
                content = content.replace(old, new)
            target.writestr(name, content)
    return strict.getvalue()
