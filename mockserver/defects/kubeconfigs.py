"""Defects of kubeconfigs: identities, keys and lifetimes that are not what the answer says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from mockserver.call import Call
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.forge import kubeconfig
from mockserver.services.forge.authority import Leaf
from mockserver.services.forge.kubeconfig import Access, Minted
from mockserver.services.forge.leases import Lease
from mockserver.services.members import integer, optional

Json = dict[str, Any]


def writing(gateway: Gateway, change: Callable[[Json], object]) -> Gateway:
    """Kubeconfigs that are changed before they leave."""

    def write(access: Access) -> bytes:
        document = yaml.safe_load(kubeconfig.write(access))
        change(document)
        return yaml.safe_dump(document).encode()

    return within(gateway, "forge", write_kubeconfig=write)


def issuing(gateway: Gateway, make: Callable[[Call, Lease, str, datetime], Leaf]) -> Gateway:
    return within(gateway, "forge", leaf=make)


def signed(call: Call, lease: Lease, key: ec.EllipticCurvePrivateKey, change: Any) -> Leaf:
    """A certificate of the mock's authority with one thing changed in its making."""
    honest = call.gateway.forge.spiffe_id(call, lease)
    authority = call.state.parts["forge"].authority
    now = call.state.clock.instant()
    builder = change(
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, lease.id)]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(honest)]), critical=False)
    )
    return Leaf(builder.sign(authority.key, hashes.SHA256()), key)


@defect(breaks="VL-046")
def answers_a_kubeconfig_with_200(gateway: Gateway) -> Gateway:
    """Mints a kubeconfig and answers 200."""
    return within(gateway, "forge", minted_status=200)


@defect(breaks="VL-046")
def mints_without_an_authority(gateway: Gateway) -> Gateway:
    """Tells clients not to verify the cluster's certificate."""

    def change(document: Json) -> None:
        cluster = document["clusters"][0]["cluster"]
        del cluster["certificate-authority-data"]
        cluster["insecure-skip-tls-verify"] = True

    return writing(gateway, change)


@defect(breaks="VL-046")
def mints_for_plain_http(gateway: Gateway) -> Gateway:
    """Names a server that is spoken to without TLS."""
    honest = gateway.forge.server_of
    return within(gateway, "forge", server_of=lambda call, lease: honest(call, lease).replace("https:", "http:"))


@defect(breaks="VL-046", also=("VL-040", "VL-158", "VL-159", "VL-160", "VL-161", "VL-162", "VL-166"))
def mints_a_context_that_is_not_there(gateway: Gateway) -> Gateway:
    """Makes a context current that the kubeconfig does not have."""
    return writing(gateway, lambda document: document.update({"current-context": "default"}))


@defect(breaks="VL-046", also=("VL-040", "VL-158", "VL-159", "VL-160", "VL-161", "VL-162", "VL-166"))
def mints_yaml_without_base64(gateway: Gateway) -> Gateway:
    """Sends the kubeconfig as it is, not in base64."""
    honest = gateway.forge.minted

    def minted(call: Call, made: Minted) -> Json:
        return {**honest(call, made), "kubeconfig": call.gateway.forge.write_kubeconfig(made.access).decode()}

    return within(gateway, "forge", minted=minted)


@defect(breaks="VL-040", also=("VL-166",))
def mints_for_the_default_namespace(gateway: Gateway) -> Gateway:
    """Leaves the namespace out of the context."""
    return writing(gateway, lambda document: document["contexts"][0]["context"].pop("namespace"))


@defect(breaks="VL-159")
def names_the_tenant_and_no_lease(gateway: Gateway) -> Gateway:
    """Gives all leases of a tenant one identity."""
    domain = gateway.forge.trust_domain
    return within(gateway, "forge", spiffe_id=lambda call, lease: f"spiffe://{domain}/tenant/{lease.tenant}/forge")


@defect(breaks="VL-159")
def certifies_another_identity(gateway: Gateway) -> Gateway:
    """Signs the certificate for another id than the answer names."""
    honest = gateway.forge.leaf
    return issuing(gateway, lambda call, lease, name, until: honest(call, lease, name + "/node", until))


@defect(breaks="VL-159")
def certifies_an_authority(gateway: Gateway) -> Gateway:
    """Signs a certificate that may sign others."""

    def make(call: Call, lease: Lease, name: str, until: datetime) -> Leaf:
        basic = x509.BasicConstraints(ca=True, path_length=None)
        key = ec.generate_private_key(ec.SECP256R1())
        change = lambda builder: builder.not_valid_after(until).add_extension(basic, critical=True)  # noqa: E731
        return signed(call, lease, key, change)

    return issuing(gateway, make)


@defect(breaks="VL-159")
def certifies_a_name_without_a_uri(gateway: Gateway) -> Gateway:
    """Puts the identity into the common name alone, as older clusters do."""
    honest = gateway.forge.leaf

    def make(call: Call, lease: Lease, name: str, until: datetime) -> Leaf:
        issuer = call.state.parts["forge"].authority
        made = honest(call, lease, name, until)
        kept = [extension for extension in made.certificate.extensions if not _names(extension)]
        builder = (
            x509.CertificateBuilder()
            .subject_name(made.certificate.subject)
            .issuer_name(made.certificate.issuer)
            .public_key(made.key.public_key())
            .serial_number(made.certificate.serial_number)
            .not_valid_before(made.certificate.not_valid_before_utc)
            .not_valid_after(made.certificate.not_valid_after_utc)
        )
        for extension in kept:
            builder = builder.add_extension(extension.value, extension.critical)
        return Leaf(builder.sign(issuer.key, hashes.SHA256()), made.key)

    return issuing(gateway, make)


def _names(extension: x509.Extension[Any]) -> bool:
    return isinstance(extension.value, x509.SubjectAlternativeName)


@defect(breaks="VL-160")
def mints_a_key_of_another_certificate(gateway: Gateway) -> Gateway:
    """Sends a fresh key beside a certificate that was made for another one."""
    honest = gateway.forge.leaf

    def make(call: Call, lease: Lease, name: str, until: datetime) -> Leaf:
        return replace(honest(call, lease, name, until), key=ec.generate_private_key(ec.SECP256R1()))

    return issuing(gateway, make)


@defect(breaks="VL-161")
def certifies_for_ten_years(gateway: Gateway) -> Gateway:
    """Lets the certificate live on for ten years after expires_at."""
    honest = gateway.forge.leaf
    longer = timedelta(days=3650)
    return issuing(gateway, lambda call, lease, name, until: honest(call, lease, name, until + longer))


@defect(breaks=("VL-158", "VL-161"))
def mints_for_a_day_whatever_is_asked(gateway: Gateway) -> Gateway:
    """Gives every kubeconfig 24 hours."""
    honest = gateway.forge.expires
    return within(gateway, "forge", expires=lambda call, ttl_s: honest(call, 86_400))


@defect(breaks="VL-158")
def takes_any_lifetime(gateway: Gateway) -> Gateway:
    """Mints kubeconfigs for as long as is asked."""
    members = MappingProxyType({"ttl_seconds": optional(integer(1, 10**9), 43_200)})
    return within(gateway, "forge", kubeconfig_members=members)


@defect(breaks="VL-158", also=("VL-161",))
def mints_for_an_hour_unasked(gateway: Gateway) -> Gateway:
    """Gives a kubeconfig an hour where nothing was asked, and twelve were promised."""
    members = MappingProxyType({"ttl_seconds": optional(integer(600, 86_400), 3600)})
    return within(gateway, "forge", kubeconfig_members=members)


@defect(breaks="VL-162")
def mints_with_one_key_for_all(gateway: Gateway) -> Gateway:
    """Uses one key for every kubeconfig of a lease."""
    honest, minted = gateway.forge.leaf, dict[str, Leaf]()

    def make(call: Call, lease: Lease, name: str, until: datetime) -> Leaf:
        return minted.setdefault(f"{lease.id} {until:%F %H}", honest(call, lease, name, until))

    return issuing(gateway, make)


@defect(breaks="VL-162")
def shows_the_kubeconfig_with_the_lease(gateway: Gateway) -> Gateway:
    """Keeps a kubeconfig that was minted and shows it to whoever reads the lease."""
    forge, kept = gateway.forge, dict[str, str]()

    def write(access: Access) -> bytes:
        kept[access.user] = kubeconfig.write(access).decode()
        return kept[access.user].encode()

    def row(call: Call, lease: Lease) -> Json:
        return {**forge.row(call, lease), "kubeconfig": kept.get(lease.id)}

    return within(gateway, "forge", write_kubeconfig=write, row=row)


@defect(breaks="VL-163")
def mints_for_leases_that_have_ended(gateway: Gateway) -> Gateway:
    """Gives out access to the machines of a lease that is over."""
    return within(gateway, "forge", may_mint=lambda call, lease: True)


@defect(breaks="VL-163")
def mints_while_a_lease_is_terminating(gateway: Gateway) -> Gateway:
    """Gives out access until the last machine is gone."""

    def may_mint(call: Call, lease: Lease) -> bool:
        return call.gateway.forge.status_of(lease, call.state.clock.now()) != "terminated"

    return within(gateway, "forge", may_mint=may_mint)


@defect(breaks="VL-166")
def has_one_cluster_for_all_tenants(gateway: Gateway) -> Gateway:
    """Leads tenants who chose one name into one namespace of one cluster."""
    return within(gateway, "forge", server_of=lambda call, lease: f"https://{lease.metro}.k8s.forge.invalid:6443")


@defect(breaks="VL-166")
def calls_all_tenants_by_one_name(gateway: Gateway) -> Gateway:
    """Names every holder as the same tenant."""
    honest = gateway.forge.spiffe_id

    def spiffe_id(call: Call, lease: Lease) -> str:
        return honest(call, replace(lease, tenant="customer"))

    return within(gateway, "forge", spiffe_id=spiffe_id)
