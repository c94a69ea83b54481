"""The report of a run in a real browser: it is shown without complaints, by mouse, keys and screen readers."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

import pcneuro as pcn
from pcneuro.reports import Course, circuit_part, courses_part, document, facts, heading, note, table, tiles
from tests.circuits_for_tests import mlp
from tests.reports.browser import CONTRAST, browser, complaints

AA = 4.5
"""The contrast of text that WCAG 2.1 asks for at its level AA."""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The address of a page with each kind of part."""
    time = np.arange(0.0, 300.0)
    records = xarray.Dataset({"h.error": (("time", "unit"), np.sin(time[:, None] / [20, 30]))}, {"time": time})
    parts = [
        heading("A run", "What it is.", "completed"),
        note("diverged: something to see"),
        tiles([("1.5", "loss"), ("97 %", "accuracy")]),
        table(["parameter", "a rather long title of a column"] * 4, [["W1", "1.0"] * 4] * 3, "numbers"),
        circuit_part(pcn.build_circuit(mlp([3, 4, 2]))),
        courses_part(list(Course.of(records))),
        facts({"versions": {"numpy": "2.3"}}, "settings"),
    ]
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(document("A run", parts), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize(("width", "dark"), [(1100, False), (390, True)])
def test_it_is_shown(page, width, dark):
    with browser(width, dark) as driver:
        driver.get(page)
        assert complaints(driver) == []
        assert driver.find_elements("css selector", ".course canvas")
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width
        ratio, what = driver.execute_script(CONTRAST)
        assert ratio >= AA, what


def test_a_circuit_tells_what_one_points_at(page):
    with browser() as driver:
        from selenium.webdriver.common.keys import Keys

        driver.get(page)
        details = driver.find_element("css selector", ".circuit .details")
        parts = {part.get_attribute("aria-label").partition(",")[0]: part for part in _parts(driver)}
        value = parts["h1.value: value neurons"]
        driver.execute_script("arguments[0].dispatchEvent(new MouseEvent('mouseenter'))", value)
        assert "neurons\n" in details.text
        assert "dv/dt" not in details.text
        driver.execute_script("arguments[0].focus()", value)
        value.send_keys(Keys.ENTER)
        assert "dv/dt = (f_" in details.text
        view = driver.find_element("css selector", ".circuit .view")
        drawn = view.find_element("css selector", "svg")
        before = drawn.get_dom_attribute("viewBox")
        view.send_keys("+")
        assert drawn.get_dom_attribute("viewBox") != before
        view.send_keys("0")
        again, whole = (np.array(box.split(), float) for box in (drawn.get_dom_attribute("viewBox"), before))
        np.testing.assert_allclose(again, whole, rtol=1e-6)  # browsers have it in single precision
        assert complaints(driver) == []


def test_a_course_is_zoomed_by_keys(page):
    with browser() as driver:
        from selenium.webdriver.common.keys import Keys

        driver.get(page)
        place = driver.find_element("css selector", ".course")

        def pixels():
            return driver.execute_script("return arguments[0].querySelector('canvas').toDataURL()", place)

        def shown(key):
            place.send_keys(key)
            driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
            return pixels()

        whole = pixels()
        near = shown("+")
        assert near != whole
        assert shown(Keys.ARROW_LEFT) != near
        assert shown("0") == whole
        assert shown("-") == whole  # there is no more than all
        assert complaints(driver) == []


def _parts(driver):
    return driver.find_elements("css selector", ".circuit .part")


def test_a_circuit_of_layers_is_told_of_too(tmp_path):
    scheme = pcn.passes.Laminar(pcn.passes.Scheme.named("bastos_2012"))
    circuit = pcn.passes.apply(pcn.build_circuit(mlp([3, 4, 2])), [scheme])
    path = tmp_path / "layers.html"
    path.write_text(document("layers", [circuit_part(circuit)]), encoding="utf-8")
    with browser() as driver:
        driver.get(path.as_uri())
        assert len(_parts(driver)) >= len(circuit.nx)
        assert complaints(driver) == []
