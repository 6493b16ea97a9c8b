"""How long looking for duplicates takes, in how much memory, and what it finds of those that were planted.

`python -m tests.benchmarks.duplicates [LEADS]` fills an embedded database with so many leads (100,000), a tenth of
them near-duplicates of others: a letter wrong in a name or a company, another legal form, a name the other way round,
a telephone number written otherwise. Then it does what the job does, and tells by kind how many of the planted were
found, and how many of the found were planted. The leads are the same each time.
"""

import asyncio
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from app.duplicates import scanning
from app.kernel.contact import normalise_phone, person_key
from app.kernel.db import Database, conninfo
from app.kernel.settings import Settings
from tests.benchmarks.ground import migrated

Row = dict[str, Any]

_FIRST = """
    Anna Maria Peter Hans Claire Luc José Ines Olga Ivan Søren Lars Mia Emma Paul Jan Eva Karl Rita Tom Lucy Mark Nina
    Otto Petra Ralf Sara Timo Uwe Vera Walter Yves Zoë Björn André Chloé Diego Elena Franz Greta Hugo Irina Jürgen Kai
""".split()  # noqa: SIM905
_SYLLABLES = """
    ba ber bel bor bra cha dan del dor en fal fer fin gar gol gru hal hem hol hus jan kam kel kir kra lan lem lin lor
    mar mel mor mün nar nel nor os pal per pol rad ren ris ros sal sem sol ster tal ter tor ul var vel vin wal wer win
    zel zim
""".split()  # noqa: SIM905
_ENDS = ("berg", "mann", "sen", "ski", "ton", "er", "ova", "ez", "elli", "ström")
_TRADES = "Foods Logistik Trading Technik Market Systems Imports Handel Group Bakery Kaffee Wines".split()  # noqa: SIM905
_FORMS = {
    "DE": ("GmbH", "G.m.b.H.", "GmbH & Co. KG", "AG", ""),
    "FR": ("S.A.", "SA", "SARL", "S.A.R.L.", ""),
    "GB": ("Ltd", "Limited", "Ltd.", "PLC", ""),
    "US": ("Inc.", "Inc", "LLC", "Corp.", "Corporation"),
    "ES": ("S.L.", "SL", "S.A.", ""),
}
_PREFIX = {"DE": "+49", "FR": "+33", "GB": "+44", "US": "+1", "ES": "+34"}
_chance = random.Random(4711)  # noqa: S311 - the same leads each time


def _word(least: int = 2, most: int = 3) -> str:
    return "".join(_chance.choice(_SYLLABLES) for _ in range(_chance.randint(least, most))).capitalize()


def _number(country: str) -> str:
    return {
        "DE": f"30{_chance.randrange(10**7):07}", "FR": f"1{_chance.randrange(10**8):08}",
        "GB": f"20{_chance.randrange(10**8):08}", "US": f"212{_chance.randrange(2 * 10**6, 10**7):07}",
        "ES": f"91{_chance.randrange(10**7):07}",
    }[country]  # fmt: skip


def _lead() -> Row:
    country = _chance.choice(list(_FORMS))
    core = f"{_word()} {_chance.choice(_TRADES)}"
    name = f"{_chance.choice(_FIRST)} {_word(1, 2)}{_chance.choice(_ENDS)}"
    domain = core.split(maxsplit=1)[0].lower().replace("ü", "ue") + ".example"
    mailbox = f"{name.rsplit(maxsplit=1)[-1].lower()}.{_chance.randrange(10**6)}@{domain}"
    return {
        "name": name,
        "company": f"{core} {_chance.choice(_FORMS[country])}".strip(),
        "core": core,
        "country": country,
        "number": _number(country),
        "telephone": None,
        "email": mailbox if _chance.random() < 0.5 else None,
    }


def _misspelt(text: str) -> str:
    """One letter left out, doubled, changed, or in its neighbour's place."""
    at = _chance.randrange(1, len(text) - 1)
    before, letter, after = text[:at], text[at], text[at + 1 :]
    way = _chance.randrange(4)
    return (
        before + after, before + letter * 2 + after, before + _chance.choice("aeinrst") + after,
        before + after[0] + letter + after[1:],
    )[way]  # fmt: skip


def _name_misspelt(row: Row) -> Row:
    return {"name": _misspelt(row["name"]), "company": row["company"]}


def _company_misspelt(row: Row) -> Row:
    return {"name": row["name"], "company": _misspelt(row["company"])}


def _other_form(row: Row) -> Row:
    company = f"{row['core'].upper()} {_chance.choice(_FORMS[row['country']])}".replace("Ü", "UE").strip()
    return {"name": row["name"], "company": company}


def _turned(row: Row) -> Row:
    first, last = row["name"].split()
    return {"name": f"{last}, {first}", "company": row["core"]}


def _telephone(row: Row) -> Row:
    number, prefix = row["number"], _PREFIX[row["country"]]
    trunk = "" if row["country"] in {"US", "ES"} else "0"
    ways = (f"{prefix} {number[:2]} {number[2:]}", f"{trunk}{number[:3]}/{number[3:]}", f"({prefix}) {number}")
    return {"name": _misspelt(row["name"]), "company": None, "telephone": _chance.choice(ways)}


KINDS: dict[str, Callable[[Row], Row]] = {
    "a letter of the name": _name_misspelt,
    "a letter of the company": _company_misspelt,
    "another legal form": _other_form,
    "the name turned round": _turned,
    "the telephone written otherwise": _telephone,
}


def _rows(count: int) -> Iterator[tuple[str | None, UUID | None, Row]]:
    """Each lead with what it is planted as, and of which other one."""
    planted = count // 10
    originals = []
    for _ in range(count - planted):
        row = _lead()
        row["id"] = uuid7()
        if _chance.random() < 0.6:
            row["telephone"] = f"{_PREFIX[row['country']]}{row['number']}"
        originals.append(row)
        yield None, None, row
    for number in range(planted):
        original = originals[number * 7 % len(originals)]
        kind = list(KINDS)[number % len(KINDS)]
        if kind == "the telephone written otherwise" and original["telephone"] is None:
            kind = "another legal form"
        other = {"country": original["country"], "telephone": None, "email": None, **KINDS[kind](original)}
        yield kind, original["id"], other | {"id": uuid7()}


_COLUMNS = """id, source, person_name, person_key, company, country, email, telephone, telephone_e164, shared_email,
    product_skus, attributes, touch_count, status, status_changed_at, budget, authority, need, score, score_lines,
    version, created_at, updated_at"""


def fill(url: str, count: int) -> dict[tuple[UUID, UUID], str]:
    """Fill the leads; what is planted, by its pair."""
    planted = {}
    now = "2026-01-05T09:00:00Z"
    with psycopg.connect(conninfo(url)) as connection:
        with connection.cursor().copy(f"COPY leads ({_COLUMNS}) FROM STDIN") as copy:
            for kind, original, row in _rows(count):
                if kind is not None and original is not None:
                    planted[original, row["id"]] = kind
                number = normalise_phone(row["telephone"], row["country"]) if row["telephone"] else None
                copy.write_row((
                    row["id"], "fair", row["name"], person_key(row["name"]), row["company"], row["country"],
                    row["email"], row["telephone"], number, False, [], "{}", 1, "new", now, "unknown", "unknown",
                    "unknown", 0, "[]", 1, now, now,
                ))  # fmt: skip
        connection.commit()
        connection.autocommit = True
        connection.execute("ANALYZE")
    return planted


async def look(url: str) -> tuple[float, list[tuple[UUID, UUID, int]], tuple[int, int]]:
    """The seconds that it takes, the pairs that are found, and how many were compared and blocks skipped."""
    database = Database(Settings(), url)
    started = time.monotonic()
    if not await scanning.look(database, seconds=3600):
        raise RuntimeError("somebody else looks as well")
    seconds = time.monotonic() - started
    await database.dispose()
    with psycopg.connect(conninfo(url)) as connection:
        found = connection.execute("SELECT left_id, right_id, score FROM duplicate_pairs").fetchall()
        totals = connection.execute("SELECT sum(compared), sum(skipped_blocks) FROM duplicate_scans").fetchone()
    return seconds, [(left, right, score) for left, right, score in found], totals or (0, 0)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with migrated() as url:
        planted = fill(url, count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds, found, (compared, skipped) = asyncio.run(look(url))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pairs = {(left, right) for left, right, _ in found}
    wanted, hit = Counter(planted.values()), Counter(kind for pair, kind in planted.items() if pair in pairs)
    print(f"{count:,} leads: {seconds:.1f} s, {count / seconds:,.0f} leads/s, {compared:,} pairs compared,")
    print(f"{skipped:,} blocks skipped; {memory / 1024:.0f} MB at most ({before / 1024:.0f} MB before)")
    for kind in KINDS:
        print(f"  {kind:<34}{hit[kind]:>7,} of {wanted[kind]:>7,} found ({hit[kind] / wanted[kind]:.1%})")
    true = len(pairs & planted.keys())
    print(f"recall {true / len(planted):.1%}, precision {true / len(pairs):.1%} ({len(pairs):,} pairs found)")


if __name__ == "__main__":
    main()
