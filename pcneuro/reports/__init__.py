"""Reports: one page of HTML with everything in it, which loads nothing from elsewhere."""

from pcneuro.reports.circuit import circuit_part
from pcneuro.reports.courses import Course, courses_part
from pcneuro.reports.page import document, heading, write_page
from pcneuro.reports.parts import facts, lines, note, picture, table, tiles, wide
from pcneuro.reports.vectors import svg

__all__ = [
    "Course",
    "circuit_part",
    "courses_part",
    "document",
    "facts",
    "heading",
    "lines",
    "note",
    "picture",
    "svg",
    "table",
    "tiles",
    "wide",
    "write_page",
]
