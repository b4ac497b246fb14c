"""What stands for a missing number in CSV: one rule for the files that are learnt from and for requests.

In a column of text these are words like others (`None` is a level of education, `NA` a continent): there only the empty
field is missing. JSON has `null`.
"""

MISSING = frozenset({"", "na", "nan", "null", "none"})


def is_missing(text: str) -> bool:
    """Whether a field of a numeric column holds no value."""
    return text.strip().lower() in MISSING
