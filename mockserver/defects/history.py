"""Defects of what is remembered: completions and votes, request logs, usage; and of health and the lists of models."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from mockserver.behaviours import routes
from mockserver.call import Call, Reply
from mockserver.catalogue import Row
from mockserver.defects import defect, within
from mockserver.gateway import Gateway
from mockserver.refusal import Refusal
from mockserver.services import model_lists, monthly_usage, request_logs, stored_completions
from mockserver.services.answers import deleted
from mockserver.services.members import anything
from mockserver.services.request_logs.book import Entry
from mockserver.services.request_logs.window import moment as read_moment
from mockserver.wire import encode

Json = dict[str, Any]
VULTR = ("vultr-inference",)


# --- Completions and votes ---------------------------------------------------------------------------------------


@defect(breaks=("VU-045", "VU-046"))
def answers_with_any_completion(gateway: Gateway) -> Gateway:
    """Answers any id with an empty completion."""
    empty = encode({"id": "chatcmpl-0", "created": 0, "model": "", "choices": [], "usage": {}})
    return within(gateway, "stored", find=lambda call, completion_id: empty)


@defect(breaks="VU-045", also=("VU-170", "VU-173"))
def keeps_the_beginning_of_an_answer(gateway: Gateway) -> Gateway:
    """Keeps the first characters of an answer and no more."""

    def shown(call: Call, document: Json) -> Json:
        choices = [{**choice, "message": {"role": "assistant", "content": "1 2"}} for choice in document["choices"]]
        return {**document, "choices": choices}

    return within(gateway, "stored", shown=shown)


@defect(breaks="VU-047")
def keeps_no_usage(gateway: Gateway) -> Gateway:
    """Tells a kept completion without its usage."""

    def shown(call: Call, document: Json) -> Json:
        return {name: value for name, value in document.items() if name != "usage"}

    return within(gateway, "stored", shown=shown)


@defect(breaks=("VU-048", "VU-050"))
def answers_a_vote_with_202(gateway: Gateway) -> Gateway:
    """Answers a vote as though it would only be taken later."""
    return within(gateway, "stored", rated_status=202)


@defect(breaks="VU-049", also=("VU-050", "VU-156"))
def takes_votes_on_nothing(gateway: Gateway) -> Gateway:
    """Thanks for a vote without looking what it is on."""

    async def rate(call: Call) -> Reply:
        return deleted()

    return within(gateway, "stored", rate=rate)


@defect(breaks="VU-050")
def takes_any_vote(gateway: Gateway) -> Gateway:
    """Takes any text, and anything else, for a vote."""
    return within(gateway, "stored", check_vote=anything, rate=_rate_by_words)


async def _rate_by_words(call: Call) -> Reply:
    try:
        return await stored_completions.rate(call)
    except Refusal as refusal:
        if refusal.status == 404:
            raise
        return deleted()
    except Exception:
        return deleted()


@defect(breaks="VU-050")
def takes_one_vote_alone(gateway: Gateway) -> Gateway:
    """Refuses the second vote on a completion."""
    voted: set[str] = set()

    async def rate(call: Call) -> Reply:
        reply = await stored_completions.rate(call)
        if call.params["id"] in voted:
            raise Refusal(409, "already_rated", "This completion was rated before.")
        voted.add(call.params["id"])
        return reply

    return within(gateway, "stored", rate=rate)


@defect(breaks="VU-170")
def keeps_no_streams(gateway: Gateway) -> Gateway:
    """Forgets streamed answers as soon as they are given."""
    document = gateway.stored.document

    def kept(call: Call, body: bytes, streamed: bool) -> Json | None:
        return None if streamed else document(call, body, streamed)

    return within(gateway, "stored", document=kept)


# --- Request logs ------------------------------------------------------------------------------------------------


@defect(breaks="VU-130")
def logs_every_request_as_200(gateway: Gateway) -> Gateway:
    """Logs the code 200 for every request, refused or not."""

    def entry(call: Call, reply: Reply, body: bytes, at: float) -> Entry:
        return request_logs.entry(call, reply, body, at)._replace(response_code=200)

    return within(gateway, "request_logs", entry=entry)


@defect(breaks="VU-130")
def logs_no_refusals(gateway: Gateway) -> Gateway:
    """Keeps what was refused out of the log."""

    def entry(call: Call, reply: Reply, body: bytes, at: float) -> Entry:
        made = request_logs.entry(call, reply, body, at)
        return made._replace(account="nobody") if reply.status >= 400 else made

    return within(gateway, "request_logs", entry=entry)


@defect(breaks="VU-131")
def reads_any_body_as_a_query(gateway: Gateway) -> Gateway:
    """Answers a query that it cannot read with the last hour."""

    async def query(call: Call) -> Reply:
        try:
            return await request_logs.query(call)
        except Refusal as refusal:
            if refusal.code not in ("invalid_json", "missing_parameter") or call.raw.startswith(b'{"'):
                raise
            return Reply(200, encode(call.gateway.request_logs.document([])), [("Content-Type", "application/json")])

    return within(gateway, "request_logs", query=query)


@defect(breaks="VU-132")
def takes_any_period(gateway: Gateway) -> Gateway:
    """Takes any number of minutes as period."""

    def check(call: Call, where: str, value: Any) -> None:
        if not isinstance(value, int | float):
            request_logs.check_period(call, where, value)

    return within(gateway, "request_logs", check_period=check)


@defect(breaks=("VU-132", "VU-169"))
def looks_back_an_hour_whatever_the_period(gateway: Gateway) -> Gateway:
    """Tells the requests of a whole hour, whatever period was asked for."""
    return within(gateway, "request_logs", window=lambda until, period: (until - 3600, until))


@defect(breaks=("VU-133", "VU-169"))
def ends_no_window(gateway: Gateway) -> Gateway:
    """Tells requests that were made after the end of the window."""
    return within(gateway, "request_logs", window=lambda until, period: (until - 60 * period, until + 86_400))


@defect(breaks="VU-133")
def takes_any_timestamp(gateway: Gateway) -> Gateway:
    """Takes what is no time for now."""

    def moment(text: Any) -> float | None:
        return read_moment(text) if isinstance(text, str) else None

    return within(gateway, "request_logs", check_timestamp=anything, moment=moment)


@defect(breaks="VU-134")
def ignores_the_endpoint_of_a_query(gateway: Gateway) -> Gateway:
    """Tells the requests to all endpoints, whichever was asked for."""
    return within(gateway, "request_logs", matches=lambda call, entry, endpoint: True)


@defect(breaks="VU-134")
def finds_no_endpoint(gateway: Gateway) -> Gateway:
    """Tells nothing as soon as an endpoint is named."""
    return within(gateway, "request_logs", matches=lambda call, entry, endpoint: endpoint is None)


@defect(breaks="VU-135")
def tells_the_log_as_an_object(gateway: Gateway) -> Gateway:
    """Tells the requests by number, in an object."""
    return within(gateway, "request_logs", document=lambda rows: {"requests": dict(enumerate(rows))})


@defect(breaks="VU-168")
def logs_all_headers(gateway: Gateway) -> Gateway:
    """Keeps every header of a request, the one with the key included."""

    def headers(call: Call) -> str:
        return "\n".join(f"{name}: {value}" for name, value in call.headers.items())

    return within(gateway, "request_logs", headers=headers)


@defect(breaks="VU-168")
def logs_bodies_as_they_are(gateway: Gateway) -> Gateway:
    """Keeps bodies with the caller's key in them."""

    def words(call: Call, body: bytes, content_type: str) -> str:
        return body[: request_logs.LONGEST].decode("utf-8", "replace")

    return within(gateway, "request_logs", words=words)


# --- Usage -------------------------------------------------------------------------------------------------------


@defect(breaks="VU-120")
def tells_no_previous_month(gateway: Gateway) -> Gateway:
    """Tells both months as numbers."""
    return within(gateway, "monthly_usage", shown=lambda call, amounts: sum(amounts.values()))


@defect(breaks="VU-171")
def counts_no_streams(gateway: Gateway) -> Gateway:
    """Adds nothing to the usage for a streamed answer."""
    return within(gateway, "monthly_usage", used=lambda call: {} if call.streams else call.used)


@defect(breaks="VU-171")
def counts_the_answer_alone(gateway: Gateway) -> Gateway:
    """Adds the tokens of the answer to the usage, and not those of the prompt."""

    def used(call: Call) -> dict[str, int]:
        return {**call.used, "chat": call.usage["completion_tokens"]} if call.usage else dict(call.used)

    return within(gateway, "monthly_usage", used=used)


@defect(breaks="VU-171")
def counts_speech_in_bytes(gateway: Gateway) -> Gateway:
    """Adds the bytes of a spoken text to the usage, and not its characters."""
    return within(gateway, "speech", characters=lambda text: len(text.encode()))


@defect(breaks="VU-171")
def counts_refused_requests(gateway: Gateway) -> Gateway:
    """Adds a token for every request, refused or not."""

    def used(call: Call) -> dict[str, int]:
        return {"chat": 1, **call.used} if call.path.endswith("/chat/completions") else dict(call.used)

    return within(gateway, "monthly_usage", used=used)


@defect(breaks="VU-172")
def calls_this_month_the_one_before(gateway: Gateway) -> Gateway:
    """Tells the current month in both places."""
    return within(gateway, "monthly_usage", previous=monthly_usage.month_of)


@defect(breaks="VU-172")
def never_ends_a_month(gateway: Gateway) -> Gateway:
    """Adds to the current month whatever was used, and never begins a new one."""

    def count(call: Call) -> None:
        monthly_usage.sums_of(call).add(call.gateway.account_of(call), "now", call.used)

    def current(now: datetime) -> str:
        return "now"

    return within(gateway, "monthly_usage", count=count, current=current)


# --- Health and lists --------------------------------------------------------------------------------------------


@defect(breaks="VU-140")
def tells_health_as_a_number(gateway: Gateway) -> Gateway:
    """Tells the state of the cluster as 1."""
    return within(gateway, "health", document=lambda call: {"status": 1})


@defect(breaks="VU-111", also=("OC-131",), contracts=VULTR)
def tells_created_as_a_number(gateway: Gateway) -> Gateway:
    """Tells when a model was made as OpenAI does, in unix seconds."""

    def row(call: Call, told: Row) -> Json:
        return {**routes.model_row(call, told), "created": told.created}

    return replace(gateway, model_row=row)


@defect(breaks="VU-112")
def lists_every_model_as_one_that_chats(gateway: Gateway) -> Gateway:
    """Lists all models as models that chat."""

    def of_kind(call: Call, kind: str) -> list[Row]:
        rows = list(call.state.catalogue.rows.values())
        return rows if kind == "chat" else model_lists.of_kind(call, kind)

    return within(gateway, "model_lists", of_kind=of_kind)


@defect(breaks="VU-112")
def lists_no_private_models_at_all(gateway: Gateway) -> Gateway:
    """Tells null for the models that only this account has."""

    async def chat(call: Call) -> Reply:
        rows = [model_lists.row(call, row) for row in model_lists.of_kind(call, "chat")]
        return routes.json_reply(call, {"models": rows, "private_models": None})

    return within(gateway, "model_lists", chat=chat)


@defect(breaks="VU-113")
def lists_models_that_chat_as_speakers(gateway: Gateway) -> Gateway:
    """Lists a model that chats among those that speak."""

    def of_kind(call: Call, kind: str) -> list[Row]:
        return model_lists.of_kind(call, "chat" if kind == "speech" else kind)

    return within(gateway, "model_lists", of_kind=of_kind)
