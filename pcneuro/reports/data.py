"""Numbers and texts for scripts of a page, as JSON that no text of a user can end."""

from __future__ import annotations

import json
import math
from typing import Any


def block(identity: str, value: Any) -> str:
    """An element with data as JSON; what would end it, or begin a comment in it, is written otherwise."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{identity}">{text}</script>'


def rounded(values: Any) -> list[float | None]:
    """Numbers with six digits, which is what a screen shows; None for what is not finite."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values]
