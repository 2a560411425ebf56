"""Why a certificate is refused: a closed list of codes, each with words for a person."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Code(enum.StrEnum):
    """Part of the certificate, or of what it speaks of, and what is wrong with it."""

    MALFORMED = "certificate.malformed"
    KEY_UNKNOWN = "key.unknown"
    SIGNATURE_WRONG = "signature.wrong"
    STATEMENT_MALFORMED = "statement.malformed"
    NOT_YET = "certificate.not_yet"
    EXPIRED = "certificate.expired"
    TOO_OLD = "run.too_old"
    POLICY = "policy.unmet"
    BUNDLE_UNREADABLE = "bundle.unreadable"
    OTHER_RUN = "bundle.another_run"
    OTHER_DEPLOYMENT = "bundle.another_deployment"
    OTHER_CONTRACT = "bundle.another_contract"
    CHANGED = "bundle.changed"
    MISSING = "bundle.missing"
    STRANGE = "bundle.strange"
    CONTRADICTED = "statement.contradicted"
    CONTRACT_NOT_HERE = "contract.not_here"
    JUDGED_OTHERWISE = "row.judged_otherwise"


@dataclass(frozen=True)
class Problem:
    """`subject` is the file, the row or the demand that is concerned; empty where it is the whole."""

    code: Code
    said: str
    subject: str = ""


class Refused(Exception):
    """The certificate cannot be read any further."""

    def __init__(self, code: Code, said: str) -> None:
        self.problem = Problem(code, said)
        super().__init__(said)


class BadRequest(ValueError):
    """What was asked for cannot be done; the message says what to do instead."""
