"""What somebody probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_FEW = 8


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that is most like `word`, or None when none is near."""
    by_lower = {each.lower(): each for each in known}
    return next((by_lower[each] for each in get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)), None)


def near(word: str, known: Iterable[str]) -> str:
    """Return `did you mean …?`, else the list of what there is when it is short, else nothing."""
    words = list(known)
    if (best := nearest(word, words)) is not None:
        return f"did you mean {best}?"
    if not words:
        return "nothing is expected here"
    if len(words) > _FEW:
        return f"expected one of {len(words)}, such as {', '.join(words[:_FEW])}"
    return f"expected one of {', '.join(words)}" if len(words) > 1 else f"expected {words[0]}"
