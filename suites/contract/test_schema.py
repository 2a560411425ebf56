"""What an OpenAPI document says of a chat request, member by member: bounds, roles, texts."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from harness.asking.ask import OMIT
from harness.judge.calls import told
from harness.judge.chat import member, objects

DECLARED = {400, 401, 403, 429, 500}
OF_HTTP = {413, 415, 502, 503, 504}  # what any server or proxy may answer
SMALL = 2  # requests a minute of a key that is used up
CHAT, EMBEDDINGS, IMAGES = "/chat/completions", "/embeddings", "/images/generations"
BODY = {"messages": [{"role": "user", "content": "Hi"}]}


def refused(answer, contract, what: str) -> None:
    due = contract.trait("errors.invalid_status")
    assert answer.status in due, f"{what} was answered with {answer.status}"


def of_one(message: dict[str, object]) -> list[dict[str, object]]:
    """A conversation of one message; members given as OMIT are left out."""
    return [{name: value for name, value in message.items() if value is not OMIT}]


@pytest.mark.requirement("VO-051")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("model", [7, ["gpt-4"], {"id": "gpt-4"}], ids=["number", "array", "object"])
def test_model_is_text(ask, contract, model):
    refused(ask.chat(model=model), contract, f"model {model!r}")


@pytest.mark.requirement("VO-052")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("messages", ["Hi", {"role": "user"}, ["Hi"]], ids=["text", "object", "texts"])
def test_messages_are_objects(ask, contract, messages):
    refused(ask.chat(messages=messages), contract, f"messages {messages!r}")


@pytest.mark.requirement("VO-055")
@pytest.mark.cost(calls=2, prompt_tokens=40, completion_tokens=10)
def test_n_is_one_to_ten(ask, contract):
    low, high = contract.trait("chat.bounds.n")
    refused(ask.chat(n=low - 1), contract, f"n of {low - 1}")
    refused(ask.chat(n=high + 1), contract, f"n of {high + 1}")
    answer = ask.chat(n=high, max_tokens=1)
    assert len(objects(member(answer.json, "choices"))) == high, f"n of {high} was answered with {answer.status}"


@pytest.mark.requirement("VO-058")
@pytest.mark.cost(calls=4, prompt_tokens=40, completion_tokens=10)
def test_presence_penalty_is_bounded(ask, contract):
    is_bounded(ask, contract, "presence_penalty")


@pytest.mark.requirement("VO-059")
@pytest.mark.cost(calls=4, prompt_tokens=40, completion_tokens=10)
def test_frequency_penalty_is_bounded(ask, contract):
    is_bounded(ask, contract, "frequency_penalty")


def is_bounded(ask, contract, name: str) -> None:
    for beyond in (-2.1, 2.1):
        refused(ask.chat(**{name: beyond}), contract, f"{name} of {beyond}")
    for bound in (-2, 2):
        answer = ask.chat(max_tokens=4, **{name: bound})
        assert answer.status == 200, f"{name} of {bound} was answered with {answer.status}"


@pytest.mark.requirement("VO-061")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("missing", ["role", "content"])
def test_a_message_has_role_and_content(ask, contract, missing):
    message = {"role": "user", "content": "Hi", missing: OMIT}
    refused(ask.chat(messages=of_one(message)), contract, f"a message without {missing}")


@pytest.mark.requirement("VO-062")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize("role", ["tool", "developer", "function", "USER"])
def test_role_is_one_of_three(ask, contract, role):
    refused(ask.chat(messages=of_one({"role": role, "content": "Hi"})), contract, f"a message of the role {role}")


@pytest.mark.requirement("VO-063")
@pytest.mark.cost(calls=1)
@pytest.mark.parametrize(
    "content", [7, {"text": "Hi"}, [{"type": "text", "text": "Hi"}]], ids=["number", "object", "array"]
)
def test_content_is_text(ask, contract, content):
    refused(ask.chat(messages=of_one({"role": "user", "content": content})), contract, f"content {content!r}")


@pytest.mark.requirement("VO-064")
@pytest.mark.cost(calls=1, prompt_tokens=20, completion_tokens=4)
def test_a_message_may_have_a_name(ask):
    answer = ask.chat(messages=of_one({"role": "user", "content": "Hi", "name": "Ada"}), max_tokens=4)
    assert answer.status == 200, f"a message with a name was answered with {answer.status}"


# --- Refusals --------------------------------------------------------------------------------------------------


def undeclared(answers) -> list[int]:
    """Statuses of refusals that the document does not declare."""
    return sorted({answer.status for answer in answers if answer.status >= 400} - DECLARED - OF_HTTP)


@pytest.mark.requirement("VO-024")
def test_chat_refuses_as_declared(refusals, denied):
    seen = undeclared(answer for answer in (*refusals, *denied[:3]))
    assert not seen, f"chat requests were refused with {seen}"


@pytest.mark.requirement("VO-034")
@pytest.mark.cost(calls=4)
def test_embeddings_refuse_as_declared(ask):
    seen = undeclared(
        [ask.embed(7), ask.embed("Hi", model="assay/none"), *(ask.embed("Hi", key=k) for k in (None, "wrong"))]
    )
    assert not seen, f"embedding requests were refused with {seen}"


@pytest.mark.requirement("VO-044")
@pytest.mark.cost(calls=4)
def test_images_refuse_as_declared(ask):
    seen = undeclared([ask.paint(7), ask.paint("Hi", size="3x3"), *(ask.paint("Hi", key=k) for k in (None, "wrong"))])
    assert not seen, f"image requests were refused with {seen}"


@pytest.mark.requirement("VO-079")
@pytest.mark.cost(calls=2, prompt_tokens=20, completion_tokens=8)
def test_details_name_no_upstream(ask, refusals, denied):
    own = urlsplit(ask.target.base_url).netloc
    for answer in (*refusals, *denied):
        attempts = objects(member(member(answer.json, "details"), "attempts"))
        named = [
            str(attempt.get("url")) for attempt in attempts if urlsplit(str(attempt.get("url"))).netloc not in {"", own}
        ]
        assert not named, f"a refusal tells where requests are sent to: {named[0][:120]}"


@pytest.mark.requirement("VO-083")
@pytest.mark.cost(calls=SMALL + 1)
def test_a_used_up_key_is_told_when_to_try_again(ask, contract):
    key = ask.control.issue_key(requests_per_minute=SMALL)
    *served, last = [ask.embed(7, key=key) for _ in range(SMALL + 1)]
    statuses = [answer.status for answer in served]
    assert (429 not in statuses, last.status) == (True, 429), (
        f"a key of {SMALL} requests got {[*statuses, last.status]}"
    )
    hints = (told(last, contract).get("retry_after"), last.header("Retry-After"), last.header("X-RateLimit-Reset"))
    assert any(hint is not None for hint in hints), "a 429 does not say when to try again"


@pytest.mark.requirement("VO-085")
@pytest.mark.cost(calls=2)
def test_endpoint_is_the_path(ask, contract, refusals):
    base = contract.trait("base_path")
    for answer, path in ((refusals[0], CHAT), (ask.embed(7), EMBEDDINGS), (ask.paint(7), IMAGES)):
        seen = told(answer, contract).get("endpoint")
        assert seen in {path, base + path}, f"a refusal of {path} names the endpoint {seen!r}"


@pytest.mark.requirement("VO-082")
@pytest.mark.cost(calls=2)
def test_an_exceeded_quota_is_403_everywhere(ask, contract):
    key = ask.control.issue_key(balance_usd="0") if ask.target.control is not None else "exhausted"
    for answer in (ask.embed("Hi", key=key), ask.paint("Hi", key=key)):
        due = contract.trait("billing.insufficient_status")
        assert answer.status == due, f"a request of a used-up account was answered with {answer.status}"
