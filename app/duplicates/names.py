"""Names as they are compared when somebody may have typed them twice: letters without accents, no legal forms.

Coarser than `kernel.contact`, whose forms decide what is one: here a false likeness costs somebody a look.
"""

import re
import unicodedata
from functools import lru_cache

from rapidfuzz.distance import OSA

_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "&": " "}
)
_APOSTROPHES = dict.fromkeys(map(ord, "'`´‘’"))  # noqa: RUF001 - however typed
_WORDS = re.compile(r"[^\W_]+")
_DOTTED = re.compile(r"\b(?:[^\W\d_][.\s]\s?){1,5}[^\W\d_]\b\.?")
_UMLAUTS = (("ae", "a"), ("oe", "o"), ("ue", "u"))  # Müller and Mueller are one; so are Bluemel and Blumel, for a look
_JOINING = frozenset("and und et y e og och en the".split())  # noqa: SIM905
_LEGAL = frozenset(
    """
    ab ag amba ans aps as asa bhd bv bvba cia co company corp corporation cv cvba doo dba eeig eg ehf eirl ek eu ev gbr
    gesmbh gie gmbh haftungsbeschrankt hf inc incorporated kft kg kgaa kk lda limited llc llp lp ltd ltda mbh nv od oy
    oyj ohg ood eood plc pllc pte pty pvt sa sab saic sarl sas sasu sc sca scs sdn se sia sk sl slu snc sp spa spol sprl
    spzoo srl srls sro ug uab vof zoo zrt
    """.split()  # noqa: SIM905
)

_LONG = ("gmbh", "sarl", "limited", "corporation", "incorporated")


def fold(text: str) -> str:
    """Small letters without accents, each for the one it is like: `Müller` and `MUELLER` are `muller`."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold().translate(_APOSTROPHES).translate(_LETTERS))
        text = "".join(char for char in text if not unicodedata.combining(char))
    else:
        text = text.lower().replace("'", "").replace("`", "").replace("&", " ")
    for pair, letter in _UMLAUTS:
        text = text.replace(pair, letter)
    return text


def words(text: str) -> list[str]:
    """The words of a text as compared."""
    return _WORDS.findall(fold(text))


@lru_cache(maxsize=20_000)
def person(name: str | None) -> str:
    """A person's name, its words in the order of the alphabet: `Berg, Anna` and `Anna Berg` are one."""
    return " ".join(sorted(words(name or "")))


@lru_cache(maxsize=20_000)
def company(name: str | None) -> str:
    """A company's name without legal forms and joining words, unless nothing else is left of it."""
    if not name:
        return ""
    found = words(_DOTTED.sub(_joined, fold(name)))
    core = [word for word in found if word not in _LEGAL and word not in _JOINING and not _is_misspelt(word)]
    return " ".join(core or found)


@lru_cache(maxsize=20_000)
def _is_misspelt(word: str) -> bool:
    """Whether it is nearly one of the longer legal forms, by a letter or two in each other's place."""
    return any(OSA.distance(word, form, score_cutoff=1) <= 1 for form in _LONG)


def _joined(dotted: re.Match[str]) -> str:
    """`G.m.b.H.`, `S. A.` and `z o.o.` are words of their letters."""
    return re.sub(r"[.\s]", "", dotted[0]) + " "
