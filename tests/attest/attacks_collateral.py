"""The attack list, part two: revocation lists, TCB info, QE identity, attributes, measurements, platform and time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from harness.attest import Code, Policy, policy_of
from mockserver.tee import Platform, pki
from tests.attest.attacks_quote import OK, PCK, PLATFORM_CA, ROOT, of_platform
from tests.attest.forge import (
    ATTACKER,
    COLLATERAL,
    FACTS,
    PKI,
    Make,
    Parts,
    Trial,
    certificate,
    chained,
    crl,
    given,
    leaf,
    pem,
    raw_statement,
    stated,
)
from tests.attest.lab import NOW, flipped

MEASURED = Trial().judged().measurements
PAST, FUTURE = "2026-10-01T00:00:00Z", "2026-11-21T00:00:00Z"
INFO, IDENTITY = json.loads(COLLATERAL["tcb_info"]), json.loads(COLLATERAL["qe_identity"])
ADVISORY = "INTEL-SA-00960"
STRANGER = Platform(b"an attacker", lambda: NOW)


def info(**changes: Any) -> Trial:
    return stated("tcb_info", lambda document: document.update(changes))


def identity(**changes: Any) -> Trial:
    return stated("qe_identity", lambda document: document.update(changes))


def level(change: Callable[[dict[str, Any]], object]) -> Trial:
    """The first platform level edited; the level below it is dropped."""

    def edit(document: dict[str, Any]) -> None:
        document["tcbLevels"] = document["tcbLevels"][:1]
        change(document["tcbLevels"][0])

    return stated("tcb_info", edit)


def status(name: str) -> Trial:
    return level(lambda row: row.update(tcbStatus=name, advisoryIDs=[ADVISORY]))


def module(change: Callable[[dict[str, Any]], object]) -> Trial:
    return stated("tcb_info", lambda document: change(document["tdxModuleIdentities"][0]))


def module_level(**changes: Any) -> Trial:
    return module(lambda row: row["tcbLevels"][0].update(changes))


def wrong_signer(member: str, signer: str, *chain: Any) -> Trial:
    trial = stated(member, lambda _: None, signer)
    return replace(trial, members={**trial.members, f"{member}_issuer_chain": pem(*chain)})


def attacker_chain(member: str) -> Trial:
    text = COLLATERAL[member]
    chain = STRANGER.collateral()[f"{member}_issuer_chain"]
    signature = pki.sign_raw(pki.derive_key(b"an attacker", "tcb-signing"), text.encode()).hex()
    return given(**{f"{member}_signature": signature, f"{member}_issuer_chain": chain})


def duplicated(member: str) -> Trial:
    """A key twice: the first ended, the second did not."""
    return raw_statement(member, COLLATERAL[member].replace('"nextUpdate":', f'"nextUpdate":"{PAST}","nextUpdate":', 1))


def wrapped() -> Trial:
    return raw_statement("qe_identity", json.dumps({"enclaveIdentity": IDENTITY}, separators=(",", ":")))


def quote_of_qe(at: int, value: bytes) -> Trial:
    """A quoting enclave of another kind, signed by the genuine PCK."""
    report = Parts().qe_report
    return Trial(replace(Parts(), qe_report=report[:at] + value + report[at + len(value) :]).encode())


def debug_qe() -> Trial:
    trial = quote_of_qe(48, bytes.fromhex("13"))
    hidden = stated("qe_identity", lambda row: row.update(attributesMask="F9FFFFFFFFFFFFFF0000000000000000"))
    return replace(trial, members=hidden.members)


def pinned(name: str) -> Policy:
    return Policy(measurements={name: frozenset({MEASURED[name]})})


def measured(name: str, at: int) -> Trial:
    """A field of the report changed and signed by the quoting enclave, under a policy that pins it."""
    honest = bytes.fromhex(MEASURED[name])
    return Trial(Parts().put(at, flipped(honest, 0)).encode(), policy=pinned(name))


def under(trial: Trial, **policy: Any) -> Trial:
    return replace(trial, policy=policy_of({"name": "own", **policy}))


def rolled_back() -> Trial:
    """Launched on a current module, then the module was replaced by an older one."""
    return of_platform(quote_form="v5-td15", tee_tcb_svn_now=bytes((13, 1, 0)) + bytes(13))


def machine(**facts: Any) -> Trial:
    return chained(leaf(pki._sgx_extension(replace(FACTS, **facts))), PLATFORM_CA, ROOT)


def late(days: float) -> Trial:
    return Trial(at=NOW + timedelta(days=days))


def _crl_case(member: str, issuer: pki.Issuer, **changes: Any) -> Trial:
    return given(**{member: crl(issuer, **changes)})


CONTROLS: dict[str, tuple[str, Code, Make]] = {
    "P07": ("QE identity version 3", OK, lambda: identity(version=3)),
    "E10": ("TCB info ends this very second", OK, lambda: info(nextUpdate=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    "E40": ("TCB levels in reverse order", OK, lambda: stated("tcb_info", lambda row: row["tcbLevels"].reverse())),
    "E44": ("an unknown member in the TCB info", OK, lambda: info(somethingNew=[1])),
    "E10b": ("QE identity ends this very second", OK, lambda: identity(nextUpdate=NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))),
    "T04": ("a past moment makes old collateral good: the clock is the caller's", OK, lambda: late(-0.4)),
}
REVOCATION: dict[str, tuple[str, Code, Make]] = {
    "D01": (
        "root CRL signed by an attacker",
        Code.ROOT_UNTRUSTED,
        lambda: _crl_case("root_ca_crl", PKI.root, key=ATTACKER),
    ),
    "D02": (
        "PCK CRL signed by an attacker",
        Code.CRL_INVALID,
        lambda: _crl_case("pck_crl", PKI.platform_ca, key=ATTACKER),
    ),
    "D04": (
        "root CRL ended",
        Code.CRL_EXPIRED,
        lambda: _crl_case("root_ca_crl", PKI.root, ends=NOW - timedelta(hours=1)),
    ),
    "D04b": (
        "PCK CRL ended",
        Code.CRL_EXPIRED,
        lambda: _crl_case("pck_crl", PKI.platform_ca, ends=NOW - timedelta(hours=1)),
    ),
    "D05": (
        "PCK CRL from the future",
        Code.CRL_NOT_YET_VALID,
        lambda: _crl_case("pck_crl", PKI.platform_ca, issued=NOW + timedelta(hours=1)),
    ),
    "D06": (
        "root CRL from the future",
        Code.CRL_NOT_YET_VALID,
        lambda: _crl_case("root_ca_crl", PKI.root, issued=NOW + timedelta(hours=1)),
    ),
    "D07": ("root CRL in both places", Code.CRL_INVALID, lambda: given(pck_crl=COLLATERAL["root_ca_crl"])),
    "D08": ("empty PCK CRL", Code.CRL_INVALID, lambda: given(pck_crl="")),
    "D10": (
        "an older CRL put back, under a policy that knows the newer number",
        Code.POLICY_REFUSED,
        lambda: under(_crl_case("pck_crl", PKI.platform_ca), tcb={"min_pck_crl_number": 8}),
    ),
    "D11": ("PCK CRL issuer chain is garbage", Code.CHAIN_INVALID, lambda: given(pck_crl_issuer_chain="garbage")),
    "D13": ("PCK CRL a byte short", Code.CRL_INVALID, lambda: given(pck_crl=COLLATERAL["pck_crl"][:-2])),
    "D14": ("PCK CRL without a number", Code.CRL_INVALID, lambda: _crl_case("pck_crl", PKI.platform_ca, number=False)),
    "D15": (
        "PCK CRL without its issuer's key id",
        Code.CRL_INVALID,
        lambda: _crl_case("pck_crl", PKI.platform_ca, authority=False),
    ),
}
TCB_INFO: dict[str, tuple[str, Code, Make]] = {
    "E01": (
        "signature flipped",
        Code.TCB_INFO_SIGNATURE_INVALID,
        lambda: given(tcb_info_signature=flipped(bytes.fromhex(COLLATERAL["tcb_info_signature"]), 5).hex()),
    ),
    "E02": ("written again with spaces", Code.TCB_INFO_SIGNATURE_INVALID, lambda: given(tcb_info=json.dumps(INFO))),
    "E04": (
        "signed by an attacker, honest chain",
        Code.TCB_INFO_SIGNATURE_INVALID,
        lambda: raw_statement("tcb_info", COLLATERAL["tcb_info"], ATTACKER),
    ),
    "E05": ("attacker's signature and chain", Code.CHAIN_INVALID, lambda: attacker_chain("tcb_info")),
    "E06": ("signed by the PCK", Code.CHAIN_INVALID, lambda: wrong_signer("tcb_info", "pck", PCK, PLATFORM_CA, ROOT)),
    "E07": (
        "signed by the Platform CA",
        Code.CHAIN_INVALID,
        lambda: wrong_signer("tcb_info", "platform-ca", PLATFORM_CA, ROOT),
    ),
    "E08": ("no issuer chain", Code.CHAIN_INVALID, lambda: given(tcb_info_issuer_chain="")),
    "E09": ("ended", Code.TCB_INFO_EXPIRED, lambda: info(nextUpdate="2026-11-20T11:59:59Z")),
    "E11": ("issued in the future", Code.TCB_INFO_NOT_YET_VALID, lambda: info(issueDate=FUTURE)),
    "E13": ("FMSPC of another family", Code.PCK_FMSPC_MISMATCH, lambda: info(fmspc="00806F050000")),
    "E14": ("PCEID of another machine", Code.PCK_PCEID_MISMATCH, lambda: info(pceId="0001")),
    "E16": ("version 2", Code.TCB_INFO_MALFORMED, lambda: info(version=2)),
    "E17": ("version 4", Code.TCB_INFO_MALFORMED, lambda: info(version=4)),
    "E18": ("TCB type 1", Code.TCB_INFO_MALFORMED, lambda: info(tcbType=1)),
    "E19": ("no tdxModule", Code.TCB_INFO_MALFORMED, lambda: stated("tcb_info", lambda row: row.pop("tdxModule"))),
    "E20": (
        "module of another signer",
        Code.MODULE_MISMATCH,
        lambda: module(lambda row: row.update(mrsigner="22" * 48)),
    ),
    "E22": ("SEAM attributes set", Code.MODULE_MISMATCH, lambda: Trial(Parts().put(160, b"\x01").encode())),
    "E23": (
        "module version without an identity",
        Code.MODULE_NO_LEVEL,
        lambda: Trial(Parts().put(49, b"\x07").encode()),
    ),
    "E25": ("module below every level", Code.MODULE_NO_LEVEL, lambda: Trial(Parts().put(48, b"\x01").encode())),
    "E26": (
        "module out of date",
        Code.TCB_OUT_OF_DATE,
        lambda: module_level(tcbStatus="OutOfDate", advisoryIDs=["INTEL-SA-01036"]),
    ),
    "E28": (
        "platform out of date (old CPUSVN)",
        Code.TCB_OUT_OF_DATE,
        lambda: machine(cpu_svn=bytes(16), component_svns=bytes(16)),
    ),
    "E29": ("PCESVN below every level", Code.TCB_NO_LEVEL, lambda: machine(pce_svn=1)),
    "E31": ("level Revoked", Code.TCB_REVOKED, lambda: status("Revoked")),
    "E32": ("level SWHardeningNeeded", Code.TCB_SW_HARDENING_NEEDED, lambda: status("SWHardeningNeeded")),
    "E33": ("level ConfigurationNeeded", Code.TCB_CONFIGURATION_NEEDED, lambda: status("ConfigurationNeeded")),
    "E34": (
        "level ConfigurationAndSWHardeningNeeded",
        Code.TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
        lambda: status("ConfigurationAndSWHardeningNeeded"),
    ),
    "E35": (
        "level OutOfDateConfigurationNeeded",
        Code.TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
        lambda: status("OutOfDateConfigurationNeeded"),
    ),
    "E37": ("TDRelaunchAdvised as a signed status", Code.TCB_INFO_MALFORMED, lambda: status("TDRelaunchAdvised")),
    "E38": (
        "a platform's status on a module",
        Code.TCB_INFO_MALFORMED,
        lambda: module_level(tcbStatus="SWHardeningNeeded"),
    ),
    "E41": (
        "15 SGX components",
        Code.TCB_INFO_MALFORMED,
        lambda: level(lambda row: row["tcb"]["sgxtcbcomponents"].pop()),
    ),
    "E43": ("nextUpdate twice", Code.TCB_INFO_MALFORMED, lambda: duplicated("tcb_info")),
    "E46": (
        "an advisory that the policy refuses",
        Code.POLICY_REFUSED,
        lambda: under(level(lambda row: row.update(advisoryIDs=[ADVISORY])), tcb={"refused_advisories": [ADVISORY]}),
    ),
    "E47": (
        "out of date for longer than the grace",
        Code.POLICY_REFUSED,
        lambda: under(status("OutOfDate"), tcb={"statuses": ["OutOfDate"], "grace_days": 90}),
    ),
    "E48": (
        "module out of date for longer than the grace",
        Code.POLICY_REFUSED,
        lambda: under(module_level(tcbStatus="OutOfDate"), tcb={"statuses": ["OutOfDate"], "grace_days": 90}),
    ),
    "E49": (
        "the module that runs now reaches no level",
        Code.MODULE_NO_LEVEL,
        lambda: of_platform(quote_form="v5-td15", tee_tcb_svn_now=bytes((1, 1, 4)) + bytes(13)),
    ),
    "E50": ("the module that runs now is older than the one at launch", Code.TCB_OUT_OF_DATE, rolled_back),
    "E52": (
        "bytes after the JSON",
        Code.TCB_INFO_MALFORMED,
        lambda: raw_statement("tcb_info", COLLATERAL["tcb_info"] + "x"),
    ),
}
QE_IDENTITY: dict[str, tuple[str, Code, Make]] = {
    "F01": (
        "signature flipped",
        Code.QE_IDENTITY_SIGNATURE_INVALID,
        lambda: given(qe_identity_signature=flipped(bytes.fromhex(COLLATERAL["qe_identity_signature"]), 5).hex()),
    ),
    "F02": ("ended", Code.QE_IDENTITY_EXPIRED, lambda: identity(nextUpdate="2026-11-20T11:59:59Z")),
    "F03": ("issued in the future", Code.QE_IDENTITY_NOT_YET_VALID, lambda: identity(issueDate=FUTURE)),
    "F04": ("the SGX identity", Code.QE_IDENTITY_MALFORMED, lambda: identity(id="QE")),
    "F05": ("the verifier's identity", Code.QE_IDENTITY_MALFORMED, lambda: identity(id="QVE")),
    "F07": ("another signer", Code.QE_IDENTITY_MISMATCH, lambda: identity(mrsigner="00" * 32)),
    "F08": ("another product", Code.QE_IDENTITY_MISMATCH, lambda: identity(isvprodid=1)),
    "F09": ("another misc select", Code.QE_IDENTITY_MISMATCH, lambda: identity(miscselect="00000001")),
    "F10": ("other attributes", Code.QE_IDENTITY_MISMATCH, lambda: identity(attributes="31" + "00" * 15)),
    "F11": (
        "QE of another signer, signed by the PCK",
        Code.QE_IDENTITY_MISMATCH,
        lambda: quote_of_qe(128, b"\x66" * 32),
    ),
    "F13": ("QE in debug mode, the identity's mask hides it", Code.QE_DEBUG, debug_qe),
    "F14": ("QE below every level", Code.QE_NO_LEVEL, lambda: quote_of_qe(258, b"\x01\x00")),
    "F15": ("QE out of date", Code.TCB_OUT_OF_DATE, lambda: of_platform(qe_status="OutOfDate")),
    "F16": ("QE level revoked", Code.TCB_REVOKED, lambda: of_platform(qe_status="Revoked")),
    "F17": ("no levels", Code.QE_IDENTITY_MALFORMED, lambda: identity(tcbLevels=[])),
    "F19": (
        "signed by the PCK",
        Code.CHAIN_INVALID,
        lambda: wrong_signer("qe_identity", "pck", PCK, PLATFORM_CA, ROOT),
    ),
    "F19b": (
        "signed by a leaf of the root that is no TCB signer",
        Code.TCB_SIGNER_WRONG_ROLE,
        lambda: wrong_signer("qe_identity", "pck", certificate(PKI.pck, PKI.root, serial=77), ROOT),
    ),
    "F20": ("the wrapper around the identity", Code.QE_IDENTITY_MALFORMED, wrapped),
}
GROUPS = (CONTROLS, REVOCATION, TCB_INFO, QE_IDENTITY)
