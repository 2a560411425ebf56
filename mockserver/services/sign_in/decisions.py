"""Every decision of sign-in that a client can see, one field each; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mockserver.services.sign_in import device, login, tokens
from mockserver.services.sign_in.clients import Client
from mockserver.services.sign_in.grants import Device, Login

if TYPE_CHECKING:
    from mockserver.call import Call, Reply
    from mockserver.services.orgs.credentials import Credential
    from mockserver.services.sign_in import SignInPart

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides. Times in seconds."""

    issuer: Callable[[Call], str] = tokens.issuer
    person: Callable[[Call, str], str | None] = login.person  # the account of whoever signs in
    token_ttl_s: float = 3600

    # -- devices
    device_code: Handler = device.device_code
    device_page: Handler = device.device_page
    decide_device: Handler = device.decide_device
    new_code: Callable[[], str] = device.new_code
    new_user_code: Callable[[], str] = device.new_user_code
    device_ttl_s: float = 240
    interval_s: float = 5
    cannot_decide: Callable[[Call, Device], bool] = device.cannot_decide
    decide: Callable[[Call, Device, str, str], None] = device.decide
    poll: Callable[[Call, Device], None] = device.poll  # lets pass or refuses
    has_expired: Callable[[Call, Device], bool] = device.has_expired
    polls_too_fast: Callable[[Call, Device], bool] = device.polls_too_fast
    is_denied: Callable[[Device], bool] = device.is_denied
    is_pending: Callable[[Device], bool] = device.is_pending

    # -- login
    authorize_page: Handler = login.authorize_page
    sign_in: Handler = login.sign_in
    may_return_to: Callable[[Client, str], bool] = login.may_return_to
    new_login: Callable[[Call, Mapping[str, str], Client], tuple[str, Login]] = login.new_login
    check_challenge: Callable[[Mapping[str, str]], None] = login.check_challenge
    returned_state: Callable[[Login], str] = login.returned_state
    send_back: Callable[[Call, str, Mapping[str, str]], Reply] = login.send_back

    # -- tokens
    token: Handler = tokens.token
    for_device: Callable[[Call, Mapping[str, str], str], Json] = tokens.for_device
    for_code: Callable[[Call, Mapping[str, str], str], Json] = tokens.for_code
    is_owner: Callable[[Login, Mapping[str, str], str], bool] = tokens.is_owner
    verifies: Callable[[Login, str], bool] = tokens.verifies
    use_login: Callable[[Call, Login], bool] = tokens.use_login  # False = the code was used
    access: Callable[[Call, str, str], Json] = tokens.access  # (call, account, scope)
    scopes_of: Callable[[str], tuple[str, ...]] = tokens.scopes_of
    claims: Callable[[Call, Login], Json] = tokens.claims
    sign: Callable[[SignInPart, Json], str] = tokens.sign  # claims to the id token

    # -- what is published
    userinfo: Handler = tokens.userinfo
    who: Callable[[Credential], Json] = tokens.who
    jwks: Handler = tokens.jwks
    key_set: Callable[[SignInPart], list[Json]] = tokens.key_set
    configuration: Handler = tokens.configuration
    metadata: Callable[[Call], Json] = tokens.metadata
