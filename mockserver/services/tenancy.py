"""Who a caller is to the control plane: an account, the organisation it is, and its SPIFFE id."""

from __future__ import annotations

import hashlib
import re

TRUST_DOMAIN = "volt.cloud"
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,40}")  # what may stand in the path of a SPIFFE id


def tenant_name(account: str) -> str:
    """The account's name where a SPIFFE id can hold it, a digest of it elsewhere."""
    name = account.removeprefix("acct_")
    plain = _PLAIN.fullmatch(name) and name.strip(".")
    return name if plain else hashlib.sha256(account.encode(errors="surrogatepass")).hexdigest()[:32]


def spiffe_id(account: str) -> str:
    return f"spiffe://{TRUST_DOMAIN}/tenant/{tenant_name(account)}"


def org_id(account: str) -> str:
    return f"org_{tenant_name(account)}"
