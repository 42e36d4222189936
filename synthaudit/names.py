"""Names that every output can hold: paths are bytes, and may be no text at all.

Names of files and classes are written as they are, but for a backslash, which is doubled, for a
byte that is no UTF-8 (``\\xff``) and for control characters, line ends, marks that turn the
direction of writing and lone surrogates (``\\u000a``). So no name breaks a line, a terminal, a
table or a log, no two names are written alike, and ``read_name`` gives the name back.
"""

from __future__ import annotations

import re
from typing import Final

_ODD: Final = re.compile(
    "[\\\\\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)
_WRITTEN: Final = re.compile(r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4})")
# Where Python puts the bytes that are no UTF-8 (PEP 383).
_BYTES: Final = (0xDC80, 0xDCFF)


def is_odd(name: str) -> bool:
    """Whether outputs write a name otherwise than it is."""
    return _ODD.search(name) is not None


def write_name(name: str) -> str:
    """A name as outputs have it; most are written as they are.

    Example:
        >>> print(write_name("caf\\udce9.png"))
        caf\\xe9.png
    """
    return _ODD.sub(_write, name) if is_odd(name) else name


def read_name(written: str) -> str:
    """The name that was written, for ``open`` and its like.

    Example:
        >>> read_name(write_name("two\\nlines.png")) == "two\\nlines.png"
        True
    """
    return _WRITTEN.sub(_read, written) if "\\" in written else written


def _write(match: re.Match[str]) -> str:
    sign = match[0]
    if sign == "\\":
        return "\\\\"
    code = ord(sign)
    if _BYTES[0] <= code <= _BYTES[1]:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}"


def _read(match: re.Match[str]) -> str:
    kind, digits = match[1][0], match[1][1:]
    if kind == "\\":
        return "\\"
    return chr(int(digits, 16) + (0xDC00 if kind == "x" else 0))


def printable(text: str) -> str:
    """A message on one line, without what moves a terminal's cursor.

    >>> print(printable("a\\x1b[2J \\nb"))
    a\\x1b[2J  b
    """
    line = text.replace("\r\n", " ").replace("\n", " ")
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in line
    )
