"""Text from plugins and files, made safe to print and to put into Markdown."""

import re
import textwrap
from decimal import Decimal

NONE = "–"
"""What stands where there is no number."""

_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#&])")


def plain(text: str, width: int | None = None) -> str:
    r"""Return one line without control or direction characters, cut to a width with an ellipsis.

    >>> plain("two\nlines\x1b[31m")
    'two lines\\x1b[31m'
    >>> plain("a long name", 6)
    'a lon…'
    """
    line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in " ".join(text.split()))
    return line if width is None or len(line) <= width else f"{line[: width - 1]}…"


def markdown(text: str, width: int | None = None) -> str:
    r"""Return one line that Markdown shows as it stands, inside a table cell too.

    >>> print(markdown("a|b <i> [x](y)"))
    a\|b \<i\> \[x\](y)
    """
    return _MARKDOWN.sub(r"\\\1", plain(text, width))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with that many significant digits and no exponent, or a dash without one.

    >>> number(0.04567), number(12.34), number(98765.4), number(None)
    ('0.0457', '12.3', '98765', '–')
    >>> number(4e-7)
    '0.0000004'
    """
    if value is None:
        return NONE
    if value == 0:
        return "0"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    if whole:
        return f"{value:.{max(digits - whole, 0)}f}"
    return f"{Decimal(f'{value:.{digits}g}'):f}"


def millions(value: float | None) -> str:
    """Return a count in millions or, from a thousand million on, in thousand millions.

    >>> millions(2458550), millions(1784100000), millions(None)
    ('2.46M', '1.78G', '–')
    """
    if value is None:
        return NONE
    return f"{number(value / 1e9)}G" if value >= 1e9 else f"{number(value / 1e6)}M"


def wrap(text: str, width: int) -> list[str]:
    """Return a line in as many as it takes for none to be longer, those after the first set in; one if it is empty."""
    return textwrap.wrap(text, width, subsequent_indent="  ") or [""]


def count(number: int, what: str) -> str:
    """Return a number of things, in words.

    >>> count(1, "job"), count(1200, "job")
    ('1 job', '1,200 jobs')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def at_least(text: str, short: bool) -> str:
    """Return a count as it stands, or marked as one that is known to be short.

    >>> at_least("2.46M", True), at_least("2.46M", False), at_least(NONE, True)
    ('≥2.46M', '2.46M', '–')
    """
    return f"≥{text}" if short and text != NONE else text
