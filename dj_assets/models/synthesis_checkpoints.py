"""Make tiny models for the demo of synthesis: `python -m dj_assets.models.synthesis_checkpoints FOLDER`.

They have random weights from a seed, in the architectures and folder layouts of the real ones, and load by the same
code. Their texts and pictures mean nothing; a note in each folder says so.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dj_assets.models.quiet_transformers import without_messages
from dj_assets.models.store import RANDOM, RANDOM_NOTE

if TYPE_CHECKING:
    from types import ModuleType

TEXT = "Qwen/Qwen2-7B-Instruct"
VISION = "llava-hf/llava-v1.6-vicuna-7b-hf"
PAINTER = "stabilityai/stable-diffusion-xl-base-1.0"
INPAINTER = "stabilityai/sdxl-turbo"
VISION_13B = "llava-hf/llava-v1.6-vicuna-13b-hf"
MASKS = "facebook/sam-vit-base"
_SEED = 2024
_WIDTH, _VOCABULARY = 64, 512
_CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>")
# The words that the tokenizer knows whole: a random model then says words.
_WORDS = """
a an the of on in under near next to with and one two red blue green white black brown small large old
dog cat horse cow sheep bird car bus truck boat train bicycle chair table sofa bed lamp cup bowl ball book umbrella
tree house roof bridge river lake beach field wall street kitchen room man woman child sits stands hangs sleeps runs
holds rides looks is are was .
""".split()


def write(folder: Path) -> None:
    """Write all models into the folder, each under the name of the model that it replaces."""
    import torch

    without_messages()
    torch.manual_seed(_SEED)
    language_model(folder / TEXT)
    _vision_language_model(folder / VISION)
    _painter(folder / PAINTER)
    _masks(folder / MASKS)
    # architectures that differ in their sizes alone
    shutil.copytree(folder / PAINTER, folder / INPAINTER, dirs_exist_ok=True)
    shutil.copytree(folder / VISION, folder / VISION_13B, dirs_exist_ok=True)
    for name in (TEXT, VISION, VISION_13B, PAINTER, INPAINTER, MASKS):
        (folder / name / RANDOM_NOTE).write_text(f"{RANDOM}\n", "utf-8")


def _tokenizer(*, left: bool = False) -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """Return a tokenizer of words, with single bytes for all others."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges, known = _merges(letters)
    tokenizer = Tokenizer(models.BPE(vocab=known, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(_SPECIAL))
    return _transformers().PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=_SPECIAL[2],
        pad_token=_SPECIAL[0],
        additional_special_tokens=[_SPECIAL[1], _SPECIAL[3]],
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left" if left else "right",
        chat_template=_CHAT,
    )


def _merges(letters: Sequence[str]) -> tuple[list[tuple[str, str]], dict[str, int]]:
    """Return merges that join the words of the list, each with a space in front, and the vocabulary."""
    known = {letter: number for number, letter in enumerate(letters)}
    merges: dict[tuple[str, str], None] = {}
    for word in _WORDS:
        joined = "Ġ"
        for letter in word:
            merges[joined, letter] = None
            joined += letter
            known.setdefault(joined, len(known))
    return list(merges), known


def language_model(folder: Path) -> None:
    """Write a language model of random weights, about 1 MB, that answers with words of the list."""
    transformers = _transformers()
    tokenizer = _tokenizer(left=True)
    config = transformers.Qwen2Config(**_text(tokenizer))
    model = transformers.Qwen2ForCausalLM(config)
    _speaking(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _text(tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401 - a tokenizer of transformers
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.eos_token_id,
        "tie_word_embeddings": False,
    }


def _speaking(model: Any, tokenizer: Any) -> None:  # noqa: ANN401 - a model and a tokenizer of transformers
    """Let a random model answer with words: other tokens get small logits, and so does the end at first."""
    import torch

    words = [number for token, number in tokenizer.get_vocab().items() if token[1:] in _WORDS and token[0] == "Ġ"]
    head = model.get_output_embeddings().weight
    with torch.no_grad():
        scale = torch.full((head.shape[0], 1), 0.02)
        scale[words] = 0.8
        scale[tokenizer.eos_token_id] = 0.6
        head.copy_(torch.randn_like(head) * scale)
        model.get_input_embeddings().weight.normal_(0, 1.0)


def _vision_language_model(folder: Path) -> None:
    transformers = _transformers()
    tokenizer = _tokenizer(left=True)
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = transformers.LlavaNextConfig(
        vision_config=transformers.CLIPVisionConfig(**vision, image_size=28, patch_size=14, projection_dim=32),
        text_config=transformers.LlamaConfig(**_text(tokenizer)),
        image_grid_pinpoints=[[28, 56], [56, 28], [56, 56]],
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="default",
        vision_feature_layer=-2,
        tie_word_embeddings=False,
    )
    model = transformers.LlavaNextForConditionalGeneration(config)
    _speaking(model, tokenizer)
    with import_module("torch").no_grad():
        # with the usual small weights the words drown the picture
        for weight in model.model.multi_modal_projector.parameters():
            weight.mul_(40)
    images = transformers.LlavaNextImageProcessor(
        size={"shortest_edge": 28},
        crop_size={"height": 28, "width": 28},
        image_grid_pinpoints=[[28, 56], [56, 28], [56, 56]],
    )
    processor = transformers.LlavaNextProcessor(
        images,
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",  # noqa: S106 - a token of a text
        chat_template=_CHAT,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _painter(folder: Path) -> None:
    import torch

    diffusers, transformers = import_module("diffusers"), _transformers()
    cross = 64
    unet = diffusers.UNet2DConditionModel(
        sample_size=32,
        block_out_channels=(32, 64),
        layers_per_block=2,
        in_channels=4,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        use_linear_projection=True,
        transformer_layers_per_block=(1, 2),
        cross_attention_dim=cross,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
        norm_num_groups=8,
    )
    vae = diffusers.AutoencoderKL(
        block_out_channels=(16, 32),
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )
    tokenizer = _clip_tokenizer()
    settings = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}
    ends = {"bos_token_id": len(tokenizer) - 2, "eos_token_id": len(tokenizer) - 1, "pad_token_id": len(tokenizer) - 1}
    text = transformers.CLIPTextConfig(
        **settings, **ends, vocab_size=len(tokenizer), projection_dim=32, max_position_embeddings=77
    )
    first, second = transformers.CLIPTextModel(text), transformers.CLIPTextModelWithProjection(text)
    with torch.no_grad():
        # with the usual small weights no attention shows in the picture
        for name, weight in unet.named_parameters():
            if any(part in name for part in ("to_q", "to_k", "to_v", "to_out.0.weight")):
                weight.mul_(6)
        for encoder in (first, second):
            encoder.get_input_embeddings().weight.mul_(20)
    pipeline = diffusers.StableDiffusionXLPipeline(
        vae=vae,
        text_encoder=first,
        text_encoder_2=second,
        tokenizer=tokenizer,
        tokenizer_2=_clip_tokenizer(),
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(),
        add_watermarker=False,
    )
    pipeline.save_pretrained(folder)


def _clip_tokenizer() -> Any:  # noqa: ANN401 - a tokenizer of transformers
    """Return the tokenizer of the demo CLIP: single bytes."""
    folder = Path(__file__).parent / "demo" / "openai" / "clip-vit-base-patch32"
    vocabulary = json.loads((folder / "vocab.json").read_text("utf-8"))
    return _transformers().CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def _masks(folder: Path) -> None:
    transformers = _transformers()
    vision = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "mlp_dim": 64, "output_channels": 16}
    decoder = {
        "hidden_size": 16,
        "mlp_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    }
    config = transformers.SamConfig(
        vision_config={**vision, "image_size": 128, "patch_size": 16, "num_pos_feats": 8, "window_size": 4},
        prompt_encoder_config={"hidden_size": 16, "image_size": 128, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config=decoder,
    )
    model = transformers.SamModel(config)
    edge = {"longest_edge": 128}
    images = transformers.SamImageProcessor(
        size=edge,
        mask_size={"longest_edge": 32},
        pad_size={"height": 128, "width": 128},
        mask_pad_size={"height": 32, "width": 32},
    )
    model.save_pretrained(folder)
    images.save_pretrained(folder)


def _transformers() -> ModuleType:
    return import_module("transformers")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
