"""What is wrong with where things are in a figure."""

from itertools import combinations

from matplotlib.text import Text

from pcneuro.analysis.plot.arranging import MOST_ENTRIES, SMALLEST, covered

TOUCHING = 1.0
"""Pixels by which boxes of texts may overlap: these have room around the ink."""


def faults(figure):
    """In words: texts on one another, outside or too small, legends on curves or too long; none is a good figure."""
    figure.draw_without_rendering()
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    undrawn = set(_undrawn(figure))
    texts = [text for text in texts if text not in undrawn]
    found = [f"{t.get_text()!r} has {t.get_fontsize():g} pt" for t in texts if t.get_fontsize() < SMALLEST]
    boxes = [(text.get_text(), Text.get_window_extent(text)) for text in texts]
    for (one, first), (other, second) in combinations(boxes, 2):
        width = min(first.x1, second.x1) - max(first.x0, second.x0)
        height = min(first.y1, second.y1) - max(first.y0, second.y0)
        if min(width, height) > TOUCHING:
            found.append(f"{one!r} and {other!r} overlap")
    left, below, right, above = figure.bbox.padded(TOUCHING).extents
    for name, box in boxes:
        if box.x0 < left or box.y0 < below or box.x1 > right or box.y1 > above:
            found.append(f"{name!r} is outside")
    legends = [(ax, ax.get_legend()) for ax in figure.axes if ax.get_legend() is not None]
    found += [f"the legend of {ax} covers data" for ax, each in legends if covered(ax, each.get_window_extent())]
    for legend in (*figure.legends, *(each for _, each in legends)):
        if len(legend.get_texts()) > MOST_ENTRIES:
            found.append(f"a legend has {len(legend.get_texts())} entries")
        box = legend.get_window_extent()
        found += [f"a legend is on {ax}" for ax in figure.axes if legend in figure.legends and covered(ax, box)]
    return found


def _undrawn(figure):
    """Labels of ticks that are not drawn: outside of the axes' limits, or of axes without any."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            seen = axis._update_ticks() if ax.get_visible() and ax.axison and axis.get_visible() else []
            for tick in (*axis.majorTicks, *axis.minorTicks):
                if tick not in seen:
                    yield from (tick.label1, tick.label2)
