"""Refused families that are not refused, or not in the documented way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mockserver.behaviours import auth, limits, routes
from mockserver.call import Call, Reply
from mockserver.defects import defect
from mockserver.defects.errors import retold
from mockserver.gateway import Gateway
from mockserver.wire import encode


def knows_only(gateway: Gateway, is_family: Callable[[Call], bool]) -> Gateway:
    """A narrower idea of what belongs to a family."""
    honest = gateway.is_refused_family
    return replace(gateway, is_refused_family=lambda call: honest(call) and is_family(call))


def serving(gateway: Gateway, path: str, document: object) -> Gateway:
    """Serves one path that is to be refused, with this answer."""

    async def serve(call: Call) -> Reply:
        return Reply(200, encode(document), [("Content-Type", gateway.json_content_type)])

    honest, below = gateway.methods_of, path.removeprefix("/v1")
    known = knows_only(gateway, lambda call: call.path != path)
    return replace(known, methods_of=lambda call, at: {"POST": serve} if at == below else honest(call, at))


@defect(breaks="VT-020", also=("VT-079",))
def serves_embeddings(gateway: Gateway) -> Gateway:
    """Serves embeddings, which no enclave computes, as the older page promised."""
    row = {"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}
    return serving(gateway, "/v1/embeddings", {"object": "list", "data": [row]})


@defect(breaks="VT-021", also=("VT-079",))
def serves_images(gateway: Gateway) -> Gateway:
    """Serves image generation, which no enclave computes."""
    return serving(gateway, "/v1/images/generations", {"created": 1700000000, "data": [{"b64_json": "aQ=="}]})


@defect(breaks="VT-021", also=("VT-079",))
def forgets_image_edits(gateway: Gateway) -> Gateway:
    """Answers image edits and variations as unknown paths."""
    return knows_only(gateway, lambda call: not call.path.endswith(("/edits", "/variations")))


@defect(breaks="VT-022", also=("VT-079",))
def forgets_the_paths_below_audio(gateway: Gateway) -> Gateway:
    """Refuses /v1/audio alone, which no SDK calls."""
    return knows_only(gateway, lambda call: not call.path.startswith("/v1/audio/"))


@defect(breaks="VT-023", also=("VT-079",))
def forgets_the_plural_of_video(gateway: Gateway) -> Gateway:
    """Answers /v1/videos as an unknown path."""
    return knows_only(gateway, lambda call: not call.path.startswith("/v1/videos"))


@defect(breaks="VT-024", also=("VT-079",))
def serves_moderations(gateway: Gateway) -> Gateway:
    """Serves moderations, and so reads prompts outside an enclave."""
    return serving(gateway, "/v1/moderations", {"id": "modr-1", "model": "any", "results": [{"flagged": False}]})


@defect(breaks="VT-025", also=("VT-079",))
def forgets_the_underscore_of_fine_tuning(gateway: Gateway) -> Gateway:
    """Answers /v1/fine_tuning/jobs, which SDKs call, as an unknown path."""
    return knows_only(gateway, lambda call: not call.path.startswith("/v1/fine_tuning"))


@defect(breaks="VT-025", also=("VT-079",))
def accepts_fine_tuning_jobs(gateway: Gateway) -> Gateway:
    """Takes a training file for a job that no enclave will run."""
    return serving(gateway, "/v1/fine-tuning/jobs", {"id": "ftjob-1", "object": "fine_tuning.job", "status": "queued"})


@defect(breaks=("VT-079", "VT-022"), also=("VT-020", "VT-021", "VT-023", "VT-024", "VT-025"))
def calls_families_not_implemented(gateway: Gateway) -> Gateway:
    """Refuses the families with 501."""
    return replace(gateway, refuse_family=retold(gateway.refuse_family, status=501))


@defect(breaks=("VT-079", "VT-024"), also=("VT-020", "VT-021", "VT-022", "VT-023", "VT-025"))
def calls_families_overloaded(gateway: Gateway) -> Gateway:
    """Refuses the families as if they were overloaded, so that clients try again."""
    return replace(gateway, refuse_family=retold(gateway.refuse_family, code="overloaded"))


@defect(breaks="VT-079")
def refuses_families_for_post_only(gateway: Gateway) -> Gateway:
    """Knows the families by POST alone; other methods find no such path."""
    return knows_only(gateway, lambda call: call.method == "POST")


@defect(breaks=("VT-040"))
def refuses_families_before_it_asks_for_a_key(gateway: Gateway) -> Gateway:
    """Looks at the route before the key, and answers strangers about its families."""
    return replace(gateway, steps=(routes.route, auth.authenticate, limits.throttle))
