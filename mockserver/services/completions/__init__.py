"""POST /completions: text that follows a prompt, the form that came before chat."""

from mockserver.services.completions.decisions import Decisions
from mockserver.services.service import Route, Service

SERVICE = Service("completions", (Route("POST", "/completions", "completions.serve"),))

__all__ = ["SERVICE", "Decisions"]
