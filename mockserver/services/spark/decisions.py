"""Every decision of Spark that a client can see, one field each; the defaults are the honest behaviours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mockserver.services.members import Members
from mockserver.services.spark import block as blocks
from mockserver.services.spark import models, placement
from mockserver.services.spark import usage as usages
from mockserver.services.spark.usage import Range, Sum

if TYPE_CHECKING:
    from datetime import datetime

    from mockserver.call import Call, Headers, Reply
    from mockserver.catalogue import Row
    from mockserver.ledger import Charge
    from mockserver.refusal import Refusal
    from mockserver.services.spark.fleet import Pins, Pod
    from mockserver.services.spark.served import Request

Json = dict[str, Any]
Handler = Callable[["Call"], Awaitable["Reply"]]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Comments say what each field decides."""

    # -- where a request is served
    admit: Callable[[Call], None] = placement.admit  # calls that name no model
    place: Callable[[Call], None] = placement.place  # calls that do, streams and whole answers alike
    pin_members: Members = field(default_factory=lambda: placement.PINS)
    pins_of: Callable[[Call], Pins] = placement.pins_of
    tier_of: Callable[[Call, Pins], str] = placement.tier_of
    permits: Callable[[Call, Pins, str], bool] = placement.permits  # False = 403
    metros_of: Callable[[Call], Sequence[str]] = placement.metros_of  # that the tenant may be served in
    choose: Callable[[Call, Pins], Pod] = placement.choose
    suits: Callable[[Call, Pod, Pins], bool] = placement.suits  # no pod that does = 503
    serve_at: Callable[[Call, Pod, str], None] = placement.serve_at
    refuse_violation: Callable[[Call], Refusal] = placement.violation
    refuse_no_capacity: Callable[[Call], Refusal] = placement.no_capacity

    # -- what an answer says of it
    shown: Callable[[Call, Reply], Reply] = blocks.shown
    headers: Callable[[Call], Headers] = blocks.headers
    block: Callable[[Call, float, int, float], Json] = blocks.block  # (call, seconds to the first, tokens, seconds)
    whole: Callable[[Call, bytes, Json], bytes] = blocks.whole
    stream: Callable[[Call, AsyncIterator[bytes]], AsyncIterator[bytes]] = blocks.stream
    frame: Callable[[Call, bytes, Json], bytes] = blocks.frame

    # -- models
    list_models: Handler = models.list_models
    lists: Callable[[Row, str | None, str | None], bool] = models.lists  # (row, tier, catalogue) of the filters

    # -- usage
    usage: Handler = usages.usage
    range_of: Callable[[Call], Range] = usages.range_of
    served: Callable[[Call, Range], list[Request]] = usages.served
    charge_of: Callable[[Call, Request], Charge | None] = usages.charge_of
    step_of: Callable[[datetime, str], datetime] = usages.step_of
    add: Callable[[Sum, Charge], None] = usages.add
    usage_row: Callable[[datetime, str, str, str, Sum], Json] = usages.usage_row
