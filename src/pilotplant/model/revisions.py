"""Engineering revisions (`A` … `Z`, `AA` …) and the ordinal that puts them in order."""

LETTERS_MAX = 12
"""Longer ones have no place in the order: their ordinals would not fit into a record."""


def ordinal(revision: str) -> int:
    """`A` is 1, `Z` is 26, `AA` is 27. Anything that is not some letters has no place in the order: 0."""
    if len(revision) > LETTERS_MAX or not (revision.isascii() and revision.isalpha() and revision.isupper()):
        return 0
    number = 0
    for letter in revision:
        number = number * 26 + ord(letter) - 64
    return number


def letters(number: int) -> str:
    """The revision with this ordinal."""
    text = ""
    while number > 0:
        number, remainder = divmod(number - 1, 26)
        text = chr(65 + remainder) + text
    return text


def following(revision: str) -> str:
    """The revision after this one."""
    return letters(ordinal(revision) + 1)
