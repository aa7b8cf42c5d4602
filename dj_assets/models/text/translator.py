"""Translate texts by a checkpoint of transformers."""

from __future__ import annotations

from pathlib import Path

from dj_assets.models.quiet_transformers import without_messages


class Translator:
    """Translate texts by a checkpoint in a folder, one at a time, with its own settings and without drawing."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        without_messages()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True).eval()

    def translate(self, text: str) -> str:
        """Return the translation; a text is cut at what the model takes."""
        import torch

        most = min(self.tokenizer.model_max_length, 512)
        inputs = self.tokenizer(text, truncation=True, max_length=most, return_tensors="pt")
        inputs.pop("token_type_ids", None)
        with torch.inference_mode():
            made = self.model.generate(**inputs, do_sample=False)
        return str(self.tokenizer.decode(made[0], skip_special_tokens=True))
