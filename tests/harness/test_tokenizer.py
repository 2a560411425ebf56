"""Token counts by a library, with the mock's tokenizer as a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.asking.tokenizer import Tokenizer, TokenizerError
from mockserver.behaviours.tokens import tokenize
from mockserver.tokenizerfile import tokenizer_json


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    path.write_text(tokenizer_json(), encoding="utf-8")
    return Tokenizer(path)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.text(max_size=60))
def test_the_file_counts_as_the_mock_does(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.count(text) == len(tokenize(text))


@pytest.mark.parametrize("content", ["", "{}", "not JSON", '{"version": "1.0", "model": {"type": "Nonsense"}}'])
def test_a_file_that_is_no_tokenizer_is_refused_by_name(content: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: not a tokenizer"):
        Tokenizer(path)
