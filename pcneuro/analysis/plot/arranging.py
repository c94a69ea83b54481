"""What is done to a figure once all is drawn: legends off the curves, titles beside letters, labels at lines."""

from __future__ import annotations

import string
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pcneuro.analysis.plot.line_labels import label_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend
    from matplotlib.transforms import Bbox

MOST_ENTRIES = 8
"""Of a legend; more lines are labelled where they end."""
SMALLEST = 6.0
"""Points: no text is smaller."""
PLACES = ("upper right", "upper left", "lower right", "lower left", "center right", "center left", "upper center",
          "lower center", "center")  # fmt: skip
PASSES = 4
"""A legend that moves changes the layout, and by that what the others cover."""
NARROWEST = 10
"""Letters of a line of a title."""
GAP = 3.0
"""Points between a title and the letter beside it."""


def arrange(figure: Figure) -> None:
    """Put legends where they cover nothing, name many lines where they end, and wrap titles that meet a letter.

    Panels with the same entries share one legend below all of them. To be called last, before the figure is saved.
    """
    _raise_text(figure)
    _letter(figure)
    _label_many(figure)
    _share_legends(figure)
    for _ in range(PASSES):
        figure.draw_without_rendering()
        # Both, each time: a list, since any() would leave the rest to the next pass.
        if not any([*(_wrap_title(ax) for ax in figure.axes), *(_move_legend(ax) for ax in figure.axes)]):
            return


def covered(ax: Axes, box: Bbox) -> bool:
    """Whether some of what is drawn in axes is within a box on the canvas. What lies behind all else does not count."""
    from matplotlib.transforms import Bbox

    # What reaches beyond the axes is clipped there.
    inside = Bbox.intersection(box, ax.get_window_extent())
    if inside is None:
        return False
    box = inside
    if ax.images:
        return True
    for line in ax.lines:
        if line.get_visible() and line.get_zorder() > 0 and np.size(line.get_xdata()):
            path = line.get_path().cleaned(line.get_transform(), remove_nans=True)
            if _meets(path, box, filled=False):
                return True
    if any(_patch_meets(patch, box) for patch in ax.patches if patch.get_visible() and patch.get_zorder() > 0):
        return True
    if any(_collection_meets(each, box) for each in ax.collections if each.get_visible() and each.get_zorder() > 0):
        return True
    return any(text.get_text() and box.overlaps(text.get_window_extent()) for text in ax.texts if text.get_visible())


def _meets(path: Any, box: Bbox, filled: bool) -> bool:
    # Of a cleaned path the last vertex is that of STOP, at the origin.
    vertices, codes = path.vertices, path.codes
    if codes is not None and len(codes) and codes[-1] == path.STOP:
        path = type(path)(vertices[:-1], codes[:-1])
    if not len(path.vertices):
        return False
    inside = (path.vertices > box.min).all(axis=1) & (path.vertices < box.max).all(axis=1)
    return bool(inside.any() or path.intersects_bbox(box, filled=filled))


def _patch_meets(patch: Any, box: Bbox) -> bool:
    return _meets(patch.get_path().transformed(patch.get_transform()), box, filled=patch.get_fill())


def _collection_meets(collection: Any, box: Bbox) -> bool:
    from matplotlib.collections import PathCollection, QuadMesh

    if isinstance(collection, QuadMesh):
        return bool(box.overlaps(collection.get_window_extent()))
    if isinstance(collection, PathCollection):
        points = collection.get_offset_transform().transform(np.ma.filled(collection.get_offsets(), np.nan))
        return bool(((points > box.min) & (points < box.max)).all(axis=1).any())
    transform = collection.get_transform()
    return any(
        _meets(path.cleaned(transform, remove_nans=True), box, filled=bool(len(collection.get_facecolor())))
        for path in collection.get_paths()
    )


def _raise_text(figure: Figure) -> None:
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        if float(text.get_fontsize()) < SMALLEST:
            text.set_fontsize(SMALLEST)


def _letter(figure: Figure) -> None:
    """a, b, c, ... at the upper left corners of several panels, row by row, for captions to refer to."""
    panels = [ax for ax in figure.axes if ax.get_visible() and ax.axison and not hasattr(ax, "_colorbar")]
    panels = [ax for ax in panels if ax.get_subplotspec() is not None and not ax.get_title(loc="left")]
    if len(panels) < 2:
        return
    alphabet = string.ascii_lowercase
    letters = (first + second for first in ("", *alphabet) for second in alphabet)
    for letter, ax in zip(letters, sorted(panels, key=_reading_order), strict=False):
        ax.set_title(letter, loc="left", fontweight="bold")


def _reading_order(ax: Axes) -> tuple[float, float]:
    box = ax.get_position(original=True)
    return -round(box.y1, 2), round(box.x0, 2)


def _entries(legend: Legend) -> list[str]:
    return [text.get_text() for text in legend.get_texts()]


def _label_many(figure: Figure) -> None:
    """Take lines out of legends with too many entries, and name them where they end."""
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None and len(_entries(legend)) > MOST_ENTRIES:
            _without(legend, label_lines([ax], _entries(legend)), lambda h, n, ax=ax, **k: ax.legend(h, n, **k))
    for legend in list(figure.legends):
        if len(_entries(legend)) > MOST_ENTRIES:
            _without(legend, label_lines(figure.axes, _entries(legend)), figure.legend)


def _without(legend: Legend, named: set[str], again: Any) -> None:
    """Draw a legend again without the entries that have been named elsewhere; where none has been, some of them."""
    pairs = list(zip(legend.legend_handles, _entries(legend), strict=True))
    kept = [(handle, name) for handle, name in pairs if name not in named]
    if len(kept) > MOST_ENTRIES:
        kept = [kept[index] for index in np.linspace(0, len(kept) - 1, MOST_ENTRIES).round().astype(int)]
    title, outside = legend.get_title().get_text(), getattr(legend, "_outside_loc", None)
    legend.remove()
    if kept:
        place = f"outside {'right upper' if outside == 'right' else 'lower center'}" if outside else "best"
        again([handle for handle, _ in kept], [name for _, name in kept], title=title or None, loc=place)


def _share_legends(figure: Figure) -> None:
    """Where several panels have the same entries, one legend for all of them."""
    groups: dict[tuple[str, ...], list[Axes]] = {}
    for ax in figure.axes:
        legend = ax.get_legend()
        if legend is not None and legend.get_visible():
            groups.setdefault(tuple(_entries(legend)), []).append(ax)
    for names, axes in groups.items():
        if len(axes) < 2 or len(groups) > 1 or figure.legends:
            continue
        first: Any = axes[0].get_legend()
        handles, title = list(first.legend_handles), first.get_title().get_text()
        for ax in axes:
            each = ax.get_legend()
            assert each is not None
            each.remove()
        columns = _columns(figure, names, first)
        figure.legend(handles, names, title=title or None, loc="outside lower center", ncols=columns)


def _columns(figure: Figure, names: Sequence[str], legend: Legend) -> int:
    """How many entries stand side by side in a figure, by their letters."""
    size = float(legend.get_texts()[0].get_fontsize())
    longest = max(max(map(len, name.split("\n"))) for name in names)
    return int(np.clip(figure.get_figwidth() * 72 // (0.6 * size * longest + 4 * size), 1, len(names)))


def _move_legend(ax: Axes) -> bool:
    """Move a legend that covers something to where it does not, else beside the axes; whether it has been moved."""
    legend: Any = ax.get_legend()
    if legend is None or not legend.get_visible():
        return False
    box = legend.get_window_extent()
    if not box.overlaps(ax.get_window_extent()) or not covered(ax, box):
        return False
    frame = ax.get_window_extent()
    if box.width < frame.width and box.height < frame.height:
        for place in PLACES:
            legend.set_loc(place)
            if not covered(ax, legend.get_window_extent()):
                return True
    _put_outside(ax, legend)
    return True


def _put_outside(ax: Axes, legend: Any) -> None:
    """Beside the axes, where nothing else is; else below all of them."""
    spec, figure = ax.get_subplotspec(), ax.get_figure(root=True)
    assert figure is not None
    if spec is None or spec.is_last_col() or figure.legends:
        legend.set_loc("center left")
        legend.set_bbox_to_anchor((1.0, 0.5), transform=ax.transAxes)
        return
    handles, names, title = list(legend.legend_handles), _entries(legend), legend.get_title().get_text()
    legend.remove()
    columns = _columns(figure, names, legend)
    figure.legend(handles, names, title=title or None, loc="outside lower center", ncols=columns)


def _wrap_title(ax: Axes) -> bool:
    """Wrap a title that is wider than its axes, or meets the letter at their corner; whether it has been."""
    title = ax.title
    text = title.get_text()
    if not text or not title.get_visible():
        return False
    letter = ax._left_title  # type: ignore[attr-defined]
    gap = GAP * ax.figure.dpi / 72
    beside = letter.get_window_extent().width + gap if letter.get_text() else 0.0
    room = ax.get_window_extent().width - 2 * beside
    width = title.get_window_extent().width
    longest = max(map(len, text.split("\n")))
    if width <= room or room <= 0:
        return False
    size = float(title.get_fontsize())
    letters = max(int(longest * room / width), NARROWEST)
    wrapped = "\n".join(
        line for part in text.split("\n") for line in textwrap.wrap(part, letters, break_long_words=False) or [""]
    )
    if wrapped == text and size > SMALLEST:
        title.set_fontsize(max(size - 1, SMALLEST))
        return True
    title.set_text(wrapped)
    return wrapped != text
