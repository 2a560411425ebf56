"""What a worker lets a master tell it: to send requests to the worker's own target, with the worker's own keys. Pure.

The protocol does not prove who the master is. Without this, whoever answers at its address could have any variable of a
worker's environment sent to any place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from harness.load.scenario import Scenario


class NotAllowed(ValueError):
    """The master asks for what the worker's own target does not say."""


@dataclass(frozen=True)
class Permission:
    """`url`: the target's base URL; `keys`: the variables that hold its keys; `ca_bundle`: whom it trusts."""

    url: str
    keys: frozenset[str] = frozenset()
    ca_bundle: str | None = None

    def within(self, scenario: Scenario) -> Scenario:
        """The scenario, with this machine's own CA bundle. Raises NotAllowed."""
        own, asked = urlsplit(self.url), urlsplit(scenario.url)
        below = asked.path.startswith(own.path.rstrip("/") + "/") and ".." not in asked.path.split("/")
        if asked[:2] != own[:2] or not below:
            raise NotAllowed(f"the master asks for requests to {scenario.url}, and --target here is {self.url}")
        if strange := sorted({name for name in scenario.credentials if name} - self.keys):
            raise NotAllowed(f"the master asks for {', '.join(strange)}, and --target here has no such key")
        return replace(scenario, ca_bundle=self.ca_bundle)
