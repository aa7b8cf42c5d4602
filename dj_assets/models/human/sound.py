"""Models of the sound of a clip, by checkpoints of transformers: tags, speech to text, emotion, age and gender."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from dj_assets.models.quiet_transformers import without_messages

RATE = 16_000


@dataclass(frozen=True)
class SoundClassifier:
    """Classify sounds by a checkpoint such as `ASTForAudioClassification` or `Wav2Vec2ForSequenceClassification`."""

    extractor: Any
    model: Any

    def label(self, sound: np.ndarray) -> str:
        """Return the most likely label of a sound, `int16`, shape `(n,)`, 16 kHz."""
        torch = import_module("torch")
        inputs = self.extractor(_floats(sound), sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            logits = self.model(**inputs).logits[0]
        return str(self.model.config.id2label[int(logits.argmax())])


@dataclass(frozen=True)
class SpeechRecogniser:
    """Write down speech by a checkpoint such as Whisper."""

    extractor: Any
    tokenizer: Any
    model: Any
    most_tokens: int = 220

    def words(self, sound: np.ndarray) -> tuple[str, str]:
        """Return the language, "" if the model names none, and the words of a sound, `int16`, shape `(n,)`, 16 kHz."""
        torch = import_module("torch")
        inputs = self.extractor(_floats(sound), sampling_rate=RATE, return_tensors="pt")
        # room for the marks with which a transcript begins
        most = min(self.most_tokens, self.model.config.max_target_positions - 8)
        with torch.inference_mode():
            tokens = self.model.generate(**inputs, max_new_tokens=most, do_sample=False)[0]
        marks = [mark for mark in self.tokenizer.convert_ids_to_tokens(tokens) if mark.startswith("<|")]
        languages = [mark[2:-2] for mark in marks if 2 <= len(mark[2:-2]) <= 3]
        return (languages or [""])[0], self.tokenizer.decode(tokens, skip_special_tokens=True).strip()


@dataclass(frozen=True)
class VoiceModel:
    """Estimate age and gender of a voice: wav2vec 2.0 with one head each, in the layout of audeering's checkpoint."""

    extractor: Any
    body: Any
    heads: dict[str, tuple[Any, Any, Any, Any]]

    def attribute(self, sound: np.ndarray) -> dict[str, list[float]]:
        """Return `{Age: [years], female: [p], male: [p], child: [p]}` for a sound, `int16`, shape `(n,)`, 16 kHz."""
        torch = import_module("torch")
        inputs = self.extractor(_floats(sound), sampling_rate=RATE, return_tensors="pt")
        with torch.inference_mode():
            pooled = self.body(**inputs).last_hidden_state.mean(dim=1)
            age, gender = (self._head(name, pooled)[0] for name in ("age", "gender"))
            female, male, child = torch.softmax(gender, dim=-1).tolist()
        return {"Age": [int(100 * float(age))], "female": [female], "male": [male], "child": [child]}

    def _head(self, name: str, pooled: Any) -> Any:  # noqa: ANN401 - tensors
        torch = import_module("torch")
        weight, bias, out_weight, out_bias = self.heads[name]
        return torch.tanh(pooled @ weight.T + bias) @ out_weight.T + out_bias


@cache
def sound_classifier(folder: Path) -> SoundClassifier:
    """Load a classifier of sounds from its folder."""
    without_messages()
    transformers = import_module("transformers")
    model = transformers.AutoModelForAudioClassification.from_pretrained(folder, local_files_only=True).eval()
    return SoundClassifier(_extractor(folder), model)


@cache
def speech_recogniser(folder: Path) -> SpeechRecogniser:
    """Load a recogniser of speech from its folder."""
    without_messages()
    transformers = import_module("transformers")
    model = transformers.AutoModelForSpeechSeq2Seq.from_pretrained(folder, local_files_only=True).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return SpeechRecogniser(_extractor(folder), tokenizer, model)


@cache
def voice_model(folder: Path) -> VoiceModel:
    """Load a model of age and gender from its folder."""
    without_messages()
    transformers, files = import_module("transformers"), import_module("safetensors.torch")
    body = transformers.Wav2Vec2Model.from_pretrained(folder, local_files_only=True).eval()
    weights = files.load_file(str(folder / "model.safetensors"))
    parts = ("dense.weight", "dense.bias", "out_proj.weight", "out_proj.bias")
    heads = {name: tuple(weights[f"{name}.{part}"] for part in parts) for name in ("age", "gender")}
    return VoiceModel(_extractor(folder), body, heads)


def _extractor(folder: Path) -> Any:  # noqa: ANN401 - the class depends on the checkpoint
    extractor = import_module("transformers").AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    known = json.loads((folder / "preprocessor_config.json").read_text("utf-8")).get("sampling_rate", RATE)
    if known != RATE:
        raise ValueError(f"{folder.name} takes sounds of {known} Hz, not of {RATE}")
    return extractor


def _floats(sound: np.ndarray) -> np.ndarray:
    return np.asarray(sound, np.float32) / 32768
