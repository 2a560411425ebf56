"""POST /embeddings: texts to unit vectors."""

from mockserver.services.embeddings.decisions import Decisions
from mockserver.services.embeddings.vectors import embed
from mockserver.services.service import Route, Service

SERVICE = Service("embeddings", (Route("POST", "/embeddings", "embeddings.serve"),))

__all__ = ["SERVICE", "Decisions", "embed"]
