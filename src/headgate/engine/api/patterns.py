r"""The regular expressions of the service model, which are Java's, matched by Python's `re`.

`re` knows no Unicode categories (`\p{L}`). Instead of tables, every character of the *value* beyond ASCII is replaced
by one stand-in for its category, and `\p{L}` in the pattern becomes that stand-in and the ASCII characters of the
category. So the match is exact, and categories are as new as Python's own.
"""

import re
import unicodedata
from functools import cache

_STAND_INS = {"L": "\ue000", "M": "\ue001", "N": "\ue002", "P": "\ue003", "S": "\ue004", "Z": "\ue005", "C": "\ue006"}
_CATEGORY = re.compile(r"\\p\{([LMNPSZ])\}")
_QUANTIFIED_END = re.compile(r"\$\{\d+,\d+\}")
"""`$` repeated, which some patterns end in; it matches what `$` does and `re` refuses it."""


def matches(pattern: str, value: str) -> bool:
    """Whether the whole of `value` satisfies a pattern of the service model."""
    compiled, by_category = _compile(pattern)
    return compiled.fullmatch(_stand_ins(value) if by_category else value) is not None


@cache
def _compile(pattern: str) -> tuple[re.Pattern[str], bool]:
    plain = _QUANTIFIED_END.sub("", pattern)
    translated = _CATEGORY.sub(lambda found: _members(found[1]), plain)
    return re.compile(translated), translated != plain


@cache
def _members(category: str) -> str:
    ascii_members = (chr(code) for code in range(128) if unicodedata.category(chr(code))[0] == category)
    return "".join(re.escape(character) for character in ascii_members) + _STAND_INS[category]


def _stand_ins(value: str) -> str:
    return "".join(c if c.isascii() else _STAND_INS[unicodedata.category(c)[0]] for c in value)
