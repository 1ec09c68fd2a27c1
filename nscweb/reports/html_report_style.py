"""Styles of the HTML report: quiet on the screen, dark ink on white paper, no part of a row on two pages."""

from __future__ import annotations

from nscweb.reports.style import FONT, GRID, INK, MUTED

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #fff; color: {INK}; font: 15px/1.45 {FONT}; }}
table.sheet {{ width: 100%; max-width: 1120px; margin: 0 auto; border-collapse: collapse; table-layout: fixed; }}
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
nav ol {{ columns: 3 180px; font-size: 14px; padding-left: 24px; }}
nav a {{ color: #0059a0; }}
.references {{ font-size: 13px; color: {MUTED}; }}
.wide {{ overflow-x: auto; }}
.wide:focus-visible {{ outline: 2px solid #0059a0; }}
table.data, table.facts {{ border-collapse: collapse; font-size: 13px; margin: 8px 0; }}
table.data {{ width: 100%; font-variant-numeric: tabular-nums; }}
table.data caption {{ text-align: left; color: {MUTED}; padding: 2px 0; }}
table.data th, table.data td, table.facts th, table.facts td {{ text-align: left; padding: 3px 8px 3px 0;
  border-bottom: 1px solid {GRID}; vertical-align: top; }}
table.data tbody th {{ font-weight: 400; }}
table.data thead th {{ border-bottom: 1.5px solid {INK}; vertical-align: bottom; }}
table.data thead tr.over th {{ border-bottom: 1px solid {MUTED}; text-align: center; }}
table.data thead tr.over td {{ border-bottom: 0; }}
table.data .n {{ text-align: right; padding-right: 12px; }}
table.data tbody .n {{ white-space: nowrap; }}
table.facts th {{ font-weight: 600; width: 190px; }}
table.facts td {{ font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
figure {{ margin: 12px 0; }}
figure svg {{ width: 100%; height: auto; display: block; }}
.narrow {{ display: none; }}
@media (max-width: 600px) {{
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0 10px; }}
  table.facts th {{ width: 110px; }}
  table.data {{ font-size: 12px; }}
  nav ol {{ columns: 1; }}
  nav li {{ padding: 4px 0; }}
}}
@media screen and (max-width: 600px) {{
  .wide:not(.cards) {{ background: linear-gradient(90deg, #fff 40%, #fff0) 0 0 / 36px 100% local,
    linear-gradient(270deg, #fff 40%, #fff0) 100% 0 / 36px 100% local,
    linear-gradient(90deg, #0004, #0000) 0 0 / 12px 100% scroll,
    linear-gradient(270deg, #0004, #0000) 100% 0 / 12px 100% scroll; background-repeat: no-repeat; }}
  .cards table.data, .cards tbody, .cards tbody tr, .cards tbody th, .cards tbody td,
    .cards caption {{ display: block; }}
  .cards thead {{ display: none; }}
  .cards table.data tbody tr {{ border: 1px solid {GRID}; border-radius: 6px; padding: 6px 10px; margin: 8px 0; }}
  .cards table.data tbody th {{ font-weight: 600; font-size: 15px; border: 0; padding: 0 0 2px; }}
  .cards table.data tbody td, .cards table.data tbody td.n {{ display: flex; justify-content: space-between; gap: 12px;
    text-align: right; padding: 2px 0; border: 0; border-top: 1px solid {GRID}; }}
  .cards td::before {{ content: attr(data-label); text-align: left; color: {MUTED}; white-space: normal;
    max-width: 60%; }}
  .broad {{ display: none; }}
  .narrow {{ display: block; }}
}}
@page {{ size: A4; margin: 11mm 12mm; }}
@media print {{
  body {{ font-size: 9pt; line-height: 1.35; }}
  table.sheet {{ max-width: none; }}
  table.sheet > tbody > tr > td, table.sheet > thead > tr > td {{ padding: 0; }}
  thead {{ display: table-header-group; }}
  .notice {{ margin: 0 0 3mm; font-size: 7.5pt; padding: 1mm 2mm; line-height: 1.25; print-color-adjust: exact;
    -webkit-print-color-adjust: exact; }}
  nav {{ display: none; }}
  h1 {{ font-size: 17pt; margin-top: 1mm; }}
  h2 {{ font-size: 12.5pt; margin: 5mm 0 1.5mm; }}
  h3 {{ font-size: 10pt; margin: 3mm 0 1mm; }}
  p.lead {{ font-size: 12.5pt; }}
  header p, .small, figcaption, .references {{ font-size: 8pt; }}
  .wide {{ overflow: visible; }}
  .pair {{ display: grid; grid-template-columns: 1fr 1fr; gap: 0 7mm; align-items: start; }}
  table.data, table.facts {{ font-size: 7.5pt; line-height: 1.2; margin: 1mm 0 2mm; }}
  table.data th, table.data td, table.facts th, table.facts td {{ padding: 0.45mm 1.6mm 0.45mm 0; }}
  table.data .n {{ padding-right: 2mm; }}
  table.data.small, .pair table.data, .dense table.data {{ font-size: 6.8pt; }}
  table.facts th {{ width: 38mm; }}
  tr, figure, li, p, .short {{ break-inside: avoid; }}
  table.sheet > tbody > tr, table.sheet > tbody > tr > td {{ break-inside: auto; }}
  h2, h3, h3 + p.small, caption {{ break-after: avoid; }}
  figure {{ margin: 2mm 0; }}
  section.new {{ break-before: page; }}
  section.new > h2 {{ margin-top: 1mm; }}
  figure, ul.warn {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
