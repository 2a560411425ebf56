"""A column of somebody's file as SQL that yields one of our types, or stops with the value that cannot be one.

JSON fractions go through a double in every JSON reader at hand. Up to a million USD its digits hold a nano-dollar and
more; a fraction of more than that in JSON, or in a column of doubles, is refused rather than taken inexactly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

UNITS: Final[Mapping[str, int]] = {"usd": 10**9, "cents": 10**7, "micro": 10**3, "nano": 1}
WHOLE: Final = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})
TIMES: Final = ("TIMESTAMP", "DATE")
MARK: Final = "\x1f"  # parts a refusal, in the message of the engine, into column, expectation and value
TOKENS: Final = 10**9  # more than this is no count of the tokens of a request, and sums stay within 128 bits


@dataclass(frozen=True)
class Field:
    """A value in a row of a file: its SQL, the type that it has there, and what the file calls it."""

    sql: str
    type: str
    name: str

    @property
    def is_whole(self) -> bool:
        return self.type in WHOLE

    @property
    def raw(self) -> str:
        """Its text; empty text is nothing, as CSV means it."""
        return f"nullif(CAST({self.sql} AS VARCHAR), '')"


def first(fields: Sequence[Field]) -> Field | None:
    """The first of several places that holds anything, as one field."""
    if len(fields) < 2:
        return fields[0] if fields else None
    alike = {field.type for field in fields}
    sql = "coalesce(" + ", ".join(field.raw for field in fields) + ")"
    return Field(sql, "JSON" if "JSON" in alike else "TEXT", " or ".join(field.name for field in fields))


def literal(text: str) -> str:
    """Text as a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def text(field: Field) -> str:
    return f"({field.sql})" if field.type == "VARCHAR" else field.raw


def flag(field: Field) -> str:
    return _strict(field, f"TRY_CAST({field.raw} AS BOOLEAN)", "true or false")


def count(field: Field) -> str:
    """A number of tokens, or of anything else that is counted."""
    if field.is_whole:
        made = f"CAST({field.sql} AS BIGINT)"
        return _bounded(field, made, f"{made} BETWEEN 0 AND {TOKENS}")
    digits = f"regexp_full_match({field.raw}, '[0-9]{{1,10}}([.]0*)?')"
    number = f"TRY_CAST({field.raw} AS BIGINT)"
    made = f"CASE WHEN {digits} AND {number} <= {TOKENS} THEN {number} END"
    return _strict(field, made, "a whole number of tokens")


def moment(field: Field) -> str:
    """Microseconds of UTC, from RFC 3339, from a time without a zone, from Unix seconds, milli- or microseconds."""
    if field.type.startswith(TIMES):
        return f"epoch_us({field.sql})"
    number = f"TRY_CAST({field.raw} AS DECIMAL(38, 6))"
    fine = f"CASE WHEN {number} > 100000000000000 THEN {number} ELSE {number} * 1000 END"
    scaled = f"CASE WHEN {number} > 100000000000 THEN {fine} ELSE {number} * 1000000 END"
    found = f"coalesce(CAST({scaled} AS BIGINT), epoch_us(TRY_CAST({field.raw} AS TIMESTAMPTZ)))"
    return _strict(field, found, "a time: RFC 3339, or Unix seconds")


def nano(field: Field, unit: str) -> str:
    """Nano-USD, rounded half to even where the file is finer; negative for what was given back."""
    if field.is_whole:
        made = f"CAST({field.sql} AS HUGEINT) * {UNITS[unit]}"
        return f"CAST({_bounded(field, made, f'abs({made}) < 1000000000000000000')} AS BIGINT)"
    exact = f"TRY_CAST({field.raw} AS DECIMAL(38, 18))"
    limit = 10**15 if field.type in {"JSON", "DOUBLE", "FLOAT"} else 10**18
    whole = f"regexp_full_match({field.raw}, '-?[0-9]+')"
    sound = f"abs({exact}) < {limit // UNITS[unit]} OR {whole} AND abs({exact}) < {10**18 // UNITS[unit]}"
    return _strict(field, f"CASE WHEN {sound} THEN half_even({exact} * {UNITS[unit]}) END", f"an amount in {unit}")


def choice(field: Field, known: Mapping[str, str]) -> str:
    """One of a closed list of words, translated."""
    cases = " ".join(f"WHEN {literal(theirs)} THEN {literal(ours)}" for theirs, ours in known.items())
    return _strict(field, f"CASE lower({field.raw}) {cases} END", "one of " + ", ".join(known))


def _strict(field: Field, made: str, expected: str) -> str:
    """The value, NULL where there is none, a refusal where it cannot be read."""
    return f"CASE WHEN {field.raw} IS NULL THEN NULL ELSE coalesce({made}, {_refusal(field, expected)}) END"


def _bounded(field: Field, made: str, sound: str) -> str:
    return f"CASE WHEN {field.sql} IS NULL OR {sound} THEN {made} ELSE {_refusal(field, 'a number in range')} END"


def _refusal(field: Field, expected: str) -> str:
    head = literal(MARK + field.name + MARK + expected + MARK)
    return f"error({head} || left({field.raw}, 200) || {literal(MARK)})"
