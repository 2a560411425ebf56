"""A tokenizer of bytes and of the one word that the server says: some generators count tokens by themselves."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers


def write(folder: Path) -> Path:
    """The folder, as transformers loads it."""
    folder.mkdir(exist_ok=True)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [*letters, *("Ġword"[: n + 2] for n in range(4))]
    merges = [("Ġword"[: n + 1], "Ġword"[n + 1]) for n in range(4)]
    made = Tokenizer(models.BPE(vocab={token: n for n, token in enumerate(known)}, merges=merges))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    made.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32768}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "vocab_size": len(known)}))
    return folder
