"""The order of engineering revisions."""


def ordinal(revision: str) -> int:
    """`A` is 1, `Z` is 26, `AA` is 27. As text, `AA` would stand before `B`."""
    number = 0
    for letter in revision:
        if not "A" <= letter <= "Z":
            raise ValueError(f"{revision!r} is not a revision; revisions are capital letters")
        number = number * 26 + ord(letter) - 64
    return number
