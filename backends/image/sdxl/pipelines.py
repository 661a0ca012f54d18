"""All of diffusers' SDXL pipelines over one set of components: no weight is copied, cast or read again."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from backends.image.sdxl.vae import InitTensors

Mode = Literal["text", "image", "inpaint"]
Steering = Literal["", "single", "union"]
"""Without maps, with ControlNets, with ControlNet Union."""

CLASSES: dict[tuple[Mode, Steering], str] = {
    ("text", ""): "StableDiffusionXLPipeline",
    ("image", ""): "StableDiffusionXLImg2ImgPipeline",
    ("inpaint", ""): "StableDiffusionXLInpaintPipeline",
    ("text", "single"): "StableDiffusionXLControlNetPipeline",
    ("image", "single"): "StableDiffusionXLControlNetImg2ImgPipeline",
    ("inpaint", "single"): "StableDiffusionXLControlNetInpaintPipeline",
    ("text", "union"): "StableDiffusionXLControlNetUnionPipeline",
    ("image", "union"): "StableDiffusionXLControlNetUnionImg2ImgPipeline",
    ("inpaint", "union"): "StableDiffusionXLControlNetUnionInpaintPipeline",
}


class Staging:
    """What each pipeline is told here, because the stages are apart: where it works, and what the VAE made before."""

    place: Any = None
    """torch.device. Its models need not all be there, so that the first one's place tells nothing."""
    init: InitTensors | None = None

    @property
    def _execution_device(self) -> Any:
        return self.place

    def upcast_vae(self) -> None:
        """Nothing: some pipelines cast the VAE even when they do not decode."""


class InpaintStaging(Staging):
    """The VAE is not there while the UNet works."""

    def _encode_vae_image(self, image: Any, generator: Any) -> Any:
        assert self.init is not None
        return self.init.latents

    def prepare_mask_latents(
        self, mask: Any, masked_image: Any, batch_size: int, height: int, width: int, dtype: Any, device: Any,
        generator: Any, do_classifier_free_guidance: bool,
    ) -> tuple[Any, Any]:  # fmt: skip
        import torch

        assert self.init is not None
        return tuple(  # type: ignore[return-value]
            None if tensor is None else torch.cat([tensor] * (2 if do_classifier_free_guidance else 1))
            for tensor in (self.init.mask, self.init.masked)
        )


@cache
def staged(mode: Mode = "text", steering: Steering = "") -> Any:
    """diffusers' class with our staging."""
    import diffusers

    made = getattr(diffusers, CLASSES[mode, steering])
    staging = InpaintStaging if mode == "inpaint" else Staging
    return type(f"Staged{made.__name__}", (staging, made), {})


class Pipelines:
    """Made when first needed, from the components of the text-to-image pipeline that was read."""

    def __init__(self, base: Any) -> None:
        self.base, self._scheduler = base, base.scheduler
        self._made: dict[tuple[Mode, Steering], Any] = {("text", ""): base}

    def get(self, mode: Mode, scheduler: Any, net: Any = None, steering: Steering = "") -> Any:
        """The pipeline, with a scheduler of its own for this picture: schedulers keep state from call to call."""
        pipe = self._made.get((mode, steering))
        if pipe is None:
            pipe = self._made[mode, steering] = self._make(mode, net, steering)
        pipe.scheduler = scheduler
        if steering:
            pipe.controlnet = net
        return pipe

    def release(self) -> None:
        """Hold no net and nothing of a picture any longer: it would stay on the device when all else is parked."""
        for (_, steering), pipe in self._made.items():
            pipe.init = None
            # Schedulers keep latents of earlier steps, the call's arguments the masks of references.
            pipe.scheduler = self._scheduler
            pipe._cross_attention_kwargs = None
            if steering:
                pipe.controlnet = None

    def _make(self, mode: Mode, net: Any, steering: Steering) -> Any:
        base = self.base
        shared = {
            name: getattr(base, name)
            for name in ("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "unet", "scheduler")
        }
        pipe = staged(mode, steering)(
            **shared, **({"controlnet": net} if steering else {}), add_watermarker=False,
            force_zeros_for_empty_prompt=base.config.force_zeros_for_empty_prompt,
        )  # fmt: skip
        pipe.place = base.place
        pipe.set_progress_bar_config(disable=True)
        return pipe
