"""Control the attention of a diffusion model, so that the second image of a pair follows the first one.

Prompt-to-prompt with refinement (Hertz et al. 2022, arXiv:2208.01626): in the first steps the second image takes the
self-attention of the first one; the cross-attention of tokens that both captions have is that of the first image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dj_assets.models.painting.alignment import mapping, shares
from dj_assets.models.painting.painter import Control

if TYPE_CHECKING:
    from torch import Tensor

# A layer whose tokens are at most this many pixels of the image wide and high takes part in self-attention control.
_COARSE = 32


@dataclass
class AttentionControl:
    """Change the attention probabilities of the second image; `step` counts the denoising steps that are done.

    `off` leaves everything as it is: the same layers then compute a plain pair.
    """

    places: Tensor
    used: Tensor
    ends: Tensor
    self_end: int
    coarse_tokens: int
    off: bool = False
    step: int = 0

    @classmethod
    def of(
        cls,
        control: Control,
        tokenizer: Any,  # noqa: ANN401 - a tokenizer of transformers
        captions: tuple[str, str],
        *,
        steps: int,
        width: int,
    ) -> AttentionControl:
        """Return the control of one pair, given the tokenizer of the first text encoder and the width in pixels."""
        import torch

        length = tokenizer.model_max_length
        first, second = (tokenizer(caption, truncation=True, max_length=length).input_ids for caption in captions)
        places, used = mapping(first, second, length)
        words = {
            tuple(tokenizer(word, add_special_tokens=False).input_ids): share for word, share in control.words.items()
        }
        ends = [int(share * steps) for share in shares(second, words, control.cross_steps, length)]
        return cls(
            torch.tensor(places),
            torch.tensor(used),
            torch.tensor(ends),
            int(control.self_steps * steps),
            (width // _COARSE) ** 2,
        )

    def __call__(self, probabilities: Tensor, rows: int, *, crossing: bool) -> None:
        """Change the probabilities in place, shape `(rows * heads, queries, keys)`.

        `rows` are the prompts of the batch: with guidance two unconditional ones first, then the two captions.
        """
        if self.off:
            return
        by_row = probabilities.view(rows, -1, *probabilities.shape[1:])
        source, target = by_row[rows - 2], by_row[rows - 1]
        if not crossing:
            if self.step < self.self_end and target.shape[-2] <= self.coarse_tokens:
                target.copy_(source)
            return
        used = (self.used * (self.step < self.ends)).to(target)
        target.copy_(source[..., self.places.to(target.device)] * used + target * (1 - used))


class ControlledAttention:
    """Compute attention as the default processor of diffusers does, with explicit probabilities that are controlled."""

    def __init__(self, control: AttentionControl) -> None:
        self.control = control

    def __call__(
        self,
        attn: Any,  # noqa: ANN401 - the attention layer of diffusers
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *_: object,
        **__: object,
    ) -> Tensor:
        """Return the output of an attention layer."""
        import torch

        read = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        asked, keys, values = (
            attn.head_to_batch_dim(part) for part in (attn.to_q(hidden_states), attn.to_k(read), attn.to_v(read))
        )
        probabilities = attn.get_attention_scores(asked, keys, attention_mask)
        self.control(probabilities, len(hidden_states), crossing=encoder_hidden_states is not None)
        output = attn.batch_to_head_dim(torch.bmm(probabilities, values))
        output = attn.to_out[1](attn.to_out[0](output))
        if attn.residual_connection:
            output = output + hidden_states
        scaled: Tensor = output / attn.rescale_output_factor
        return scaled
