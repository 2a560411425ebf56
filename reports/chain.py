"""The verdict on evidence as a chain, from the silicon's root to the key of the connection. It decides nothing.

A link holds only where the verdict proves it; where nothing was found against it, it is open, and never good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

HOLDS, PARTLY, BROKEN, OPEN = "holds", "in part", "broken", "open"
# Which family of reasons speaks of which link; the families are those of the closed list of codes.
OWNERS = {
    "root": ("root", "crl"),
    "machine": ("pck", "tcb", "tcb_info", "tcb_signer", "collateral", "platform"),
    "enclave": ("qe", "qe_identity"),
    "domain": ("quote", "td", "domain", "module", "measurement", "policy", "engine"),
    "boot": ("eventlog", "compose", "config_id", "boot", "tpm", "claim"),
    "binding": ("binding", "nonce", "key", "commitment", "evidence", "answer"),
    "gpus": ("tie", "report", "rim", "ocsp", "nras", "payload", "set", "topology", "gpu", "ledger", "token"),
    "channel": ("channel",),
}
OF_QUOTES = {"chain.invalid", "chain.expired", "chain.not_yet_valid", "chain.revoked"}
OF_GPUS = {"policy.arch", "policy.feature_mode", "policy.driver_too_old", "policy.vbios_too_old"}
ANCHORS = ("root", "machine", "enclave", "domain")  # what the engine finds out together


STATES = {
    HOLDS: "proven by what was fetched",
    PARTLY: "genuine, but under a test root, compared with nothing, or tied by a shared nonce alone",
    OPEN: "nothing that was fetched shows it",
    BROKEN: "what was fetched speaks against it",
}
ASKS = {
    "root": "Who vouches for the hardware?",
    "machine": "Which machine is it, and is its firmware current?",
    "enclave": "What on that machine signed the quote?",
    "domain": "Which virtual machine is it, as measured when it was made?",
    "boot": "Which software did it load since?",
    "binding": "Was the evidence made for this request, and not played back?",
    "gpus": "Are the GPUs genuine, and part of it?",
    "channel": "Does our connection end inside, with nobody in between?",
}
WORDS = {
    "quote": "a statement about a machine and what runs in it, signed by its processor",
    "TDX, trust domain (TD)": "Intel's confidential virtual machine: its memory is closed to who runs the host",
    "MRTD, RTMR0 to RTMR3": "fingerprints of the virtual machine as it was made, and of what it loaded after",
    "report_data": "64 bytes in the quote that its maker chooses: here our nonce and a key",
    "nonce": "random bytes that we sent, so that the answer cannot be older than the question",
    "FMSPC, PPID": "the kind of processor, and the one processor",
    "TCB status": "whether its firmware is as new as Intel asks for",
    "collateral": "what Intel publishes about processors: certificates, revocations, firmware levels",
    "policy": "what this run demanded of the evidence; a measurement that it does not name was compared with nothing",
}


@dataclass(frozen=True)
class Link:
    name: str
    title: str
    state: str
    says: str  # what it is, or why it is open
    problems: tuple[str, ...] = ()

    @property
    def asks(self) -> str:
        return ASKS[self.name]


def owner(code: str) -> str:
    """The link that a reason speaks of; a reason of a family that nobody knows breaks the domain, never nothing."""
    if code == "policy.channel":
        return "channel"
    if code in OF_GPUS or code == "policy.device_not_allowed":
        return "gpus"
    family = code.split(".")[0]
    if family == "chain":
        return "root" if code in OF_QUOTES else "gpus"
    return next((link for link, families in OWNERS.items() if family in families), "domain")


def links(found: Mapping[str, Any]) -> list[Link]:
    """The links in order. Empty where the evidence holds no quote that was looked at."""
    claims = found.get("claims") or {}
    if claims.get("kind") != "quote":
        return []
    against: dict[str, list[str]] = {}
    for problem in found.get("problems") or ():
        against.setdefault(owner(problem["code"]), []).append(f"{problem['code']}: {problem['reason']}")
    genuine = claims.get("engine") is not None and not any(name in against for name in ANCHORS)
    roots = bool(found.get("test_roots"))
    made = []
    for name, title, says in _of(found):
        if problems := tuple(against.get(name, ())):
            made.append(Link(name, title, BROKEN, says, problems))
        elif not genuine:
            made.append(Link(name, title, OPEN, "Nothing is shown here: the quote is not found to be genuine."))
        else:
            made.append(Link(name, title, _state(name, claims, test_roots=roots), says))
    return made


def _state(name: str, claims: Mapping[str, Any], *, test_roots: bool) -> str:
    """What a link of a genuine quote is worth: a laboratory's root and a value that nobody compared are half a link."""
    tie = (claims.get("tie") or {}).get("is")
    if name == "channel":
        return HOLDS if claims.get("channel") == "bound" else OPEN
    if name == "gpus":
        genuine = bool((claims.get("gpus") or {}).get("proven"))
        return {"hash-bound": HOLDS, "shared nonce": PARTLY}.get(str(tie), OPEN) if genuine else OPEN
    if name == "root":
        return PARTLY if test_roots else HOLDS
    if name == "domain":
        return PARTLY if "mr_td" in (claims.get("unpinned") or ()) else HOLDS
    return HOLDS if name in ANCHORS or claims.get("proven") else OPEN


def _of(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, title and what each link is about."""
    claims = found["claims"]
    platform, measured = claims.get("platform") or {}, claims.get("measurements") or {}
    root = "A TEST root, not Intel's" if found.get("test_roots") else "Intel's root"
    yield "root", "Silicon root", f"{root}; key {_short(claims.get('root_key_id'))}"
    status = claims.get("status") or "no TCB status"
    yield "machine", "Machine", f"FMSPC {claims.get('fmspc')}, {status}; PPID {_short(platform.get('ppid'))}"
    yield "enclave", "Quoting enclave", "Certified by the machine; its own identity is signed"
    compared = ", which the policy compares with nothing" if "mr_td" in (claims.get("unpinned") or ()) else ""
    yield "domain", "Trust domain", f"MRTD {_short(measured.get('mr_td'))}{compared}; policy {claims.get('policy')}"
    yield "boot", "What it started", f"RTMR3 {_short(measured.get('rt_mr3'))}, replayed from the event log"
    yield "binding", "This conversation", f"Our nonce and its key in report_data, as {claims.get('binding')} binds them"
    tie = claims.get("tie") or {}
    shown = len((claims.get("gpus") or {}).get("devices") or ())
    yield "gpus", "GPUs", f"{shown or 'No'} GPU reports; {tie.get('is')}: {tie.get('reason')}"
    yield "channel", "TLS key", CHANNELS.get(str(claims.get("channel")), f"{claims.get('channel')}")


CHANNELS = {
    "bound": "The connection's key is the one that the quote binds",
    "mismatch": "The connection shows another key than the quote binds",
    "not seen": "The format binds a key, but no certificate of the connection was seen",
    "not bound": "The format binds no TLS key: whoever ends TLS can read everything",
    "not held": "The document names a key, but no genuine quote binds it",
}


def _short(value: object) -> str:
    text = str(value or "unknown")
    return text if len(text) <= 20 else f"{text[:8]}…{text[-8:]}"
