"""Light by path tracing: Mitsuba 3 in its scalar variant (the LLVM variants can abort the whole process).

The sun, the rim light, the bounce and the sky are one environment map: one emitter with good importance sampling
gives far less noise per sample than several lamps. Parts that glow are left out; the compositor adds their light.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from backends.image.layout.camera import Camera
from backends.image.layout.denoise import DARK
from backends.image.layout.geometry import F32, to_linear, traced_albedo
from backends.image.layout.mesh import MeshPart
from configs.errors import EngineError

KEPT_MESHES = 600
"""Meshes remembered between pictures; sets and unchanged characters are then not handed over again."""
PATH_DEPTH = 3
"""Direct light and one bounce: a second bounce is hardly seen and costs a quarter more."""
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Lamp:
    """A small round light of a set, hidden from the camera."""

    position: tuple[float, float, float]
    color: tuple[float, float, float]
    """sRGB."""
    power: float
    """Irradiance at one metre."""
    radius: float = 0.10


def mitsuba() -> Any:
    """The mitsuba module with its scalar_rgb variant set. Raises EngineError when it cannot be loaded."""
    with _LOCK:
        try:
            import mitsuba as mi

            if mi.variant() != "scalar_rgb":
                mi.set_variant("scalar_rgb")
                mi.set_log_level(mi.LogLevel.Error)
        except (ImportError, OSError, RuntimeError) as error:
            raise EngineError("The preview renderer Mitsuba could not be loaded", str(error).splitlines()[0],
                              "Install it again: pip install mitsuba") from error  # fmt: skip
        return mi


def _bsdf(part: MeshPart) -> dict[str, Any]:
    material = part.material
    color: dict[str, Any]
    if part.colors is not None:
        color = {"type": "mesh_attribute", "name": "vertex_color"}
    else:
        color = {"type": "rgb", "value": [float(c) for c in _albedo(part, material.color)]}
    plain = max(material.specular, material.sheen, material.clearcoat, material.metallic) < 0.15
    if plain:
        inner: dict[str, Any] = {"type": "diffuse", "reflectance": color}
    else:
        inner = {
            "type": "principled", "base_color": color, "roughness": max(material.roughness, 0.12),
            "specular": material.specular, "sheen": material.sheen, "clearcoat": material.clearcoat,
            "clearcoat_gloss": 0.8, "metallic": material.metallic,
        }  # fmt: skip
    return {"type": "twosided", "inner": inner}


def _albedo(part: MeshPart, srgb: ArrayLike) -> F32:
    linear = traced_albedo(to_linear(srgb), part.label.startswith("set/"))
    return np.asarray(np.maximum(linear, DARK), np.float32)


def _traced(part: MeshPart) -> bool:
    return part.material.emission <= 0 and len(part.faces) > 0


class Tracer:
    """Builds Mitsuba scenes from meshes and renders their light; not thread-safe."""

    def __init__(self) -> None:
        self._meshes: dict[int, tuple[MeshPart, Any]] = {}

    def clear(self) -> None:
        """Forget the kept meshes."""
        self._meshes.clear()

    def scene(self, parts: Sequence[MeshPart], light_map: F32, lamps: Sequence[Lamp] = ()) -> Any:
        """A Mitsuba scene of the parts that do not glow. Raises EngineError."""
        mi = mitsuba()
        if len(self._meshes) > KEPT_MESHES:
            self._meshes.clear()
        content: dict[str, Any] = {
            "type": "scene",
            "sky": {"type": "envmap", "bitmap": mi.Bitmap(np.ascontiguousarray(light_map)), "mis_compensation": True},
        }
        for i, part in enumerate(parts):
            if _traced(part):
                content[f"part{i}"] = self._mesh(mi, part)
        for i, lamp in enumerate(lamps):
            radiance = to_linear(lamp.color) * lamp.power / (np.pi * lamp.radius**2)
            content[f"lamp{i}"] = {
                "type": "sphere", "center": list(lamp.position), "radius": lamp.radius,
                "emitter": {"type": "area", "radiance": {"type": "rgb", "value": [float(c) for c in radiance]}},
            }  # fmt: skip
        try:
            return mi.load_dict(content)
        except RuntimeError as error:
            raise EngineError("The preview's scene could not be built", str(error).splitlines()[0]) from error

    def _mesh(self, mi: Any, part: MeshPart) -> Any:
        known = self._meshes.get(id(part))
        if known is not None:
            return known[1]
        properties = mi.Properties()
        properties["bsdf"] = mi.load_dict(_bsdf(part))
        if part.normals is None:
            properties["face_normals"] = True
        mesh = mi.Mesh(part.label, len(part.vertices), len(part.faces),
                       has_vertex_normals=part.normals is not None, props=properties)  # fmt: skip
        if part.colors is not None:
            mesh.add_attribute("vertex_color", 3, _albedo(part, part.colors).ravel())
        fields = mi.traverse(mesh)
        fields["vertex_positions"] = np.ascontiguousarray(part.vertices, np.float32).ravel()
        fields["faces"] = np.ascontiguousarray(part.faces, np.uint32).ravel()
        if part.normals is not None:
            fields["vertex_normals"] = np.ascontiguousarray(part.normals, np.float32).ravel()
        fields.update()
        self._meshes[id(part)] = (part, mesh)
        return mesh

    def light(self, scene: Any, camera: Camera, window: tuple[int, int, int, int], samples: int, seed: int) -> F32:
        """(h, w, 3) linear radiance at half of the camera's resolution, black where the sky shows.

        `window` is x, y, w, h in half-resolution pixels. Raises EngineError.
        """
        mi = mitsuba()
        x, y, w, h = window
        forward, up = camera.axes[2], -camera.axes[1]
        origin = camera.position
        try:
            sensor = mi.load_dict({
                "type": "perspective", "fov_axis": "x", "near_clip": 0.01, "far_clip": 5000.0,
                "fov": float(np.degrees(2 * np.arctan(camera.width / 2 / camera.focal))),
                "to_world": mi.ScalarTransform4f().look_at(
                    origin=list(origin), target=list(origin + forward), up=list(up)),
                "sampler": {"type": "multijitter", "sample_count": samples},
                "film": {
                    "type": "hdrfilm", "width": camera.width // 2, "height": camera.height // 2,
                    "crop_offset_x": x, "crop_offset_y": y, "crop_width": w, "crop_height": h,
                    "rfilter": {"type": "box"}, "pixel_format": "rgb", "component_format": "float32",
                },
            })  # fmt: skip
            path = mi.load_dict({"type": "path", "max_depth": PATH_DEPTH, "rr_depth": 99, "hide_emitters": True})
            image = np.array(mi.render(scene, sensor=sensor, integrator=path, spp=samples, seed=seed), np.float32)
        except RuntimeError as error:
            raise EngineError("The preview could not be rendered", str(error).splitlines()[0]) from error
        return np.nan_to_num(image[..., :3], nan=0.0, posinf=0.0, neginf=0.0)


def probe() -> None:
    """Trace a lit ball at 8 x 8 pixels. Raises EngineError when nothing usable comes out."""
    mi = mitsuba()
    try:
        scene = mi.load_dict({
            "type": "scene", "sky": {"type": "constant"}, "ball": {"type": "sphere"},
            "sensor": {
                "type": "perspective", "to_world": mi.ScalarTransform4f().look_at([0, 0, 4], [0, 0, 0], [0, 1, 0]),
                "film": {"type": "hdrfilm", "width": 8, "height": 8, "rfilter": {"type": "box"}, "pixel_format": "rgb"},
            },
        })  # fmt: skip
        image = np.array(mi.render(scene, integrator=mi.load_dict({"type": "path", "max_depth": 2}), spp=1))
    except RuntimeError as error:
        raise EngineError("The preview renderer failed its probe", str(error).splitlines()[0],
                          "Install it again: pip install --force-reinstall mitsuba") from error  # fmt: skip
    if not np.isfinite(image).all() or image.max() <= 0:
        raise EngineError("The preview renderer failed its probe", "the picture was black",
                          "Install it again: pip install --force-reinstall mitsuba")  # fmt: skip
