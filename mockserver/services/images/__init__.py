"""POST /images/generations: pictures from a prompt, as addresses, as base64, or as they are."""

from mockserver.services.images.decisions import Decisions
from mockserver.services.images.kept import Kept
from mockserver.services.service import Route, Service

SERVICE = Service(
    "images",
    (
        Route("POST", "/images/generations", "images.serve"),
        Route("GET", "/images/files/{id}", "images.download", public=True),
    ),
    open=Kept,
)

__all__ = ["SERVICE", "Decisions"]
