"""Tiny models that make control maps: ONNX files of rtmlib's forms, and a random Depth Anything. Built, not fetched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from configs.settings import Settings

DETECTOR_SIDE = 64
POSE_SIZE = (48, 64)
"""Width, height."""


def build_detector(path: Path, boxes: np.ndarray) -> Path:
    """YOLOX with the suppression inside: whatever it sees, (N, 5) boxes x0, y0, x1, y1, score of its own input."""
    from onnx import TensorProto, helper, numpy_helper

    shape = [1, 3, DETECTOR_SIDE, DETECTOR_SIDE]
    found = np.asarray(boxes, np.float32)[None]
    # Times the picture's mean over itself: the answer depends on the input, as a real one's does.
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["boxes", "nothing"], ["dets"]),
    ]
    graph = helper.make_graph(
        nodes,
        "yolox",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("dets", TensorProto.FLOAT, list(found.shape))],
        [numpy_helper.from_array(found, "boxes"), numpy_helper.from_array(np.float32(0), "zero")],
    )
    return _save(graph, path)


def build_pose(path: Path, joints: np.ndarray, sure: np.ndarray | None = None) -> Path:
    """RTMPose with SimCC heads: (K, 2) joints in its input's pixels (POSE_SIZE), each with its confidence."""
    from onnx import TensorProto, helper, numpy_helper

    width, height = POSE_SIZE
    count = len(joints)
    sure = np.ones(count, np.float32) if sure is None else np.asarray(sure, np.float32)
    tables = []
    for axis, length in ((0, width), (1, height)):
        table = np.zeros((1, count, length * 2), np.float32)  # SimCC: two bins per pixel
        table[0, np.arange(count), np.clip(np.rint(joints[:, axis] * 2).astype(int), 0, length * 2 - 1)] = sure
        tables.append(table)
    nodes = [
        helper.make_node("ReduceMean", ["input"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["x", "nothing"], ["simcc_x"]),
        helper.make_node("Add", ["y", "nothing"], ["simcc_y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "rtmpose",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, height, width])],
        [
            helper.make_tensor_value_info(f"simcc_{name}", TensorProto.FLOAT, list(table.shape))
            for name, table in zip("xy", tables, strict=True)
        ],
        [
            *(numpy_helper.from_array(table, name) for name, table in zip("xy", tables, strict=True)),
            numpy_helper.from_array(np.float32(0), "zero"),
        ],
    )
    return _save(graph, path)


def _save(graph: object, path: Path) -> Path:
    import onnx
    from onnx import helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)  # type: ignore[arg-type]
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def build_depth_anything(folder: Path, seed: int = 0) -> Path:
    """A random Depth Anything of the real architecture, as transformers saves it."""
    import torch
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTImageProcessorPil

    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, mlp_ratio=2, image_size=56, patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 16, 16],
        fusion_hidden_size=8, head_hidden_size=4, patch_size=14,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = DepthAnythingForDepthEstimation(config)
    for weights in model.head.parameters():  # else the last rectifier gives zero nearly everywhere
        torch.nn.init.normal_(weights, 0.3, 0.2)
    model.save_pretrained(folder)
    DPTImageProcessorPil(
        size={"height": 56, "width": 56}, ensure_multiple_of=14, keep_aspect_ratio=True,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    ).save_pretrained(folder)  # fmt: skip
    return folder


def write_table(settings: Settings, **preprocessors: object) -> None:
    """A controlnet_config.yaml of the user's own in the studio's home, with these preprocessors."""
    file = settings.home / "configs" / "controlnet_config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({"preprocessors": preprocessors}), encoding="utf-8")
