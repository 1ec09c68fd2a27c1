"""Styles of the HTML report: quiet on the screen, dark ink on white paper, no part of a row on two pages."""

from __future__ import annotations

from nscweb.reports.style import FONT, GRID, INK, MUTED

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #fff; color: {INK}; font: 15px/1.45 {FONT}; }}
table.sheet {{ width: 100%; max-width: 1080px; margin: 0 auto; border-collapse: collapse; }}
table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0 20px; vertical-align: top; }}
.notice {{ border: 2px solid #8a1c00; color: #8a1c00; background: #fff6f2; border-radius: 4px; padding: 6px 10px;
  margin: 10px 0; font-size: 13px; }}
h1 {{ font-size: 26px; line-height: 1.2; margin: 14px 0 2px; overflow-wrap: anywhere; }}
h2 {{ font-size: 19px; margin: 30px 0 8px; padding-bottom: 3px; border-bottom: 2px solid {INK}; }}
h3 {{ font-size: 15px; margin: 18px 0 4px; }}
header p, .small, figcaption {{ color: {MUTED}; font-size: 13px; }}
p {{ margin: 6px 0; overflow-wrap: anywhere; }}
p.lead {{ font-size: 18px; line-height: 1.4; }}
p.method {{ border-left: 4px solid #0072B2; padding: 2px 0 2px 12px; }}
ul.warn {{ border: 1px solid #c9a227; background: #fffbea; border-radius: 4px; padding: 8px 10px 8px 28px; }}
ul, ol {{ margin: 6px 0; padding-left: 22px; }}
li {{ overflow-wrap: anywhere; }}
nav ol {{ columns: 3 180px; font-size: 14px; padding-left: 20px; }}
nav a {{ color: #0059a0; }}
.references {{ font-size: 13px; color: {MUTED}; }}
.wide {{ overflow-x: auto; }}
table.data, table.facts {{ border-collapse: collapse; font-size: 13px; margin: 8px 0; }}
table.data {{ width: 100%; font-variant-numeric: tabular-nums; }}
table.data th, table.data td, table.facts th, table.facts td {{ text-align: left; padding: 3px 8px 3px 0;
  border-bottom: 1px solid {GRID}; vertical-align: top; overflow-wrap: anywhere; }}
table.data thead th {{ border-bottom: 1.5px solid {INK}; overflow-wrap: normal; }}
table.data .n {{ text-align: right; white-space: nowrap; padding-right: 14px; }}
table.facts th {{ font-weight: 600; width: 190px; white-space: nowrap; }}
table.facts td {{ font-variant-numeric: tabular-nums; }}
figure {{ margin: 12px 0; }}
figure svg {{ width: 100%; height: auto; display: block; }}
@media (max-width: 600px) {{
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0 10px; }}
  table.sheet {{ table-layout: fixed; }}
  table.facts th {{ white-space: normal; width: 110px; }}
  figure {{ overflow-x: auto; }}
  figure svg {{ min-width: 560px; }}
}}
@page {{ size: A4; margin: 14mm 12mm; }}
@media print {{
  body {{ font-size: 10pt; }}
  table.sheet {{ max-width: none; }}
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0; }}
  thead {{ display: table-header-group; }}
  .notice {{ margin: 0 0 4mm; font-size: 8.5pt; padding: 1.5mm 2.5mm; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  nav {{ display: none; }}
  .wide {{ overflow: visible; }}
  table.data, table.facts {{ font-size: 8pt; }}
  tr, figure, li, p {{ break-inside: avoid; }}
  table.sheet > tbody > tr, table.sheet > tbody > tr > td {{ break-inside: auto; }}
  h2, h3 {{ break-after: avoid; }}
  section.new {{ break-before: page; }}
  figure, ul.warn {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
