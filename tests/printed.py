"""Comparing what a program printed with what a document says that it prints."""

from __future__ import annotations

import re

NUMBER = r"(-?\d+(?:\.\d+)?)"


def assert_same(seen: str, expected: str) -> None:
    """Equal but for what `…` stands for, and nearly equal numbers.

    Decimal numbers may differ by 0.05 and counts by 3, because another processor's matrix products round differently,
    and a training run carries that on.
    """
    numbers: list[str] = []

    def pattern(part: str) -> str:
        pieces = re.split(NUMBER, part)
        numbers.extend(pieces[1::2])
        return "".join(NUMBER if i % 2 else re.escape(piece) for i, piece in enumerate(pieces))

    match = re.fullmatch(".*".join(map(pattern, expected.strip().split("…"))), seen.strip(), re.DOTALL)
    assert match, f"expected:\n{expected}\nseen:\n{seen}"
    for found, wanted in zip(match.groups(), numbers, strict=True):
        near = 0.05 if "." in wanted else 3
        assert abs(float(found) - float(wanted)) <= near, f"{found} for {wanted} in:\n{seen}"
