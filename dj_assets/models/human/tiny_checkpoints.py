"""Make tiny models of speech and pictures for the demo: `python -m dj_assets.models.human.tiny_checkpoints FOLDER`.

They have random weights from a seed, in the architectures and folder layouts of real ones, and load by the same code.
Their answers mean nothing; a note in each folder says so.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from dj_assets.models.human.light_asd import network
from dj_assets.models.quiet_transformers import without_messages

TAGS = "MIT/ast-finetuned-audioset-10-10-0.4593"
DESCRIBER = "DAMO-NLP-SG/VideoLLaMA3-7B"
RECOGNISER = "openai/whisper-small"
SPEAKER = "Light-ASD/finetuning_TalkSet.model"
# Named by the demo recipe of Data-Juicer, and by no recipe of the gallery.
VOICE = "audeering/wav2vec2-large-robust-24-ft-age-gender"
WORDS_AND_EMOTION = "FunAudioLLM/SenseVoiceSmall"
NOTE = "random weights whose answers mean nothing, for demo and tests only"
_WORDS = """
a the person man woman room stands walks speaks looks at and with in dark light shirt hair face left right smiles hello
we are here today to talk about red blue green .
""".split()
_CHAT = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endfor %}"
)


def write(folder: Path) -> None:
    """Write all models into a folder, each under the name of the model that it replaces."""
    without_messages()
    import_module("torch").manual_seed(2024)
    write_tags(folder / TAGS)
    write_recogniser(folder / RECOGNISER)
    write_describer(folder / DESCRIBER)
    for name in (TAGS, RECOGNISER, DESCRIBER):
        (folder / name / "random_weights.txt").write_text(f"{NOTE}\n", "utf-8")
    write_speaker(folder / SPEAKER)


def write_others(folder: Path) -> None:
    """Write the models that Data-Juicer's demo recipe names in addition, which estimate personal attributes."""
    without_messages()
    write_voice(folder / VOICE)
    write_recogniser(folder / WORDS_AND_EMOTION)
    _classifying(folder / WORDS_AND_EMOTION)
    for name in (VOICE, WORDS_AND_EMOTION):
        (folder / name / "random_weights.txt").write_text(f"{NOTE}\n", "utf-8")


def write_tags(folder: Path, favourite: str = "Speech") -> None:
    """Write a classifier of sounds that prefers one label."""
    torch, transformers = import_module("torch"), import_module("transformers")
    labels = dict(enumerate(("Speech", "Music", "Silence")))
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.ASTConfig(
        **small, max_length=128, num_mel_bins=32, id2label=labels, label2id={name: at for at, name in labels.items()}
    )
    model = transformers.ASTForAudioClassification(config)
    with torch.no_grad():
        model.classifier.dense.bias.copy_(torch.tensor([3.0 * (name == favourite) for name in labels.values()]))
    model.save_pretrained(folder)
    transformers.ASTFeatureExtractor(num_mel_bins=32, max_length=128).save_pretrained(folder)


def write_recogniser(folder: Path) -> None:
    """Write a recogniser of speech in the shape of Whisper, with a vocabulary of some words."""
    transformers = import_module("transformers")
    marks = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")
    tokenizer = _tokenizer(marks)
    end, start = (tokenizer.convert_tokens_to_ids(mark) for mark in marks[:2])
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, d_model=16, encoder_layers=1, decoder_layers=1,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        max_target_positions=48, decoder_start_token_id=start, bos_token_id=end, eos_token_id=end, pad_token_id=end,
        suppress_tokens=None, begin_suppress_tokens=None,
    )  # fmt: skip
    model = transformers.WhisperForConditionalGeneration(config)
    _speaking(model, len(marks))
    model.generation_config.max_length = 24
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)


def write_voice(folder: Path) -> None:
    """Write a model of age and gender of a voice, with one head each."""
    transformers, torch, files = map(import_module, ("transformers", "torch", "safetensors.torch"))
    config = transformers.Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=[8, 8],
        conv_kernel=[10, 8], conv_stride=[8, 8], num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    transformers.Wav2Vec2Model(config).save_pretrained(folder)
    transformers.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    weights = folder / "model.safetensors"
    heads: dict[str, Any] = {}
    for name, outputs in (("age", 1), ("gender", 3)):
        for part, size in (("dense", 16), ("out_proj", outputs)):
            heads |= {f"{name}.{part}.weight": torch.randn(size, 16), f"{name}.{part}.bias": torch.zeros(size)}
    files.save_file({**files.load_file(weights), **heads}, weights, metadata={"format": "pt"})


def _classifying(folder: Path) -> None:
    """Give a recogniser of speech the weights of a classifier of emotions, too: both load from one folder then."""
    transformers, files = map(import_module, ("transformers", "safetensors.torch"))
    config = transformers.WhisperConfig.from_pretrained(folder)
    config.id2label = dict(enumerate(("HAPPY", "NEUTRAL", "SAD")))
    config.label2id = {name: at for at, name in config.id2label.items()}
    config.save_pretrained(folder)
    weights = folder / "model.safetensors"
    classifier = transformers.WhisperForAudioClassification(config).state_dict()
    files.save_file({**files.load_file(weights), **classifier}, weights, metadata={"format": "pt"})


def write_describer(folder: Path) -> None:
    """Write a vision language model in the shape of LLaVA-NeXT, with a vocabulary of some words."""
    transformers = import_module("transformers")
    marks = ("<|endoftext|>", "<image>")
    tokenizer = _tokenizer(marks)
    end, image = (tokenizer.convert_tokens_to_ids(mark) for mark in marks)
    grid = [[28, 56], [56, 28], [56, 56]]
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = transformers.LlavaNextConfig(
        vision_config=transformers.CLIPVisionConfig(**vision, image_size=28, patch_size=14, projection_dim=32),
        text_config=transformers.LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
            max_position_embeddings=8192, bos_token_id=end, eos_token_id=end, pad_token_id=end,
        ),
        image_grid_pinpoints=grid, image_token_index=image, vision_feature_layer=-2,
        vision_feature_select_strategy="default", tie_word_embeddings=False,
    )  # fmt: skip
    model = transformers.LlavaNextForConditionalGeneration(config)
    _speaking(model, len(marks))
    model.generation_config.max_new_tokens = 16
    images = transformers.LlavaNextImageProcessor(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}, image_grid_pinpoints=grid
    )
    processor = transformers.LlavaNextProcessor(
        images, tokenizer, patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        image_token="<image>", chat_template=_CHAT,  # noqa: S106 - a token of a text
    )  # fmt: skip
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def write_speaker(path: Path) -> None:
    """Write weights in the shape of Light-ASD, under the names of its layers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    weights = {name.replace("head.", "lossAV.FC."): value for name, value in network().state_dict().items()}
    named = {(name if name.startswith("lossAV") else f"model.{name}"): value for name, value in weights.items()}
    import_module("torch").save(named, path)


def _tokenizer(marks: tuple[str, ...]) -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """Return a tokenizer of some words; others are unknown."""
    tokenizers, transformers = import_module("tokenizers"), import_module("transformers")
    known = {word: number for number, word in enumerate(dict.fromkeys((*marks, "[UNK]", *_WORDS)))}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(marks))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=marks[0], pad_token=marks[0], unk_token="[UNK]",  # noqa: S106
        additional_special_tokens=list(marks[1:]), model_input_names=["input_ids", "attention_mask"],
    )  # fmt: skip


def _speaking(model: Any, marks: int) -> None:  # noqa: ANN401 - a model of transformers
    """Let a random model answer with different words rather than with marks."""
    torch = import_module("torch")
    with torch.no_grad():
        model.get_input_embeddings().weight.normal_(0, 1.0)
        # after the words that are read, which may be the same weights
        head = model.get_output_embeddings().weight
        head.copy_(torch.randn_like(head) * 4)
        head[: marks + 1] *= 0.01


if __name__ == "__main__":
    write(Path(sys.argv[1]))
    write_others(Path(sys.argv[1]))
