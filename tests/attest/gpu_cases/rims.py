"""Faults of what reference values say, and of what is compared with them."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mockserver.tee.gpu import rim
from mockserver.tee.gpu.pki import Holder, Request, issue
from tests.attest.gpu_lab import (
    AUTHORITIES,
    DRIVER_RIM,
    SEED,
    VBIOS_RIM,
    Scene,
    case,
    manifest,
    rim_chain,
    serial,
)


def edit(s: Scene, old: bytes, new: bytes, rim_id: str = DRIVER_RIM) -> None:
    """In the signed file, without signing again."""
    assert old in s.rims[rim_id]
    s.rims[rim_id] = s.rims[rim_id].replace(old, new, 1)


def publish(s: Scene, said: rim.Manifest, rim_id: str = DRIVER_RIM) -> None:
    s.rims[rim_id] = rim.sign(said, rim_chain())


def golden(index: int = 21) -> bytes:
    return manifest().golden[index][0].hex().encode()


@case("RIM-17", "rim.version_mismatch")
def older_driver(s: Scene) -> None:
    """a validly signed manifest of an older driver under the new id"""
    publish(s, replace(manifest(), version="550.90.07"))


@case("RIM-18", "rim.not_found")
def none_for_the_driver(s: Scene) -> None:
    """no manifest for the driver"""
    del s.rims[DRIVER_RIM]


@case("RIM-19", "rim.version_mismatch")
def driver_for_vbios(s: Scene) -> None:
    """the driver's manifest in the place of the VBIOS's"""
    s.rims[VBIOS_RIM] = s.rims[DRIVER_RIM]


@case("RIM-20", "rim.product_mismatch")
def other_product(s: Scene) -> None:
    """a validly signed manifest of another product"""
    publish(s, replace(manifest(), product="GB100"))


@case("RIM-21", "rim.edition_mismatch")
def switch_edition(s: Scene) -> None:
    """a manifest for switches"""
    publish(s, replace(manifest(), edition="SWITCH"))


@case("RIM-22", "rim.manufacturer")
def other_maker(s: Scene) -> None:
    """another manufacturer's number"""
    publish(s, replace(manifest(), manufacturer="4711"))


@case("RIM-23", "rim.index_conflict")
def index_in_both(s: Scene) -> None:
    """an index active in both manifests"""
    said = manifest()
    shared = {**said.golden, 0: manifest(VBIOS_RIM).golden[0]}
    publish(s, replace(said, golden=shared, inactive=[n for n in said.inactive if n != 0]))


@case("RIM-24", "rim.schema")
def index_twice(s: Scene) -> None:
    """an index given twice in one manifest"""
    said = manifest()
    publish(s, replace(said, inactive=(*said.inactive, 21)))


@case("RIM-25", "rim.no_measurements")
def none_active(s: Scene) -> None:
    """validly signed manifests without an active measurement"""
    publish(s, replace(manifest(), golden={}, inactive=range(64)))
    publish(s, replace(manifest(VBIOS_RIM), golden={}, inactive=range(64)), VBIOS_RIM)


@case("RIM-26", "rim.no_measurements")
def empty_payload(s: Scene) -> None:
    """an empty Payload"""
    publish(s, replace(manifest(), golden={}, inactive=()))


@case("RIM-27", "rim.schema")
def alternatives_miscounted(s: Scene) -> None:
    """three alternatives announced, one given"""
    _rewrite(s, 'alternatives="1"', 'alternatives="3"')


@case("RIM-28", "rim.schema")
def short_hash(s: Scene) -> None:
    """a hash shorter than its size"""
    _rewrite(s, golden().decode(), golden().decode()[:64])


@case("RIM-29", "rim.schema")
def odd_spelling(s: Scene) -> None:
    """an active attribute spelled 'true '"""
    _rewrite(s, 'active="True"', 'active="true "')


@case("RIM-31", "measurement.mismatch")
def index_not_measured(s: Scene) -> None:
    """a golden index that the report does not hold"""
    said = manifest()
    publish(s, replace(said, golden={**said.golden, 99: [bytes(48)]}))


@case("RIM-34", "measurement.mismatch")
def value_of_another_index(s: Scene) -> None:
    """a measurement that is golden for another index"""
    s.show(replace(s.device, measurements={**s.device.measurements, 21: s.device.measurements[22]}))


@case("RIM-35", "measurement.mismatch")
def zero_measurement(s: Scene) -> None:
    """an active measurement of zeros"""
    s.show(replace(s.device, measurements={**s.device.measurements, 21: bytes(48)}))


@case("X-04", "measurement.mismatch")
def dev_tools(s: Scene) -> None:
    """developer tools on: the measurements of a debuggable firmware"""
    changed = hashlib.sha384(b"debug").digest()
    s.show(replace(s.device, measurements={**s.device.measurements, 9: changed}))


@case("X-14", "ocsp.missing")
def unknown_signer(s: Scene) -> None:
    """a manifest by a signer nobody answers for"""
    other: Holder = issue(SEED, Request("Another RIM L4 Signer", ca=False), AUTHORITIES.rim_l3)
    assert serial(other.certificate) not in s.ocsp
    s.rims[DRIVER_RIM] = rim.sign(manifest(), (other, *rim_chain()[1:]))


def _rewrite(s: Scene, old: str, new: str) -> None:
    """Changed and validly signed."""
    said = manifest()
    assert old in said.body()
    s.rims[DRIVER_RIM] = rim.sign_text(said.head(), said.body().replace(old, new, 1), rim_chain())
