"""Reference pictures (IP-Adapter): read when first asked for, in the UNet only while it paints with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.gpu.weights.arena import HostArena
from backends.image.engine import Reference
from backends.image.registry.descriptions import check_description
from backends.image.sdxl.fingerprint import file_state, pixels_sha256
from backends.image.sdxl.parts import Parts
from backends.image.sdxl.quiet import quiet
from backends.image.sdxl.tensors import frozen, safetensors_shapes
from configs.errors import EngineError
from configs.sdxl_config import IpAdapter

ADAPTER, ENCODER = "ip_adapter", "image_encoder"
"""Names of its two parts."""
IDLE = 24
"""Pictures without references after which it is forgotten."""
KEPT, NOTHING = 16, ""
"""Embeddings that are kept, and the key of that of no picture."""
GRID = 32
"""Pixels that sides must be multiples of for masks: else they do not fall on the UNet's coarsest grid."""
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of CLIP's training pictures (openai/CLIP, clip.py `_transform`)."""
FOLDER_FIX = "Set ip_adapter.path and ip_adapter.image_encoder in sdxl_config.yaml"


class References:
    """The adapter, once it was read, in two parts of `parts`."""

    def __init__(self, pipe: Any, parts: Parts, spec: IpAdapter, weights: Path, encoder: Path) -> None:
        """`weights` and `encoder`: where the table's paths are."""
        self._pipe, self._parts, self._spec = pipe, parts, spec
        self._weights, self._encoder_folder = weights, encoder
        self._encoder: Any = None
        self._projection: Any = None
        self._processors: dict[str, Any] = {}
        self._unused = 0
        self._state: tuple[tuple[int, int], ...] = ()
        """Of the files when they were read."""
        self._known: dict[str, Any] = {}
        """Embeddings of the pictures used last, by the pictures' hash; in main memory, half a megabyte each."""

    @property
    def loaded(self) -> bool:
        return self._projection is not None

    def check(self) -> None:
        """Raises EngineError with what to put where. Reads headers only."""
        if not self._spec.path or not self._spec.image_encoder:
            raise EngineError("Reference pictures cannot be used", "no IP-Adapter is set", FOLDER_FIX)
        _check_adapter(self._weights, self._pipe.unet.config.cross_attention_dim)
        if not any(self._encoder_folder.glob("*.safetensors")):
            raise EngineError(
                "Reference pictures cannot be used",
                f"there is no CLIP image encoder (safetensors) at {self._encoder_folder}",
                "Put the image_encoder folder of the IP-Adapter there",
            )  # fmt: skip

    def load(self) -> None:
        """Read both parts unless they are there. Raises EngineError, EngineOutOfMemory."""
        self._unused = 0
        state = (file_state(self._weights), *map(file_state, sorted(self._encoder_folder.glob("*.safetensors"))))
        if self.loaded and state == self._state:
            return
        self.forget()
        self.check()
        try:
            self._read()
            self._state = state
        except BaseException:
            self.forget()
            raise

    def idle(self) -> None:
        """A picture was made without references."""
        self._unused += 1
        if self._unused > IDLE:
            self.forget()

    def forget(self) -> bool:
        """Give it up, main memory included; whether it was there."""
        there = self.loaded
        self._encoder = self._projection = None
        self._processors = {}
        self._known.clear()
        self._parts.drop(ADAPTER)
        self._parts.drop(ENCODER)
        return there

    def encode(self, references: Sequence[Reference], *, guided: bool) -> Any:
        """Pictures to embeddings, (1 or 2, pictures, ...); needs ENCODER on the device unless all are `known`.

        `guided`: the first of two is that of no picture.
        """
        import torch

        found = torch.stack([self._embedding(r.image) for r in references], dim=1).to(self._parts.device)
        if not guided:
            return found
        nothing = self._embedding(None).to(found.device) if self._plus else torch.zeros_like(found[:, 0])
        return torch.cat([nothing[:, None].expand_as(found), found])

    def known(self, references: Sequence[Reference]) -> bool:
        """Whether `encode` needs no encoder for these."""
        return NOTHING in self._known and all(pixels_sha256(r.image) in self._known for r in references)

    @contextmanager
    def attached(self, references: Sequence[Reference], width: int, height: int) -> Iterator[dict[str, Any]]:
        """The UNet looks at them inside; what the pipeline's call needs for it, beside the embeddings. Afterwards the
        UNet has its own layers back, the very same ones."""
        unet = self._pipe.unet
        own, kind = unet.attn_processors, unet.config.encoder_hid_dim_type
        try:
            unet.set_attn_processor(dict(self._processors))
            unet.encoder_hid_proj = self._projection
            unet.config.encoder_hid_dim_type = "ip_image_proj"
            yield self._scaled(references, width, height)
        finally:
            unet.encoder_hid_proj = None
            unet.config.encoder_hid_dim_type = kind
            unet.set_attn_processor(own)

    @property
    def _plus(self) -> bool:
        """Whether it reads the encoder's hidden states, not its one embedding."""
        return not hasattr(self._projection.image_projection_layers[0], "image_embeds")

    def _embedding(self, image: NDArray[np.uint8] | None) -> Any:
        """Of a picture, or of none."""
        import torch

        key = NOTHING if image is None else pixels_sha256(image)
        if key not in self._known:
            while len(self._known) > KEPT:
                self._known.pop(next(k for k in self._known if k != NOTHING))
            weight, size = next(self._encoder.parameters()), self._encoder.config.image_size
            pixels = torch.zeros(1, 3, size, size) if image is None else _pixels(image, size)
            pixels = pixels.to(device=weight.device, dtype=weight.dtype)
            with torch.no_grad():
                seen = self._encoder(pixels, output_hidden_states=self._plus)
            # Not on the device: parked, nothing of it may stay there.
            self._known[key] = (seen.hidden_states[-2] if self._plus else seen.image_embeds).cpu()
        return self._known[key]

    def _scaled(self, references: Sequence[Reference], width: int, height: int) -> dict[str, Any]:
        import torch

        if len(references) == 1 and references[0].mask is None:
            self._pipe.set_ip_adapter_scale(references[0].scale)
            return {}
        # With several pictures only those with masks have a strength of their own each.
        everywhere = np.full((height, width), 255, np.uint8)
        masks = np.stack([everywhere if r.mask is None else r.mask for r in references])
        self._pipe.set_ip_adapter_scale([[r.scale for r in references]])
        tensor = torch.from_numpy((masks >= 128).astype(np.float32))[None].to(self._parts.device)
        return {"cross_attention_kwargs": {"ip_adapter_masks": [tensor]}}

    def _read(self) -> None:
        from safetensors.torch import load_file
        from transformers import CLIPVisionModelWithProjection

        pipe, unet = self._pipe, self._pipe.unet
        tensors: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
        for name, tensor in load_file(self._weights).items():
            group, _, rest = name.partition(".")
            tensors.setdefault(group, {})[rest] = tensor
        own, kind = unet.attn_processors, unet.config.encoder_hid_dim_type
        check_description(self._encoder_folder)
        try:
            self._encoder = frozen(
                CLIPVisionModelWithProjection.from_pretrained(
                    str(self._encoder_folder), use_safetensors=True, local_files_only=True, dtype=unet.dtype
                )
            )
            pipe.image_encoder = self._encoder
            with quiet("diffusers.models.modeling_utils"):  # of a cast to the type that the UNet has already
                pipe.load_ip_adapter(tensors, subfolder="", weight_name="", image_encoder_folder=None)
            self._projection, unet.encoder_hid_proj = unet.encoder_hid_proj.eval(), None
            self._processors = unet.attn_processors
        except (OSError, ValueError, KeyError, RuntimeError, TypeError, AttributeError, ImportError) as error:
            cause = " ".join(str(error).split())[:240]
            raise EngineError(
                f"The IP-Adapter in {self._weights} cannot be loaded", cause, "Check the download"
            ) from error
        finally:
            pipe.image_encoder = pipe.feature_extractor = None
            unet.encoder_hid_proj = None
            unet.config.encoder_hid_dim_type = kind
            unet.set_attn_processor(own)
        self._place()

    def _place(self) -> None:
        import torch

        wanted = self._projection.image_projection_layers[0]
        reads = wanted.proj_in.in_features if self._plus else wanted.image_embeds.in_features
        config = self._encoder.config
        gives = config.hidden_size if self._plus else config.projection_dim
        if reads != gives:
            raise EngineError(
                "The IP-Adapter and its image encoder do not belong together",
                f"it reads {reads} figures, the encoder in {self._encoder_folder} gives {gives}", FOLDER_FIX,
            )  # fmt: skip
        layers = [p for p in self._processors.values() if isinstance(p, torch.nn.Module)]
        adapter = frozen(torch.nn.ModuleList([self._projection, *layers]))
        self._parts.add(ADAPTER, HostArena({ADAPTER: adapter}, self._parts.device))
        self._parts.add(ENCODER, HostArena({ENCODER: self._encoder}, self._parts.device))


def _pixels(image: NDArray[np.uint8], size: int) -> Any:
    """(1, 3, size, size) as CLIP reads it: the shorter side to `size`, the middle cut out."""
    import torch
    from PIL import Image

    height, width = image.shape[:2]
    share = size / min(height, width)
    sides = max(size, round(width * share)), max(size, round(height * share))
    resized = np.asarray(Image.fromarray(image).resize(sides, Image.Resampling.BICUBIC), dtype=np.float32)
    top, left = (sides[1] - size) // 2, (sides[0] - size) // 2
    cut = resized[top : top + size, left : left + size] / 255
    normal = (cut - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None]


def _check_adapter(path: Path, context: int) -> None:
    if not path.is_file():
        raise EngineError(
            "Reference pictures cannot be used", f"there is no IP-Adapter at {path}", f"Put it there: {path}"
        )
    if path.suffix != ".safetensors":
        raise EngineError(
            f"'{path.name}' is not loaded", "only .safetensors files are read; other formats can run code when opened",
            "Use the safetensors version of the IP-Adapter",
        )  # fmt: skip
    shapes = safetensors_shapes(path)
    widths = {shape[1] for name, shape in shapes.items() if name.endswith(".to_k_ip.weight") and len(shape) == 2}
    if not widths or not any(name.startswith("image_proj.") for name in shapes):
        raise EngineError(f"'{path.name}' is no IP-Adapter", "it lacks the layers of one", FOLDER_FIX)
    if widths != {context}:
        raise EngineError(
            f"The IP-Adapter '{path.name}' is of another model",
            f"it reads {max(widths)} figures, this model {context}", "Use an IP-Adapter for SDXL",
        )  # fmt: skip
    faces = any("_lora." in name or "perceiver_resampler" in name for name in shapes)
    if faces or not {"image_proj.latents", "image_proj.proj.weight"}.intersection(shapes):
        raise EngineError(
            f"The IP-Adapter '{path.name}' is not of a kind that is used here", "it reads faces, or is unknown",
            "Use 'plus' or the plain one for SDXL",
        )  # fmt: skip
