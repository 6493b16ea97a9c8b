"""Free text over a few columns of a table: every word asked for must begin a word of the row.

The rows with the words are found first, by an index that knows no other order, and then sorted. So a question that
10,000 rows answer is refused: what it costs does not grow with the table.

The rules of PostgreSQL's `simple` dictionary: case does not count, accents do. Punctuation separates words on both
sides, or else `FR-R92B-58` would be found by itself but not by `FR-R92`.
"""

from functools import reduce
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, TextClause, Uuid, func, literal, select, text

from app.kernel.errors import Invalid
from app.kernel.schema import MOST_FOUND
from app.kernel.statement import Reader, among

# A percent sign separates words by itself; here it would need another spelling for every driver.
_PUNCTUATION = "!\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_BLANKS = str.maketrans(dict.fromkeys(_PUNCTUATION, " "))
_SIMPLE = text("'simple'::regconfig")


def _literal(value: str) -> TextClause:
    # No parameter: the planner takes an index on an expression only for the very same expression. And no literal
    # column: an index belongs to the table of the first column that it finds.
    return text("'" + value.replace("'", "''").replace(":", "\\:") + "'")


def document(*columns: Any) -> ColumnElement[Any]:
    """The words of the columns, to be indexed with GIN and searched with `found`; a NULL counts as empty."""
    filled: list[ColumnElement[str]] = [func.coalesce(column, _literal("")) for column in columns]
    # op() groups as PostgreSQL prints it, concat() would not: a comparison with the migrations finds the same.
    joined = reduce(lambda left, right: left.op("||")(_literal(" ")).op("||")(right), filled)
    return func.to_tsvector(_SIMPLE, func.translate(joined, _literal(_PUNCTUATION), _literal(" " * len(_PUNCTUATION))))


def _match(words: ColumnElement[Any], asked: str) -> ColumnElement[bool]:
    terms = " & ".join(f"'{word}':*" for word in asked.translate(_BLANKS).split())
    return words.bool_op("@@")(func.to_tsquery(_SIMPLE, terms))


async def found(reader: Reader, identity: Any, words: ColumnElement[Any], asked: str) -> ColumnElement[bool]:
    """The condition of the rows in whose document every word of `asked` begins a word; text without any finds none.

    Raises:
        Invalid: these are more than can be sorted.

    """
    matching = select(identity).where(_match(words, asked)).limit(MOST_FOUND + 1)
    ids = list((await reader.execute(matching)).scalars())
    if len(ids) > MOST_FOUND:
        raise Invalid.at("words", "too_common", f"begin more than {MOST_FOUND:,} rows: write more of them")
    # Unnested, since PostgreSQL might walk a sorted list to its end for ids that it has counted.
    return among(identity, select(func.unnest(literal(ids, ARRAY(Uuid)))))
