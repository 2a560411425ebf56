"""Judges an OpenID Connect id token: its signature by a published key, and what it says. Takes RS256 and ES256 only."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")  # members of a JSON Web Key that are secret
LONGEST = 64 * 1024  # characters of a token
DAY_S = 86_400


def claims(token: str, keys: Any) -> tuple[dict[str, Any], list[str]]:
    """What a token says, and what is wrong with its signature. Claims of a token that is none are empty."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        return {}, ["the id token is not in compact form"]
    try:
        header, body = (json.loads(_bytes(part)) for part in parts[:2])
        signature = _bytes(parts[2])
    except (ValueError, RecursionError):
        return {}, ["the id token cannot be decoded"]
    if not isinstance(header, dict) or not isinstance(body, dict):
        return {}, ["the id token is not made of objects"]
    return body, list(_unsigned(header, f"{parts[0]}.{parts[1]}".encode(), signature, keys))


def _unsigned(header: Mapping[str, Any], signed: bytes, signature: bytes, keys: Any) -> Iterator[str]:
    algorithm = header.get("alg")
    if algorithm not in ("RS256", "ES256"):
        yield f"the id token is signed with {str(algorithm)[:20]!r}, neither RS256 nor ES256"
        return
    rows = [row for row in keys if isinstance(row, dict)] if isinstance(keys, list) else []
    named = [row for row in rows if header.get("kid") is None or row.get("kid") == header["kid"]]
    if not any(_verifies(row, str(algorithm), signed, signature) for row in named):
        yield "no published key verifies the signature of the id token"


def _verifies(row: Mapping[str, Any], algorithm: str, signed: bytes, signature: bytes) -> bool:
    try:
        if algorithm == "RS256":
            numbers = rsa.RSAPublicNumbers(_number(row["e"]), _number(row["n"]))
            key = numbers.public_key()
            if key.key_size < 2048:
                return False
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            point = ec.EllipticCurvePublicNumbers(_number(row["x"]), _number(row["y"]), ec.SECP256R1()).public_key()
            half = len(signature) // 2
            pair = encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
            point.verify(pair, signed, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError, TypeError, KeyError):
        return False
    return True


def wrong(said: Mapping[str, Any], *, issuer: str, client: str, nonce: str, now: float) -> Iterator[str]:
    """What the claims of a login that we made must not say; `now` in unix seconds."""
    if said.get("iss") != issuer:
        yield f"iss is {str(said.get('iss'))[:80]!r} and not the issuer"
    audience = said.get("aud")
    if client not in (audience if isinstance(audience, list) else [audience]):
        yield f"aud is {str(audience)[:80]!r} and not the client"
    if said.get("nonce") != nonce:
        yield "nonce is not that of the request"
    if not isinstance(said.get("sub"), str) or not said["sub"]:
        yield "sub is not a non-empty string"
    expires, issued = said.get("exp"), said.get("iat")
    if not isinstance(expires, int) or not now < expires <= now + DAY_S:
        yield f"exp is {str(expires)[:30]}, not within a day from now"
    if not isinstance(issued, int) or abs(issued - now) > 300:
        yield f"iat is {str(issued)[:30]}, not the time of the login"


def _number(text: Any) -> int:
    return int.from_bytes(_bytes(text))


def _bytes(text: Any) -> bytes:
    """Base64url without padding. Raises ValueError."""
    if not isinstance(text, str) or not text.isascii():
        raise ValueError("not base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("not base64url") from error
