"""Defects of the connection: TLS that ends somewhere else than the quote says. They show only where there is TLS."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from mockserver.defects import defect
from mockserver.defects.attestation import on_machine

if TYPE_CHECKING:
    from mockserver.gateway import Gateway

ANOTHER = hashlib.sha256(b"the certificate of a proxy").digest()


@defect(breaks=("AT-008", "AT-090"), also=("VT-002",), tls=True)
def ends_tls_in_front_of_the_enclave(gateway: Gateway) -> Gateway:
    """Binds and names the enclave's certificate, and shows the one of a proxy to whoever connects."""
    return on_machine(gateway, tls_bound=lambda fingerprint: ANOTHER, tls_shown=lambda fingerprint: ANOTHER)


@defect(breaks="AT-020", also=("VT-002",), tls=True)
def names_its_certificate_and_binds_another(gateway: Gateway) -> Gateway:
    """Names the certificate of the connection in the JSON, while the quote binds another."""
    return on_machine(gateway, tls_bound=lambda fingerprint: ANOTHER)


@defect(breaks=("AT-020", "AT-090"), also=("VT-002",), tls=True)
def keeps_quiet_about_its_certificate(gateway: Gateway) -> Gateway:
    """Leaves the certificate that the quote binds out of the JSON, so that nobody can compare it."""
    return on_machine(gateway, tls_shown=lambda fingerprint: None)


@defect(breaks=("AT-020", "AT-090"), also=("VT-002",), tls=True)
def binds_the_certificate_of_last_year(gateway: Gateway) -> Gateway:
    """Goes on naming a certificate that it has replaced since."""
    return on_machine(gateway, tls_shown=lambda fingerprint: ANOTHER)
