"""The attack list, part four: attributes and measurements of the domain, the machine under it, and time."""

from __future__ import annotations

import specs
from harness.attest import Code, policy_of
from tests.attest.attacks_collateral import late, measured, under
from tests.attest.attacks_quote import attributed, of_platform
from tests.attest.forge import Make, Parts, Trial

DOMAIN: dict[str, tuple[str, Code, Make]] = {
    "G01": ("DEBUG (bit 0)", Code.TD_DEBUG, lambda: attributed("0100001000000000")),
    "G02": ("profiling (bit 4)", Code.TD_PROFILING, lambda: attributed("1000001000000000")),
    "G04": ("profiling (bit 6)", Code.TD_PROFILING, lambda: attributed("4000001000000000")),
    "G05": ("reserved bit 1", Code.TD_RESERVED_BITS, lambda: attributed("0200001000000000")),
    "G07": ("reserved bit 8", Code.TD_RESERVED_BITS, lambda: attributed("0001001000000000")),
    "G08": ("reserved bit 40", Code.TD_RESERVED_BITS, lambda: attributed("0000001000010000")),
    "G09": ("MIGRATABLE (bit 29)", Code.TD_MIGRATABLE, lambda: attributed("0000003000000000")),
    "G10": ("SERVTD_EXT (bit 17)", Code.TD_SERVICE_TD, lambda: attributed("0000021000000000")),
    "G11": ("SEPT_VE_DISABLE clear", Code.TD_SEPT_VE, lambda: attributed("0000000000000000")),
    "G14": (
        "TD report 1.5 with a service domain",
        Code.TD_SERVICE_TD,
        lambda: of_platform(quote_form="v5-td15", mr_service_td=b"\x01" * 48),
    ),
    "G15": ("mr_td not the pinned one", Code.MEASUREMENT_UNEXPECTED, lambda: measured("mr_td", 184)),
    "G16": ("mr_seam not the pinned one", Code.MEASUREMENT_UNEXPECTED, lambda: measured("mr_seam", 64)),
    "G17": ("mr_config_id not the pinned one", Code.MEASUREMENT_UNEXPECTED, lambda: measured("mr_config_id", 232)),
    "G18": ("mr_owner not the pinned one", Code.MEASUREMENT_UNEXPECTED, lambda: measured("mr_owner", 280)),
    "G19": (
        "mr_owner_config not the pinned one",
        Code.MEASUREMENT_UNEXPECTED,
        lambda: measured("mr_owner_config", 328),
    ),
    "G20": ("XFAM with a feature that is not taken", Code.TD_XFAM, lambda: Trial(Parts().put(178, b"\x16").encode())),
    "G21": ("XFAM without SSE", Code.TD_XFAM, lambda: Trial(Parts().put(176, b"\xe5").encode())),
    "G22": ("rtmr3 not the pinned one", Code.MEASUREMENT_UNEXPECTED, lambda: measured("rt_mr3", 520)),
    "G25": (
        "dynamic platform",
        Code.POLICY_REFUSED,
        lambda: under(Trial(), platform={"allow_dynamic_platform": False}),
    ),
    "G26": ("cached keys", Code.POLICY_REFUSED, lambda: under(Trial(), platform={"allow_cached_keys": False})),
    "G27": ("SMT", Code.POLICY_REFUSED, lambda: under(Trial(), platform={"allow_smt": False})),
    "G28": ("SGX type that is not taken", Code.POLICY_REFUSED, lambda: under(Trial(), platform={"sgx_types": [0, 2]})),
    "G29": (
        "all of it under the shipped strict policy",
        Code.POLICY_REFUSED,
        lambda: Trial(policy=policy_of(specs.policy("strict"))),
    ),
    "I43": (
        "collateral older than pinned",
        Code.POLICY_REFUSED,
        lambda: under(Trial(), tcb={"min_evaluation_number": 21}),
    ),
    "I50": (
        "a machine that is not registered",
        Code.PLATFORM_UNEXPECTED,
        lambda: under(Trial(), platform={"ppids": ["00" * 16]}),
    ),
}
TIME: dict[str, tuple[str, Code, Make]] = {
    "T01": ("60 days too early", Code.TCB_INFO_NOT_YET_VALID, lambda: late(-60)),
    "T02": ("five years late", Code.CRL_EXPIRED, lambda: late(1825)),
    "T03": ("a second after the collateral", Code.CRL_EXPIRED, lambda: late(28.5)),
}
GROUPS = (DOMAIN, TIME)
