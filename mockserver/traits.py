"""What the mock needs to know of a contract, read once; it never looks at requirement texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from specs import Envelope, envelopes


class Contract(Protocol):
    """The two members of `specs.Contract` that the mock uses."""

    @property
    def name(self) -> str: ...

    def trait(self, path: str, default: Any = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Traits:
    """Names follow the paths of `traits:` in contract.yaml; None or empty means the contract is silent."""

    contract: str
    base_path: str
    services: Sequence[str]
    lists_models: bool
    key_scheme: str
    key_header: str
    key_prefix: str
    key_on_models: bool
    envelope: Envelope
    invalid_status: int
    unknown_model_status: int
    unknown_model_code: str
    method_status: int
    too_large_status: int
    bounds: Mapping[str, Sequence[Any]]
    extra: Mapping[str, Mapping[str, Any]]
    random_seed: int | None
    created: str
    roles: Sequence[str] | None
    text_parts: bool
    images: Mapping[str, Any]
    default_max_tokens: int | None
    default_temperature: Decimal | None
    default_top_p: Decimal | None
    usage_always: bool
    confidential_flag: str | None
    priced: bool
    price_at: Mapping[str, str]  # JSON pointers of both prices in a row
    tags: str | None
    limit: int | None
    limit_headers: Mapping[str, str]
    families: Sequence[Mapping[str, Any]]
    family_roots: tuple[str, ...]  # with what one of their paths begins
    billed: bool
    insufficient_status: int
    insufficient_code: str
    markup: Decimal


def read_traits(contract: Contract) -> Traits:
    """The contract's traits with the OpenAI base's values where it says nothing."""

    def get(path: str, default: Any = None) -> Any:
        value = contract.trait(path, None)
        return default if value is None else value

    return Traits(
        contract=contract.name,
        base_path=get("base_path", "/v1"),
        services=get("services", ()),
        lists_models=get("catalogue.listed", True),
        key_scheme=get("auth.scheme", "bearer"),
        key_header=get("auth.header", "Authorization").lower(),
        key_prefix=get("auth.key_prefix", ""),
        key_on_models=get("auth.required_on_models", True),
        envelope=envelopes()[get("errors.envelope", "openai")],
        invalid_status=_first(get("errors.invalid_status"), 400),
        unknown_model_status=_first(get("errors.unknown_model_status"), 404),
        unknown_model_code=get("errors.unknown_model_code", "model_not_found"),
        method_status=_first(get("errors.method_not_allowed_status"), 405),
        too_large_status=_first(get("errors.too_large_status"), 413),
        bounds=get("chat.bounds", {}),
        extra=get("chat.extra", {}),
        random_seed=get("chat.random_seed"),
        created=get("catalogue.created", "integer"),
        roles=get("chat.roles"),
        text_parts=get("chat.text_parts", True),
        images=get("images", {}),
        default_max_tokens=get("chat.default_max_tokens"),
        default_temperature=_decimal(get("chat.default_temperature")),
        default_top_p=_decimal(get("chat.default_top_p")),
        usage_always=get("stream.usage_always", False),
        confidential_flag=get("catalogue.confidential_flag"),
        priced=get("catalogue.price") is not None,
        price_at=get("catalogue.price", {}),
        tags=get("catalogue.tags"),
        limit=get("limits.requests_per_minute"),
        limit_headers=get("limits.headers", {}),
        families=(families := get("refused_families", ())),
        family_roots=tuple(root for each in families for root in (each["path"], *each.get("subpaths", ()))),
        billed=get("billing") is not None,
        insufficient_status=get("billing.insufficient_status", 402),
        insufficient_code=get("billing.insufficient_code", "insufficient_balance"),
        markup=Decimal(str(get("billing.markup", "1"))),
    )


def _first(value: Any, default: int) -> int:
    """A trait may list several acceptable statuses; the honest mock answers with the first."""
    if isinstance(value, (list, tuple)):
        return int(value[0])
    return default if value is None else int(value)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))
