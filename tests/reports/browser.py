"""A browser without a window, for tests of pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHROMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def browser(width: int = 1100, dark: bool = False) -> Iterator[Any]:
    """Chromium by selenium; the test is left out where one of them is missing."""
    webdriver = pytest.importorskip("selenium.webdriver")
    chrome = next((path for name in CHROMES if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if chrome is None or driver is None:
        pytest.skip("no chromium with chromedriver is installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chrome
    for each in ("--headless=new", "--no-sandbox", "--disable-gpu", f"--window-size={width},1000"):
        options.add_argument(each)
    if dark:
        options.add_argument("--force-dark-mode")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    made = webdriver.Chrome(options, webdriver.ChromeService(driver))
    try:
        if dark:
            features = [{"name": "prefers-color-scheme", "value": "dark"}]
            made.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        if width < 500:  # which is the least that a window can have
            metrics = {"width": width, "height": 800, "deviceScaleFactor": 2, "mobile": True}
            made.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield made
    finally:
        made.quit()


def complaints(driver: Any) -> list[str]:
    """What the page has said on the console."""
    return [entry["message"] for entry in driver.get_log("browser")]


CONTRAST = """
const parse = (c) => c.match(/[\\d.]+/g).map(Number);
const part = (v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
const light = (c) => { const [r, g, b] = c.map((v) => part(v / 255));
  return .2126 * r + .7152 * g + .0722 * b; };
const ground = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
  if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
let worst = [99, ""];
for (const e of document.querySelectorAll("main *")) {
  if (e.closest("svg") || e.tagName === "SCRIPT" || !e.checkVisibility()) continue;
  if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  const a = light(parse(getComputedStyle(e).color).slice(0, 3)), b = light(ground(e).slice(0, 3));
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < worst[0]) worst = [ratio, e.tagName + " " + e.className + ": " + e.textContent.slice(0, 60)];
}
return worst;
"""
"""The least contrast of text with its ground, by the definition of WCAG 2.1, and of what it is."""
