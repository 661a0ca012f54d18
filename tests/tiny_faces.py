"""Generated models for identity tests: an insightface pack in .onnx files of the real shapes, and tiny random CLIP and
DINOv2 folders. The detector takes magenta for a face; the surer, the purer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

STRIDES, ANCHORS = (8, 16, 32), 2
FACE_COLOUR = (255, 0, 255)
_REACH = 4.0
"""Of a face's box from its middle, in strides."""
_POINTS = ((-1.2, -1.2), (1.2, -1.2), (0.0, 0.2), (-0.9, 1.5), (0.9, 1.5))
"""Eyes, nose and mouth corners from the middle, in strides."""


def build_pack(folder: Path, *, points: bool = True, recogniser: bool = True) -> Path:
    """A pack like buffalo_l: SCRFD with 9 outputs (6 without points) and a 112x112 -> 512 recogniser."""
    folder.mkdir(parents=True, exist_ok=True)
    _save(_detector(points), folder / "det.onnx")
    if recogniser:
        _save(_recogniser(), folder / "rec.onnx")
    return folder


def _save(graph: Any, file: Path) -> None:
    import onnx
    from onnx import helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, file)


def _detector(points: bool) -> Any:
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, outputs = [], [], []

    def head(stride: int, kind: str, width: int, kernel: np.ndarray, bias: np.ndarray, squash: bool) -> None:
        """A 1x1 convolution on the stride's mean colours, as rows of `width` per anchor."""
        name = f"{kind}_{stride}"
        weights.append(numpy_helper.from_array(kernel.astype(np.float32), f"{name}_w"))
        weights.append(numpy_helper.from_array(bias.astype(np.float32), f"{name}_b"))
        weights.append(numpy_helper.from_array(np.array([-1, width], np.int64), f"{name}_shape"))
        nodes.append(helper.make_node("Conv", [f"mean_{stride}", f"{name}_w", f"{name}_b"], [f"{name}_c"]))
        last = f"{name}_c"
        if squash:
            nodes.append(helper.make_node("Sigmoid", [last], [f"{name}_s"]))
            last = f"{name}_s"
        nodes.append(helper.make_node("Transpose", [last], [f"{name}_t"], perm=[0, 2, 3, 1]))
        nodes.append(helper.make_node("Reshape", [f"{name}_t", f"{name}_shape"], [name]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [f"n_{stride}", width]))

    for stride in STRIDES:
        side = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
        nodes.append(helper.make_node("AveragePool", ["input.1"], [f"mean_{stride}"], **side))
    # Red and blue near 1, green near -1: 3 at best; other colours of a picture stay below. Only the coarsest level
    # answers, so that one spot is one face.
    redness = np.tile(np.array([4.0, -4.0, 4.0]).reshape(1, 3, 1, 1), (ANCHORS, 1, 1, 1))
    for stride in STRIDES:
        head(stride, "score", 1, redness, np.full(ANCHORS, -10.0 if stride == STRIDES[-1] else -40.0), True)
    for stride in STRIDES:
        head(stride, "box", 4, np.zeros((4 * ANCHORS, 3, 1, 1)), np.full(4 * ANCHORS, _REACH), False)
    if points:
        offsets = np.tile(np.array(_POINTS).ravel(), ANCHORS)
        for stride in STRIDES:
            head(stride, "points", 10, np.zeros((10 * ANCHORS, 3, 1, 1)), offsets, False)
    picture = helper.make_tensor_value_info("input.1", TensorProto.FLOAT, [1, 3, "height", "width"])
    return helper.make_graph(nodes, "scrfd", [picture], outputs, weights)


def _recogniser() -> Any:
    from onnx import TensorProto, helper, numpy_helper

    chance = np.random.default_rng(5)
    weights = [numpy_helper.from_array(chance.normal(size=(3 * 7 * 7, 512)).astype(np.float32), "w")]
    nodes = [
        helper.make_node("AveragePool", ["data"], ["means"], kernel_shape=[16, 16], strides=[16, 16]),
        helper.make_node("GlobalAveragePool", ["means"], ["mean"]),
        helper.make_node("Sub", ["means", "mean"], ["pattern"]),
        helper.make_node("Flatten", ["pattern"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["embedding"]),
    ]
    face = helper.make_tensor_value_info("data", TensorProto.FLOAT, ["n", 3, 112, 112])
    vector = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 512])
    return helper.make_graph(nodes, "arcface", [face], [vector], weights)


def build_clip(folder: Path) -> Path:
    """A whole CLIPModel (text and image) with random weights, as a folder of safetensors."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(1)
    small = {"hidden_size": 32, "intermediate_size": 37, "num_attention_heads": 4, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={**small, "vocab_size": 100, "projection_dim": 24},
        vision_config={**small, "image_size": 32, "patch_size": 8, "projection_dim": 24},
        projection_dim=24,
    )
    CLIPModel(config).save_pretrained(folder)
    return folder


def build_dino(folder: Path) -> Path:
    """A Dinov2Model with random weights, as a folder of safetensors."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(2)
    config = Dinov2Config(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, image_size=42, patch_size=14)
    Dinov2Model(config).save_pretrained(folder)
    return folder
