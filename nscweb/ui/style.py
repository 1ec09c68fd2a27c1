"""The look that all pages share: one style sheet, quiet colours, Okabe-Ito accents, usable at phone width."""

from __future__ import annotations

from functools import lru_cache

import streamlit as st
from PIL import Image, ImageDraw

INK = "#1d2733"
MUTED = "#5b6775"
ACCENT = "#0072B2"

_CSS = """
[data-testid="stMainBlockContainer"] {max-width: 1180px; padding: 2.8rem 2rem 4rem 2rem;}
[data-testid="stHeader"] {height: 2.6rem; min-height: 2.6rem; background: transparent;}
[data-testid="stSidebarHeader"] {height: 2.2rem; min-height: 2.2rem; margin-bottom: 0;}
[data-testid="stSidebar"] [data-testid="stSidebarUserContent"] {padding-top: 0.4rem;}
[data-testid="stSidebar"] {background: #f6f8fa; border-right: 1px solid #dfe4ea;}
h1 {font-size: 1.9rem !important; letter-spacing: -0.01em; padding: 0 0 0.1rem 0 !important;}
h2 {font-size: 1.3rem !important; padding: 0.9rem 0 0.2rem 0 !important;}
h3 {font-size: 1.05rem !important; padding: 0.5rem 0 0.1rem 0 !important;}
.nsc-brand {font-weight: 700; font-size: 1.25rem; color: #1d2733; line-height: 1.2; padding: 0.2rem 0 0.1rem 0.5rem;}
.nsc-brand small {display: block; font-weight: 400; font-size: 0.82rem; color: #5b6775; margin-top: 0.15rem;}
.nsc-foot {font-size: 0.8rem; color: #5b6775; border-top: 1px solid #dfe4ea; margin-top: 1.6rem; padding-top: 0.7rem;}
.nsc-side-note {font-size: 0.8rem; color: #5b6775; padding: 0.4rem 0.5rem;}
.nsc-task {color: #5b6775; font-size: 1.02rem; margin: -0.35rem 0 0.2rem 0;}
.nsc-lead {color: #44505d; font-size: 1.05rem; line-height: 1.55; max-width: 48rem; margin: 0.2rem 0 0.3rem 0;}
.nsc-simulated {display: flex; gap: 0.6rem; align-items: baseline; background: #fff6e0; color: #5c4300;
  border: 1px solid #f0d48a; border-left: 5px solid #E69F00; border-radius: 6px; padding: 0.45rem 0.8rem; font-size: 0.92rem;}
.nsc-simulated b {white-space: nowrap;}
.nsc-warn {background: #fdf3ee; color: #6b2f00; border: 1px solid #f1cdb5; border-left: 5px solid #D55E00;
  border-radius: 6px; padding: 0.5rem 0.8rem; font-size: 0.94rem; margin-bottom: 0.35rem;}
.nsc-warn summary {cursor: pointer;}
.nsc-warn ul {margin: 0.15rem 0 0 1.1rem; padding: 0;}
.nsc-warn li {margin: 0.1rem 0; font-size: 0.94rem;}
.nsc-note {background: #eef5fa; color: #1d3b53; border: 1px solid #cfe1ee; border-left: 5px solid #0072B2;
  border-radius: 6px; padding: 0.5rem 0.8rem; font-size: 0.94rem;}
.nsc-error {background: #fdecea; color: #611a15; border: 1px solid #f3c1bc; border-left: 5px solid #b3261e;
  border-radius: 6px; padding: 0.7rem 0.9rem;}
.nsc-error p {margin: 0.2rem 0;} .nsc-error code {font-size: 0.8rem; color: #611a15; background: none; padding: 0;}
.nsc-empty {border: 1.5px dashed #c4ccd6; border-radius: 10px; padding: 1.3rem 1.4rem; color: #44505d; background: #fbfcfd;}
.nsc-empty b {display: block; font-size: 1.05rem; color: #1d2733; margin-bottom: 0.2rem;}
.nsc-facts {display: grid; grid-template-columns: repeat(auto-fit, minmax(128px, 1fr)); gap: 0.6rem; margin: 0.2rem 0 0.4rem 0;}
.nsc-fact {border: 1px solid #dfe4ea; border-radius: 8px; padding: 0.55rem 0.75rem; background: #fff;}
.nsc-fact .v {font-size: 1.35rem; font-weight: 650; color: #1d2733; line-height: 1.2; font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;}
.nsc-fact .k {font-size: 0.8rem; color: #5b6775;}
.nsc-fact .d {font-size: 0.78rem; color: #5b6775;}
.nsc-kv {width: 100%; border-collapse: collapse; font-size: 0.92rem;}
.nsc-kv td {border-bottom: 1px solid #e8ecf0; padding: 0.28rem 0.6rem 0.28rem 0; vertical-align: top; overflow-wrap: anywhere;}
.nsc-kv td:first-child {color: #5b6775; width: 11.5rem; overflow-wrap: normal;}
.nsc-list {margin: 0.1rem 0 0.4rem 1.1rem; padding: 0; font-size: 0.95rem;} .nsc-list li {margin: 0.15rem 0;}
.nsc-findings {width: 100%; border-collapse: collapse; font-size: 0.92rem;}
.nsc-findings th {text-align: left; color: #5b6775; font-weight: 600; border-bottom: 1.5px solid #c4ccd6; padding: 0.25rem 0.7rem 0.25rem 0;}
.nsc-findings td {border-bottom: 1px solid #e8ecf0; padding: 0.32rem 0.7rem 0.32rem 0; vertical-align: top; overflow-wrap: anywhere;}
.nsc-findings td.n {text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap;}
.nsc-findings th:nth-child(1) {width: 7.5rem;} .nsc-findings th:nth-child(2) {width: 5.5rem; text-align: right;}
.nsc-findings small {color: #5b6775;}
.nsc-scroll {overflow-x: auto;}
.nsc-tag {display: inline-block; border-radius: 4px; padding: 0 0.45rem; font-size: 0.8rem; font-weight: 600; white-space: nowrap;
  background: #e9eef3; color: #33404d;}
.nsc-tag.refuse, .nsc-tag.skip {background: #fbe0dc; color: #7c1d12;} .nsc-tag.warn {background: #fdeadb; color: #7a3a00;}
.nsc-grid {display: grid; gap: 10px; grid-template-columns: repeat(auto-fill, minmax(var(--tile, 120px), 1fr));}
.nsc-cell {margin: 0; border: 1px solid #dfe4ea; border-radius: 8px; padding: 6px; background: #fff; min-width: 0;}
.nsc-cell .pair {display: flex; gap: 4px; justify-content: center;}
.nsc-cell .frame {display: flex; flex: 1 1 0; min-width: 0; background: #eef1f4; border-radius: 4px; align-items: center;
  justify-content: center; overflow: hidden;}
.nsc-cell .picture {position: relative;}
.nsc-cell img {width: 100%; height: auto; display: block;}
.nsc-cell figcaption {font-size: 0.78rem; color: #33404d; line-height: 1.35; padding-top: 4px; overflow-wrap: anywhere;}
.nsc-cell figcaption .o {color: #5b6775;}
.nsc-dot {display: inline-block; width: 0.7em; height: 0.7em; border-radius: 50%; margin-right: 0.3em; vertical-align: baseline;}
.nsc-bars {margin-top: 4px; display: grid; grid-template-columns: auto 1fr auto; gap: 1px 6px; font-size: 0.76rem; align-items: center;}
.nsc-bars .b {background: #eef1f4; height: 7px; border-radius: 4px; overflow: hidden;} .nsc-bars .b i {display: block; height: 100%;}
.nsc-bars .n {text-align: right; font-variant-numeric: tabular-nums; color: #33404d;}
.nsc-scale {position: absolute; white-space: nowrap; right: 5px; bottom: 4px; font-size: 10px; color: #fff; text-align: center;
  text-shadow: 0 0 2px #000, 0 0 2px #000; line-height: 1.1;}
.nsc-scale i {display: block; height: 3px; background: #fff; box-shadow: 0 0 1.5px #000; margin-top: 1px;}
.nsc-ramp {display: flex; align-items: center; gap: 0.6rem; font-size: 0.8rem; color: #5b6775;}
.nsc-ramp i {flex: 0 0 140px; height: 10px; border-radius: 3px;}
.nsc-answer {border: 1px solid #dfe4ea; border-left: 6px solid; border-radius: 8px; padding: 0.7rem 1rem; background: #fff;}
.nsc-answer .verdict {display: inline-block; color: #fff; font-weight: 650; font-size: 0.86rem; border-radius: 5px; padding: 0.08rem 0.6rem;
  overflow-wrap: anywhere;}
.nsc-answer .said {font-size: 1.14rem; line-height: 1.45; color: #1d2733; margin-top: 0.3rem; overflow-wrap: anywhere;}
.nsc-answer .nsc-list {color: #44505d; margin: 0.45rem 0 0 0; padding-left: 1.1rem;}
.nsc-answer .when {font-size: 0.84rem; color: #5b6775; margin-top: 0.55rem;}
.nsc-answer .times {list-style: none; display: grid; grid-template-columns: repeat(auto-fit, minmax(136px, 1fr)); gap: 0.4rem; margin: 0.25rem 0 0 0;
  padding: 0;}
.nsc-answer .times li {border: 1px solid #dfe4ea; border-radius: 6px; padding: 0.25rem 0.5rem; margin: 0; display: grid; font-size: 0.86rem;
  grid-template-columns: 1fr auto; line-height: 1.3; align-content: start; overflow-wrap: anywhere;}
.nsc-answer .times li.here {border-color: #0072B2; box-shadow: inset 0 0 0 1px #0072B2;}
.nsc-answer .times li.few {background: #f6f7f9; color: #5b6775;} .nsc-answer .times li.few em {font-weight: 400;}
.nsc-answer .times small {color: #5b6775;} .nsc-answer .times b {text-align: right;}
.nsc-answer .times em {font-style: normal; font-weight: 650; text-align: right; padding-left: 0.4rem; font-variant-numeric: tabular-nums;}
.nsc-answer details {margin-top: 0.35rem; font-size: 0.93rem; color: #44505d;}
.nsc-answer .early {overflow-x: auto;} .nsc-answer .early table {border-collapse: collapse; font-variant-numeric: tabular-nums;}
.nsc-answer .early th, .nsc-answer .early td {padding: 0.12rem 0.6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #eef1f4;}
.nsc-answer .early th {font-weight: 500; color: #44505d;} .nsc-answer .early tr > th:first-child {text-align: left; position: sticky; left: 0;
  background: #fff; white-space: normal; min-width: 6rem; line-height: 1.25;}
.nsc-answer .early small {color: #5b6775;} .nsc-answer .early i {font-style: normal;}
.nsc-answer summary {cursor: pointer; color: #0072B2; padding: 0.35rem 0; width: fit-content;}
@media (pointer: coarse) {
  [data-testid="stBaseButton-primary"], [data-testid="stBaseButton-secondary"], [data-testid="stBaseButton-tertiary"],
  [data-testid="stButtonGroup"] button, [data-testid="stMain"] [role="tab"], [data-testid="stPageLink-NavLink"],
  [data-testid="stExpander"] summary, .nsc-answer summary, .nsc-warn summary {min-height: 44px; align-content: center;}
  [data-testid="stHeader"] button {min-width: 44px; min-height: 44px;} [data-testid="stTooltipIcon"] button {min-width: 44px; min-height: 32px;}
  .modebar-btn {padding: 6px 7px !important;} .modebar-btn svg {width: 20px; height: 20px;}
}
@media (max-width: 640px) {
  .nsc-answer .early th, .nsc-answer .early td {padding: 0.12rem 0.35rem;}
  .nsc-answer {padding: 0.6rem 0.75rem;} .nsc-answer .said {font-size: 1.05rem;}
  [data-testid="stTabs"] [role="tablist"] {flex-wrap: wrap; row-gap: 0.2rem; overflow: visible;}
  [data-testid="stMainBlockContainer"] {padding: 3.2rem 0.9rem 3rem 0.9rem;}
  [data-testid="stHeader"] {background: #fff;}
  h1 {font-size: 1.55rem !important;}
  .nsc-kv td:first-child {width: 8rem;}
  .nsc-findings tr:first-child {display: none;} .nsc-findings tr {display: grid; grid-template-columns: auto 1fr; column-gap: 0.6rem;
    border-bottom: 1px solid #e8ecf0; padding: 0.4rem 0;}
  .nsc-findings td, .nsc-findings td.n {border: 0; padding: 0.05rem 0; text-align: left; color: #5b6775;} .nsc-findings td.n::after {content: " times";}
  .nsc-findings td.n.once {visibility: hidden;} .nsc-findings td:last-child {grid-column: 1 / -1; color: inherit;}
  .nsc-simulated {flex-direction: column; gap: 0.1rem;}
}
"""  # noqa: E501


def apply_style() -> None:
    """Put the style sheet into the page; it contains nothing that came from a user."""
    st.html(f"<style>{_CSS}</style>")


@lru_cache(maxsize=1)
def page_icon() -> Image.Image:
    """A cell with processes, drawn here: named icons and emoji in the tab are fetched from other servers."""
    size = 256
    icon = Image.new("RGBA", (size, size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(icon)
    for end, colour in (((36, 44), "#009E73"), ((226, 70), "#E69F00"), ((150, 236), ACCENT)):
        draw.line((128, 128, *end), fill=colour, width=26)
        draw.ellipse((end[0] - 22, end[1] - 22, end[0] + 22, end[1] + 22), fill=colour)
    draw.ellipse((62, 62, 194, 194), fill=ACCENT)
    draw.ellipse((104, 98, 158, 152), fill="#d7e9f5")
    return icon.resize((64, 64), Image.Resampling.LANCZOS)
