"""Prompts to embeddings, longer ones in several windows: CLIP reads 77 tokens at once, the UNet any number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MOST_WINDOWS = 4
"""Windows of one prompt: each costs attention in every step, and the later ones count less and less."""
MARKS = 2
"""Tokens of a window that only mark its beginning and its end."""


@dataclass(frozen=True)
class PromptTensors:
    """Both encoders' hidden states and bigG's pooled one; the negative ones are None without guidance."""

    prompt_embeds: Any
    """(1, 77 * windows, 2048)."""
    negative_prompt_embeds: Any
    pooled_prompt_embeds: Any
    """(1, 1280): of the first window, as of the whole of a short prompt."""
    negative_pooled_prompt_embeds: Any


def encode(pipe: Any, prompt: str, negative_prompt: str, guidance: float) -> PromptTensors:
    """Text to embeddings; needs both text encoders on the device.

    Within one window it is diffusers' own call. Longer prompts are split into windows of 75 tokens, at most
    MOST_WINDOWS, whose hidden states follow each other; the shorter of the two prompts gets empty windows.
    """
    import torch

    guidance_on = guided(pipe, guidance)
    texts = (prompt, negative_prompt) if guidance_on else (prompt,)
    count = max(windows_of(pipe, text) for text in texts)
    with torch.no_grad():
        if count == 1:
            found = pipe.encode_prompt(
                prompt=prompt,
                negative_prompt=negative_prompt or None,
                device=pipe._execution_device,
                num_images_per_prompt=1,
                do_classifier_free_guidance=guidance_on,
            )
            return PromptTensors(*found)
        states, pooled = _encoded(pipe, prompt, count)
        if not guidance_on:
            return PromptTensors(states, None, pooled, None)
        if not negative_prompt and pipe.config.force_zeros_for_empty_prompt:
            return PromptTensors(states, torch.zeros_like(states), pooled, torch.zeros_like(pooled))
        negative, negative_pooled = _encoded(pipe, negative_prompt, count)
    return PromptTensors(states, negative, pooled, negative_pooled)


def guided(pipe: Any, guidance: float) -> bool:
    """Whether the UNet sees the negative prompt too."""
    return bool(guidance > 1 and pipe.unet.config.time_cond_proj_dim is None)


def windows_of(pipe: Any, text: str) -> int:
    """Into how many windows a prompt is split, 1 to MOST_WINDOWS."""
    return min(_windows(pipe, text), MOST_WINDOWS)


def is_cut(pipe: Any, text: str) -> bool:
    """Whether the end of a prompt has no effect."""
    return _windows(pipe, text) > MOST_WINDOWS


def most_tokens(pipe: Any) -> int:
    """Of a prompt, the marks of its windows not counted."""
    return MOST_WINDOWS * (int(pipe.tokenizer.model_max_length) - MARKS)


def _windows(pipe: Any, text: str) -> int:
    both = (pipe.tokenizer, pipe.tokenizer_2)
    return max(1, *(-(-len(_tokens(each, text)) // (int(each.model_max_length) - MARKS)) for each in both))


def _tokens(tokenizer: Any, text: str) -> list[int]:
    """Without marks. `verbose`: a prompt of several windows is nothing to warn of."""
    return list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)


def _encoded(pipe: Any, text: str, count: int) -> tuple[Any, Any]:
    """Hidden states (1, 77 * count, 2048) and pooled state (1, 1280) of a prompt in `count` windows."""
    import torch

    parts, pooled = [], None
    for tokenizer, encoder in ((pipe.tokenizer, pipe.text_encoder), (pipe.tokenizer_2, pipe.text_encoder_2)):
        rows = torch.tensor(_rows(tokenizer, _tokens(tokenizer, text), count), device=pipe._execution_device)
        out = encoder(rows, output_hidden_states=True)
        # The last layer but one, as SDXL was trained on.
        parts.append(out.hidden_states[-2].flatten(0, 1)[None])
        pooled = out[0][:1]
    return torch.cat(parts, dim=-1).to(pipe.text_encoder_2.dtype), pooled


def _rows(tokenizer: Any, tokens: list[int], count: int) -> list[list[int]]:
    length = tokenizer.model_max_length
    inside = length - MARKS
    rows = []
    for start in range(0, count * inside, inside):
        row = [tokenizer.bos_token_id, *tokens[start : start + inside], tokenizer.eos_token_id]
        rows.append(row + [tokenizer.pad_token_id] * (length - len(row)))
    return rows
