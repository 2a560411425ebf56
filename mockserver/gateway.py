"""Every observable decision of the mock, one named field each; the defaults are the honest behaviours.

A defect is `replace(gateway, field=...)`. A field that is None by default is a hook which honesty leaves alone.
"""

from __future__ import annotations

import codecs
import functools
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mockserver.behaviours import (
    admission,
    auth,
    billing,
    completion,
    engine,
    errors,
    limits,
    logprobs,
    parameters,
    routes,
    signatures,
    stops,
    stream,
    structured,
    text,
    tokens,
    tools,
    vendors,
)
from mockserver.behaviours import evidence as evidence_of
from mockserver.call import Call, Headers, Price, Reply
from mockserver.catalogue import Row
from mockserver.ledger import Charge, Key
from mockserver.refusal import Refusal
from mockserver.services import (
    completions,
    description,
    embeddings,
    fine_tuning,
    forge,
    health,
    images,
    model_lists,
    monthly_usage,
    orgs,
    rag,
    request_logs,
    sign_in,
    spark,
    speech,
    stored_completions,
    vault,
    vector_store,
)
from mockserver.state import secret_of
from mockserver.traits import Traits
from mockserver.upstream import Generation, Job, Piece

if TYPE_CHECKING:
    from mockserver.tee import Platform

MOST_PLANS = 256  # of checks that are remembered
Json = dict[str, Any]
Usage = dict[str, int]
Step = Callable[[Call], Awaitable[None]]
Handler = Callable[[Call], Awaitable[Reply]]
Check = Callable[[Call, Any], None]


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Comments say what each field decides. Money: nano-USD as int, prices as Decimal USD per million tokens."""

    # -- how bytes become requests
    wants_host: bool = True  # whether a request of HTTP/1.1 without one Host, or with two, is refused
    received: Callable[[bytes], bytes] | None = None  # sees what arrives before it is read

    # -- the way in: order of the steps; leave one out, repeat it or move it
    steps: tuple[Step, ...] = (auth.authenticate, limits.throttle, routes.route)  # every request
    chat_steps: tuple[Step, ...] = (  # then every chat request, before the provider hears of it
        admission.read_body,
        admission.parse,
        admission.validate,
        admission.gate,
        admission.place,
        admission.check_abilities,
        admission.afford,
    )

    # -- who may call
    needs_key: Callable[[Call], bool] = auth.needs_key  # whether this path wants a key at all
    credential: Callable[[Call], str | None] = auth.credential  # the key as found in the headers (names lower-case)
    find_key: Callable[[Call, str], Key | None] = auth.find_key  # live key of a secret; None = refused
    new_secret: Callable[[Traits, int, str], str] = secret_of  # (traits, seed, key id) to a key that is issued
    account_of: Callable[[Call], str] = auth.account_of  # account that is billed and shown

    # -- rate limits
    limit_of: Callable[[Call], int | None] = limits.limit_of  # requests per window; None = no limit
    bucket_of: Callable[[Call], str] = limits.bucket_of  # what shares one window (the key)
    window_s: int = limits.WINDOW_S  # length of the fixed window in seconds
    take: Callable[[Call], limits.Window | None] = limits.take  # count this call; .exceeded refuses it
    limit_headers: Callable[[Call], Headers] = limits.limit_headers  # X-RateLimit-*, on every response

    # -- routes
    methods_of: Callable[[Call, str], dict[str, Handler]] = routes.methods_of  # handlers of a path below /v1
    is_refused_family: Callable[[Call], bool] = routes.is_refused_family  # 503 not_available
    serve_chat: Handler = routes.serve_chat  # admission, then chat
    chat: Handler = completion.chat  # after admission: provider, then stream or answer

    # -- body and validation; each check takes (call, value), value is never null
    body_cap: int = 32 * 1024 * 1024  # bytes; more is refused before it is read
    depth_cap: int = 100  # nesting of JSON; more is refused
    decode_body: Callable[[Call, bytes], Json] = admission.decode_body  # bytes to the request object
    required: tuple[str, ...] = ("model", "messages")  # members that must be there
    check_model: Check = parameters.model
    check_messages: Check = parameters.messages  # the array, and each message in it
    check_role: Callable[[Call, str, Any], None] = parameters.role  # (call, "messages[0]", role)
    check_content: Callable[[Call, str, Json], None] = parameters.content  # (call, path, message)
    check_max_tokens: Check = parameters.max_tokens
    check_max_completion_tokens: Check = parameters.max_completion_tokens
    check_temperature: Check = parameters.temperature
    check_top_p: Check = parameters.top_p
    check_presence_penalty: Check = parameters.presence_penalty
    check_frequency_penalty: Check = parameters.frequency_penalty
    check_n: Check = parameters.n
    check_seed: Check = parameters.seed
    check_stream: Check = parameters.stream
    check_stream_options: Check = parameters.stream_options
    check_logprobs: Check = parameters.logprobs
    check_top_logprobs: Check = parameters.top_logprobs
    check_stop: Check = parameters.stop
    check_user: Check = parameters.user
    check_logit_bias: Check = parameters.logit_bias
    check_parallel_tool_calls: Check = parameters.parallel_tool_calls
    check_response_format: Check = parameters.response_format
    check_tools: Check = parameters.tools
    check_tool_choice: Check = parameters.tool_choice
    check_extra: Callable[[Call, Json], None] = parameters.extra  # sees the whole body; the contract's own parameters
    check_unknown: Callable[[Call, Json], None] | None = None  # sees the whole body; refuses unknown members, say

    # -- the confidential gate
    find_model: Callable[[Call, str], Row | None] = admission.find_model  # the live row, looked up on every call
    admits: Callable[[Call, Row], bool] = admission.admits  # the gate itself; the list shows what it admits
    sibling: Callable[[Call, str], str | None] = admission.sibling  # TEE variant to suggest in the refusal
    kinds: tuple[str, ...] = ("chat",)  # of models that chat
    can_use_tools: Callable[[Call, Row], bool] = admission.can_use_tools
    can_write_json: Callable[[Call, Row], bool] = admission.can_write_json
    context_of: Callable[[Call, Row], int] = admission.context_of  # longest prompt in tokens
    token_limits: tuple[str, ...] = ("max_tokens", "max_completion_tokens")  # members that bound the output
    max_tokens: Callable[[Call], int] = admission.max_tokens  # bound of each choice
    fallback_max_tokens: int = 4096  # bound where the contract has no default
    prompt_tokens: Callable[[Call], int] = tokens.prompt_tokens  # the gateway's own count of the prompt

    # -- catalogue
    list_models: Handler = routes.list_models  # GET /models
    retrieve_model: Handler = routes.retrieve_model  # GET /models/{id}
    listed_models: Callable[[Call], list[Row]] = routes.listed_models  # which rows are shown
    model_list: Callable[[Call, list[Json]], Json] = routes.model_list  # the list object around the rows
    model_row: Callable[[Call, Row], Json] = routes.model_row  # one row, as listed
    retrieved_row: Callable[[Call, Row], Json] = routes.retrieved_row  # one row, as retrieved
    model_in_path: Callable[[Call], str] = routes.model_in_path  # id from the decoded path; see call.raw_path

    # -- towards the provider
    upstream_body: Callable[[Call], Json] = completion.upstream_body  # defaults and include_usage added
    start_upstream: Callable[[Call], Generation] = completion.start_upstream  # the one call that leaves
    streams: Callable[[Call], bool] = completion.streams  # whether the answer is a stream

    # -- the engine (what the model says)
    generate: Callable[[Job], list[Piece]] = engine.generate  # all pieces of all choices, usage last
    rng_of: Callable[[Job, int], random.Random] = text.rng_of  # randomness of a choice: temperature 0 and seed
    compose: Callable[[Job, random.Random], str] = text.compose  # plain text of a choice
    choices_of: Callable[[Json], int] = engine.choices_of  # n
    tokenize: Callable[[str], list[bytes]] = tokens.tokenize  # output text to token bytes
    count_prompt: Callable[[Json], int] = tokens.count_prompt  # the engine's count of a request body
    engine_usage: Callable[[Job, int, int], Usage] = engine.engine_usage  # (job, prompt, completion) to usage
    stops_of: Callable[[Json], list[bytes]] = stops.stops_of  # stop sequences of a body
    stop_scanner: Callable[[list[bytes]], stops.StopScanner] = stops.StopScanner  # feed(token), flush(), hit
    wants_logprobs: Callable[[Json], bool] = logprobs.wants_logprobs
    token_logprobs: Callable[[bytes, int, random.Random], list[Json]] = (
        logprobs.logprobs
    )  # (token, top, rng) to entries
    write_json: Callable[[Job, random.Random], str | None] = structured.write_json  # response_format; None = text
    fill: Callable[[Any, list[str], random.Random], Any] = structured.fill  # a value for a JSON Schema

    # -- tools
    tool_choice_of: Callable[[Json], Any] = tools.tool_choice_of  # none, auto, required or a function
    pick_calls: Callable[[Job, random.Random], list[engine.ToolCall]] = tools.pick_calls  # [] = text
    subjects_of: Callable[[Json, str], list[list[str]]] = tools.subjects_of  # words of each (parallel) call
    arguments: Callable[[Json, list[str], random.Random], str] = tools.arguments  # JSON text for a schema
    tool_call_id: Callable[[random.Random], str] = tools.tool_call_id

    # -- the answer: shared by stream and non-stream
    completion_id: Callable[[Call], str] = completion.completion_id
    created: Callable[[Call], int] = completion.created
    model_echo: Callable[[Call], str] = completion.model_echo
    assistant_role: str = "assistant"
    decoder: Callable[[], codecs.IncrementalDecoder] = completion.new_decoder  # token bytes to text
    content: Callable[[Call, str], str] | None = None  # last word on text: all of it, or each delta's
    finish_reason: Callable[[Call, str], str | None] = completion.finish_reason

    # -- the answer without a stream
    answer: Callable[[Call, Generation], Awaitable[Reply]] = completion.answer  # whole way from pieces to reply
    completion_object: str = "chat.completion"
    document: Callable[[Call, list[Json], Json | None], Json] = completion.document  # id, object, choices, usage
    choice: Callable[[Call, int, list[Piece]], Json] = completion.choice
    message: Callable[[Call, list[Piece]], Json] = completion.message
    tool_calls_member: Callable[[Call, list[Piece]], list[Json]] = completion.tool_calls_member
    tool_call: Callable[[Call, str, str, str], Json] = completion.tool_call  # (call, id, name, arguments)
    logprobs_member: Callable[[list[Json]], Any] = completion.logprobs_member  # entries to choice.logprobs
    completed: Callable[[Call, Json], Any] | None = None  # the finished document, before it is encoded
    json_content_type: str = "application/json"

    # -- the answer as a stream
    open_stream: Callable[[Call, Generation], Awaitable[Reply]] = stream.open_stream
    stream_headers: Callable[[Call], Headers] = stream.stream_headers
    stream_content_type: str = "text/event-stream; charset=utf-8"
    preamble: tuple[bytes, ...] = ()  # frames before the first chunk
    chunk_object: str = "chat.completion.chunk"
    stream_model_echo: Callable[[Call], str] = completion.model_echo
    role_delta: Callable[[Call, Piece], Json] = stream.role_delta
    text_delta: Callable[[Call, str], Json] = stream.text_delta
    tool_head_delta: Callable[[Call, Json], Json | None] = stream.tool_head_delta  # tool: index, id, name
    tool_arguments_delta: Callable[[Call, int, str, Json], Json | None] = stream.tool_arguments_delta
    finish_delta: Callable[[Call, int], Json] = stream.finish_delta
    stream_finish_reason: Callable[[Call, str], str | None] = completion.finish_reason
    stream_logprobs_member: Callable[[list[Json]], Any] = completion.logprobs_member
    chunk: Callable[[Call, Json], Json | None] | None = None  # each chunk but the usage chunk; None drops it
    encode_frame: Callable[[Json], bytes] = stream.encode_frame  # chunk to `data: ...\n\n`
    done_frames: tuple[bytes, ...] = (b"data: [DONE]\n\n",)
    frames: Callable[[Call, AsyncIterator[bytes]], AsyncIterator[bytes]] | None = None  # the whole frame sequence
    in_stream_error: Callable[[Call, Refusal], list[bytes]] = errors.in_stream_error  # last frames after a failure
    on_disconnect: Callable[[Generation], None] = stream.on_disconnect  # the client left: abort the provider

    # -- usage
    usage_of: Callable[[Call, Usage | None], Usage] = completion.usage_of  # provider's, or the fallback
    fallback_usage: Callable[[Call, int], Usage] = completion.fallback_usage  # (call, delivered content bytes)
    reported_usage: Callable[[Call, Usage], Json | None] = completion.reported_usage  # as the client sees it
    reported_stream_usage: Callable[[Call, Usage], Json | None] = completion.reported_usage
    wants_usage: Callable[[Call], bool] = stream.wants_usage  # a usage chunk in this stream?
    wants_null_usage: Callable[[Call], bool] = stream.wants_null_usage  # `usage: null` on other chunks?
    usage_chunk: Callable[[Call, Json, Json | None], Json | None] = stream.usage_chunk  # (call, envelope, usage)

    # -- refusals: status, code, type, message, param and headers of each
    refuse_no_key: Callable[[Call], Refusal] = errors.no_key  # 401
    refuse_bad_key: Callable[[Call], Refusal] = errors.bad_key  # 401
    refuse_throttled: Callable[[Call], Refusal] = errors.throttled  # 429
    refuse_path: Callable[[Call], Refusal] = errors.unknown_path  # 404
    refuse_method: Callable[[Call, str], Refusal] = errors.method_not_allowed  # 405 (call, allowed)
    refuse_family: Callable[[Call], Refusal] = errors.family_not_available  # 503
    refuse_too_large: Callable[[Call], Refusal] = errors.too_large  # 413
    refuse_bad_json: Callable[[Call], Refusal] = errors.bad_json  # 400
    refuse_too_deep: Callable[[Call], Refusal] = errors.too_deep  # 400
    refuse_missing: Callable[[Call, str], Refusal] = errors.missing_parameter  # 400 (call, param)
    refuse_parameter: Callable[[Call, str, str], Refusal] = errors.bad_parameter  # 400 (call, param, message)
    refuse_unknown_model: Callable[[Call, str], Refusal] = errors.unknown_model  # chat: gate refusal or 404
    refuse_not_confidential: Callable[[Call, str], Refusal] = errors.not_confidential  # 400 (call, model)
    refuse_model_not_found: Callable[[Call, str], Refusal] = errors.model_not_found  # 404 on retrieve
    refuse_not_capable: Callable[[Call, str, str], Refusal] = errors.not_capable  # 400 (call, param, model)
    refuse_wrong_kind: Callable[[Call, str], Refusal] = errors.wrong_kind  # 400 (call, model)
    refuse_context: Callable[[Call, int], Refusal] = errors.context_exceeded  # 400
    refuse_insufficient: Callable[[Call], Refusal] = errors.insufficient_balance  # 402
    refuse_upstream: Callable[[Call], Refusal] = errors.upstream_failed  # 502, and inside a stream
    refuse_bad_nonce: Callable[[Call], Refusal] = errors.bad_nonce  # 400
    refuse_no_signature: Callable[[Call], Refusal] = errors.no_signature  # 404
    refuse_unknown: Callable[[Call, str], Refusal] = errors.unknown_thing  # 404 (call, what is not there)
    refuse_internal: Callable[[Call], Refusal] = errors.internal  # 500
    error_status: Callable[[Call, Refusal], int] = errors.error_status  # HTTP status of any refusal
    error_facts: Callable[[Call, Refusal], Json] = errors.error_facts  # what the envelope may tell
    error_body: Callable[[Call, Refusal], Any] = errors.error_body  # the envelope
    error_content_type: str = "application/json"
    error_reply: Callable[[Call, Refusal], Reply] = errors.error_reply  # the whole error response

    # -- ledger
    markup_of: Callable[[Call], Decimal] = billing.markup_of  # 1.85
    listed_price: Callable[[Call, Row], Price] = billing.listed_price  # as the catalogue shows it
    price_of: Callable[[Call, Row], Price] = billing.price_of  # as it is charged
    estimate: Callable[[Call], int] = billing.estimate  # amount to hold before the provider is called
    afford: Step = admission.afford  # hold the estimate, for operations other than chat
    cost: Callable[[Call, int, int], int] = billing.cost  # (call, prompt tokens, completion tokens)
    charge: Callable[[Call, Usage], int] = billing.charge  # amount of a usage
    round_nano: Callable[[Decimal], int] = billing.round_nano  # the one rounding
    reserve: Callable[[Call, int], bool] = billing.reserve  # hold; False = 402
    settle: Callable[[Call, Usage], None] = billing.settle  # charge the hold, release the rest
    settle_finished: Callable[[Call, Usage], None] = billing.settle_finished  # complete answer
    settle_aborted: Callable[[Call, Usage], None] = billing.settle_aborted  # the client left
    settle_dropped: Callable[[Call, Usage], None] = billing.settle_dropped  # the provider left mid-stream
    void_failed: Callable[[Call], None] = billing.void_failed  # the provider failed before its first byte
    serve_balance: Handler = routes.serve_balance  # GET /api/volt/balance
    balance_of: Callable[[Call], int] = routes.balance_of  # nano-USD still available
    balance_body: Callable[[Call, Decimal], Json] = routes.balance_body
    serve_generation: Handler = routes.serve_generation  # GET /api/volt/generation
    generation_body: Callable[[Call, Charge], Json] = routes.generation_body  # what one request is said to have cost
    serve_usage: Handler = routes.serve_usage  # GET /api/volt/usage
    spent: Callable[[Call], int] = routes.spent  # nano-USD in all

    # -- what services decide, one field a service
    completions: completions.Decisions = field(default_factory=completions.Decisions)
    embeddings: embeddings.Decisions = field(default_factory=embeddings.Decisions)
    images: images.Decisions = field(default_factory=images.Decisions)
    vectors: vector_store.Decisions = field(default_factory=vector_store.Decisions)
    rag: rag.Decisions = field(default_factory=rag.Decisions)
    stored: stored_completions.Decisions = field(default_factory=stored_completions.Decisions)
    speech: speech.Decisions = field(default_factory=speech.Decisions)
    model_lists: model_lists.Decisions = field(default_factory=model_lists.Decisions)
    monthly_usage: monthly_usage.Decisions = field(default_factory=monthly_usage.Decisions)
    request_logs: request_logs.Decisions = field(default_factory=request_logs.Decisions)
    health: health.Decisions = field(default_factory=health.Decisions)
    spark: spark.Decisions = field(default_factory=spark.Decisions)
    fine_tuning: fine_tuning.Decisions = field(default_factory=fine_tuning.Decisions)
    orgs: orgs.Decisions = field(default_factory=orgs.Decisions)
    sign_in: sign_in.Decisions = field(default_factory=sign_in.Decisions)
    description: description.Decisions = field(default_factory=description.Decisions)
    forge: forge.Decisions = field(default_factory=forge.Decisions)
    vault: vault.Decisions = field(default_factory=vault.Decisions)

    # -- evidence
    new_platform: Callable[[bytes, Callable[[], datetime]], Platform] = evidence_of.new_platform  # (seed, now)
    serve_evidence: Handler = evidence_of.serve_evidence  # GET /attestation/report
    serve_vendor: Handler = vendors.serve_vendor  # /sgx/..., /tdx/..., /nvidia/...: no key asked
    nonce_of: Callable[[Call, str], bytes] = evidence_of.nonce_of  # 32 bytes or a refusal
    evidence: Callable[[Call, str, bytes, str], Json] = evidence_of.evidence  # (call, model, nonce, algo) to report

    # -- signed answers
    record_answer: Callable[[Call, Reply], Reply] = signatures.record_answer  # what is hashed, and when
    bytes_signed: Callable[[Call, bytes], bytes] = signatures.bytes_signed  # the request as it is hashed
    keep_answer: Callable[[Call, bytes, bytes], None] = signatures.keep_answer  # (call, request, response)
    signature_ttl_s: int = 1200  # then the answer is forgotten
    serve_signature: Handler = signatures.serve_signature  # GET /signature/{id}
    signed_answer: Callable[[Call, signatures.Answer, str], Json] = signatures.signed_answer  # (call, answer, algo)
    signed_text: Callable[[Call, signatures.Answer], str] = signatures.signed_text  # request:response, both in hex
    sign_text: Callable[[Call, signatures.Answer, str, str], str] = signatures.sign_text  # (call, answer, text, algo)
    signer_of: Callable[[Call, signatures.Answer, str], str] = signatures.signer_of  # signing_address as shown

    # -- every response
    reply: Callable[[Call, Reply], Reply] | None = None  # any reply, before headers are completed
    response_headers: Callable[[Call, Headers], Headers] | None = None  # all headers of any reply, last word

    @functools.cached_property
    def parameter_checks(self) -> Sequence[tuple[str, Check]]:
        """The checks by parameter, in the order they run; `tools` comes before `tool_choice`, which needs it."""
        prefix = "check_"
        names = [name.removeprefix(prefix) for name in self.__dataclass_fields__ if name.startswith(prefix)]
        skipped = ("role", "content", "extra", "unknown")
        return [(name, getattr(self, prefix + name)) for name in names if name not in skipped]

    def checks_of(self, members: tuple[str, ...]) -> Sequence[tuple[str, Check]]:
        """Those of the members that a body has; bodies mostly have those of another before them."""
        plan = self._plans.get(members)
        if plan is None:
            plan = [each for each in self.parameter_checks if each[0] in members]
            if len(plan) == len(members) and len(self._plans) < MOST_PLANS:  # no names that a client made up
                self._plans[members] = plan
        return plan

    @functools.cached_property
    def _plans(self) -> dict[tuple[str, ...], Sequence[tuple[str, Check]]]:
        return {}
