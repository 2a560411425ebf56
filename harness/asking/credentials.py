"""What a request shows who asks: keys as the contract's header carries them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.asking.control import Key
from harness.model import NotObserved
from harness.target import KEY_VARIABLE, Target
from harness.wire.exchange import TargetFault
from specs import Contract

Credential = str | Key | None  # a name of the target file, `wrong`, a key that was issued, or none


def credential(contract: Contract, key: str) -> str:
    """A key as the contract's header carries it."""
    return credential_word(contract) + key


def credential_word(contract: Contract) -> str:
    """What stands before the key in its header."""
    return "Bearer " if contract.trait("auth.scheme", "bearer") == "bearer" else ""


def wrong_key(contract: Contract) -> str:
    """A credential in the contract's own form that was never issued; the same in every run."""
    prefix = contract.trait("auth.key_prefix", None)
    never_issued = hashlib.sha256(b"a key that nobody issued").hexdigest()[:32]
    if not prefix:
        return f"sk-{never_issued}"
    return prefix + never_issued if "sk_" in prefix else f"{prefix}sk_{never_issued}"


def intent(key: Credential) -> dict[str, Any]:
    """Whose key a request bears, as its exchange tells it; nothing for the main one."""
    if isinstance(key, Key):
        return {"key": "issued", "key_id": key.key_id}
    return {} if key == "main" else {"key": key}


@dataclass(frozen=True)
class Credentials:
    """The keys of a target under a contract."""

    contract: Contract
    target: Target

    def headers(self, key: Credential, extra: Mapping[str, str] | None, *, json: bool = False) -> dict[str, str]:
        """The headers of a request; `extra` goes before what is sent otherwise. Raises TargetFault, NotObserved."""
        value = self._value(key)
        own = {
            **self.target.headers,
            **({self.contract.trait("auth.header"): credential(self.contract, value)} if value is not None else {}),
            **({"Content-Type": "application/json"} if json else {}),
        }
        replaced = {name.lower() for name in extra or {}}
        return {**{name: text for name, text in own.items() if name.lower() not in replaced}, **(extra or {})}

    def _value(self, key: Credential) -> str | None:
        if key is None:
            return None
        if isinstance(key, Key):
            return key.value.reveal()
        if key == "wrong":
            return wrong_key(self.contract)
        if key in self.target.keys:
            return self.target.keys[key].reveal()
        if key == "main":
            from_file = "name its environment variable under [keys] main"
            given = from_file if self.target.path else f"export {KEY_VARIABLE}=..."
            raise TargetFault(f"there is no key to ask with: {given}")
        raise NotObserved(f"the target names no {key} key")
