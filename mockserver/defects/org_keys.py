"""Defects of the keys of an organisation: keys that do too much or live too long."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mockserver.call import Call, Reply
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.services.members import anything, array, one_of, optional, required
from mockserver.services.orgs import keys, scopes
from mockserver.services.orgs.credentials import Credential


@defect(breaks="VL-016", seen=("K31",))
def revokes_keys_in_the_list_alone(gateway: Gateway) -> Gateway:
    """Takes a key off the list and goes on accepting it."""

    def revoke(call: Call, credential: Credential) -> None:
        call.state.parts["orgs"].credentials.remove(credential.id)

    return within(gateway, "orgs", revoke=revoke)


@defect(breaks="VL-016", also=("VL-118",))
def lists_keys_that_were_revoked(gateway: Gateway) -> Gateway:
    """Ends a key and leaves it in the list."""
    return within(gateway, "orgs", revoke=lambda call, found: call.state.ledger.keys.revoke(found.id))


def _row(gateway: Gateway, **members: Any) -> Gateway:
    return within(gateway, "orgs", key_row=lambda found: {**keys.key_row(found), **members})


@defect(breaks="VL-061", also=("OC-170",))
def lists_keys_without_scopes(gateway: Gateway) -> Gateway:
    """Shows every key as one that may do nothing."""
    return _row(gateway, scopes=[])


@defect(breaks="VL-061")
def lists_the_newest_key_late(gateway: Gateway) -> Gateway:
    """Leaves the newest key out of the list."""
    return within(gateway, "orgs", listed=lambda call: keys.listed(call)[:-1])


@defect(breaks="VL-112", also=("VL-113", "VL-127"))
def does_not_look_at_scopes(gateway: Gateway) -> Gateway:
    """Serves a key whatever its scopes are."""
    return within(gateway, "orgs", has=lambda credential, scope: True)


@defect(breaks="VL-112")
def looks_at_scopes_of_writes_alone(gateway: Gateway) -> Gateway:
    """Lets every key read everything."""

    def wanted(call: Call) -> str | None:
        return None if call.method == "GET" else scopes.wanted(call)

    return within(gateway, "orgs", wanted=wanted)


@defect(breaks="VL-112", also=("VL-127",))
def forgets_the_scopes_of_jobs(gateway: Gateway) -> Gateway:
    """Looks at no scope where LoRA jobs are concerned."""

    def wanted(call: Call) -> str | None:
        return None if "/fine-tuning/" in call.path else scopes.wanted(call)

    return within(gateway, "orgs", wanted=wanted)


@defect(breaks="VL-113", also=("VL-127",))
def lets_any_key_issue_keys(gateway: Gateway) -> Gateway:
    """Asks for no scope where keys are issued, nor whether the giver has what is given."""

    def wanted(call: Call) -> str | None:
        return None if call.method == "POST" and call.path.endswith("/api-keys") else scopes.wanted(call)

    return within(gateway, "orgs", wanted=wanted, check_scopes=lambda call, asked: None)


@defect(breaks="VL-113")
def lets_keys_give_more_than_they_have(gateway: Gateway) -> Gateway:
    """Issues a key with scopes that the issuing one does not have."""
    return within(gateway, "orgs", check_scopes=lambda call, asked: None)


@defect(breaks="VL-113", also=("OC-171", "OC-170"))
def issues_keys_with_any_scope(gateway: Gateway) -> Gateway:
    """Takes scopes that nobody documented."""

    def check(call: Call, where: str, value: Any) -> None:
        array(anything, 1, 20)(call, where, value)

    members = {**keys.MEMBERS, "scopes": required(check)}
    return within(gateway, "orgs", members=members, check_scopes=lambda call, asked: None)


@defect(breaks="VL-114")
def lists_whole_secrets(gateway: Gateway) -> Gateway:
    """Shows the secret of every key as its prefix."""

    def credential(call: Call, asked: Mapping[str, Any], secret: str) -> Credential:
        return replace(keys.credential_of(call, asked, secret), prefix=secret)

    return within(gateway, "orgs", credential=credential)


@defect(breaks="VL-114")
def shows_half_of_every_secret(gateway: Gateway) -> Gateway:
    """Shows forty characters of a secret in the list."""

    def credential(call: Call, asked: Mapping[str, Any], secret: str) -> Credential:
        return replace(keys.credential_of(call, asked, secret), prefix=secret[:40])

    return within(gateway, "orgs", credential=credential)


@defect(breaks="VL-115")
def takes_keys_that_have_expired(gateway: Gateway) -> Gateway:
    """Goes on accepting a key after its end."""
    return within(gateway, "orgs", is_expired=lambda call, credential: False)


@defect(breaks="VL-115")
def issues_every_key_for_a_year(gateway: Gateway) -> Gateway:
    """Ignores ttl_days."""

    def credential(call: Call, asked: Mapping[str, Any], secret: str) -> Credential:
        return keys.credential_of(call, {**asked, "ttl_days": 365}, secret)

    return within(gateway, "orgs", credential=credential)


@defect(breaks="VL-116", also=("OC-171",))
def issues_keys_without_scopes(gateway: Gateway) -> Gateway:
    """Issues a key with every scope when none is named."""
    members = {**keys.MEMBERS, "scopes": optional(array(one_of(scopes.SCOPES), 1), list(scopes.SCOPES))}
    return within(gateway, "orgs", members=members)


@defect(breaks="VL-116", also=("OC-171", "OC-172"))
def issues_keys_for_any_time(gateway: Gateway) -> Gateway:
    """Takes any number of days, also none and less."""

    def check(call: Call, where: str, value: Any) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 100_000:
            raise call.gateway.refuse_parameter(call, where, f"Invalid value for '{where}': expected an integer.")

    return within(gateway, "orgs", members={**keys.MEMBERS, "ttl_days": optional(check, 90)})


@defect(breaks="VL-117")
def escapes_names(gateway: Gateway) -> Gateway:
    """Keeps names as HTML."""

    def credential(call: Call, asked: Mapping[str, Any], secret: str) -> Credential:
        return keys.credential_of(call, {**asked, "name": html.escape(asked["name"])}, secret)

    return within(gateway, "orgs", credential=credential)


@defect(breaks="VL-117", also=("OC-171", "VL-116"))
def takes_any_name(gateway: Gateway) -> Gateway:
    """Takes names with line ends and zero bytes."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, str) or not 0 < len(value) <= 100:
            raise call.gateway.refuse_parameter(call, where, f"Invalid value for '{where}': expected a text.")

    return within(gateway, "orgs", members={**keys.MEMBERS, "name": required(check)})


@defect(breaks="VL-118", also=("VL-111", "VL-141", "OC-170"))
def revokes_keys_that_never_were(gateway: Gateway) -> Gateway:
    """Answers 204 to the revocation of any id."""

    async def delete(call: Call) -> Reply:
        orgs = call.gateway.orgs
        orgs.check_org(call)
        found = orgs.find(call, call.params["key_id"])
        if found is not None:
            orgs.revoke(call, found)
        return Reply(204, b"", [])

    return within(gateway, "orgs", delete_key=delete)
