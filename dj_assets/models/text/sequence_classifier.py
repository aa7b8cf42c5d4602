"""Classify texts by a checkpoint of transformers."""

from __future__ import annotations

from pathlib import Path

from dj_assets.models.quiet_transformers import without_messages


class SequenceClassifier:
    """Name the most likely class of texts, by a checkpoint in a folder.

    Texts are classified one at a time: filling them up to equal lengths would change the last digits of scores.
    """

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        without_messages()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.model = AutoModelForSequenceClassification.from_pretrained(folder, local_files_only=True).eval()

    def classify(self, text: str) -> tuple[str, float]:
        """Return the label of the most likely class and its probability; a text is cut at what the model takes."""
        import torch

        longest = getattr(self.model.config, "max_position_embeddings", None) or 512
        # models like RoBERTa have positions for two more tokens than they take
        most = min(self.tokenizer.model_max_length, longest - 2)
        inputs = self.tokenizer(text, truncation=True, max_length=most, return_tensors="pt")
        with torch.inference_mode():
            logits = self.model(**inputs).logits[0].float()
        scores = logits.softmax(-1) if len(logits) > 1 else logits.sigmoid()
        best = int(scores.argmax())
        return str(self.model.config.id2label[best]), float(scores[best])
