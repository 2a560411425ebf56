"""Files that others may read at any time: they see the one before, or the new one, and never half of it."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Raises OSError; then the file is as it was."""
    partial = path.with_name(f"{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
