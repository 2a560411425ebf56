"""Where charges are written down: one file a source, which is data. `known()` lists them, most particular first."""

from __future__ import annotations

from harness.reconcile.ledgers.assay import ASSAY
from harness.reconcile.ledgers.form import KINDS, Form
from harness.reconcile.ledgers.litellm import LITELLM
from harness.reconcile.ledgers.openai_log import OPENAI_LOG
from harness.reconcile.ledgers.openrouter import OPENROUTER
from harness.reconcile.ledgers.plain import PLAIN, mapped

FORMS: dict[str, Form] = {form.name: form for form in (ASSAY, LITELLM, OPENROUTER, OPENAI_LOG, PLAIN)}

__all__ = ["FORMS", "KINDS", "Form", "mapped"]
