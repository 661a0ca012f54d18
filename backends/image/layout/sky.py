"""The sky of a shot: what is seen where nothing stands, and the light that comes from it.

Both are functions of the direction, so the picture's sky is as sharp as its pixels while the light is a small map.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backends.image.layout.camera import presets
from backends.image.layout.geometry import F32, to_linear
from backends.image.layout.noise import sample, smoothstep, tile

ENV_WIDTH, ENV_HEIGHT = 256, 128


def direction(az_deg: float, el_deg: float) -> F32:
    """Unit vector; az from +Z towards +X, el above the horizon."""
    az, el = np.radians(az_deg), np.radians(el_deg)
    return np.array([np.sin(az) * np.cos(el), np.sin(el), np.cos(az) * np.cos(el)], np.float32)


def _paler(light: F32, kept: float) -> F32:
    """Light (N, 3) with the share `kept` of its colour."""
    grey = light @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    return np.asarray(grey[:, None] + (light - grey[:, None]) * np.float32(kept), np.float32)


@dataclass(frozen=True)
class Backdrop:
    """How a set changes the sky of its time of day."""

    indoor: bool = False
    airless: bool = False
    """Space: black, stars at all times, no haze."""
    studio: tuple[float, float, float] | None = None
    """sRGB of a seamless paper backdrop instead of a sky."""
    shafts: float = 0.0
    """Strength of light shafts that fall between near things from the rim light."""
    air: tuple[float, float, float] | None = None
    """sRGB tint of the haze, multiplied onto the rig's."""
    overlay: Callable[[F32, F32], F32] | None = None
    """(unit directions (N, 3), radiance (N, 3)) -> radiance, e.g. a planet."""
    gains: Mapping[str, float] = field(default_factory=dict)
    """Factors on the rig's key, rim, bounce, fill, exposure, haze (distance)."""


class Sky:
    """Sky and light rig of one time of day behind one set."""

    def __init__(self, time_of_day: str, backdrop: Backdrop) -> None:
        rig: Mapping[str, Any] = presets()["rigs"][time_of_day]
        self._rig, self._backdrop, self._time = rig, backdrop, time_of_day
        self._indoor: Mapping[str, Any] | None = presets()["indoor"][time_of_day] if backdrop.indoor else None
        sky = rig["sky"]
        self._zenith, self._horizon = to_linear(sky["zenith"]), to_linear(sky["horizon"])
        self._middle = to_linear(sky.get("middle", np.add(sky["zenith"], sky["horizon"]) / 2))
        self.exposure: float = (self._indoor or rig)["exposure"] * self._gain("exposure")
        self._tint = to_linear(backdrop.air) if backdrop.air is not None else np.ones(3, np.float32)
        self.haze_color: F32 = np.asarray(to_linear(rig["haze"]["color"]) * sky["gain"], np.float32)
        self.shafts: float = backdrop.shafts * (0.0 if time_of_day == "storm" else 1.0)
        self.haze_distance: float = np.inf if backdrop.airless else rig["haze"]["distance"] * self._gain("haze")
        self.grade: Mapping[str, float] = rig["grade"]
        self.sun: F32 = direction(rig["sun"]["az"], rig["sun"]["el"])
        self.sun_color: F32 = to_linear(rig["sun"]["color"])
        self.sun_strength: float = 0.0 if rig["sun"]["disk"] <= 0 else (0.5 if time_of_day == "night" else 1.9)
        """What a facet of water that mirrors the sun adds."""
        self.face: F32 = self._own_light("face")
        """(3,) radiance that a white card of a character facing the camera gets from its own soft light."""
        self.edge: F32 = self._own_light("edge")
        """(3,) the same along its edge."""
        self.key: F32 = direction(rig["key"]["az"], rig["key"]["el"])
        self.rim: F32 = direction(rig["rim"]["az"], rig["rim"]["el"])

    def _own_light(self, name: str) -> F32:
        row = (self._indoor or {}).get(name, self._rig[name])
        strength = row["strength"] * self._gain(name) / self.exposure
        return np.asarray(to_linear(row["color"]) * strength, np.float32)

    def _gain(self, name: str) -> float:
        return float(self._backdrop.gains.get(name, 1.0))

    def gradient(self, rays: F32) -> F32:
        """(N, 3) clear-sky radiance towards unit directions (N, 3)."""
        sky = self._rig["sky"]
        up = np.clip(rays[:, 1], 0.0, 1.0) ** sky["curve"]
        low = smoothstep(0.0, 0.5, up)[:, None]
        high = smoothstep(0.35, 1.0, up)[:, None]
        color = self._horizon * (1 - low) + self._middle * low
        return (color * (1 - high) + self._zenith * high) * np.float32(sky["gain"])

    def air(self, rays: F32) -> F32:
        """(N, 3) colour that far things fade to, towards unit directions (N, 3): brighter near the sun."""
        if not len(rays):
            return rays
        flat = rays * np.array([1, 0, 1], np.float32) + np.array([0, 0.03, 0], np.float32)
        flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
        mixed = 0.6 * self.haze_color + 0.4 * self.gradient(flat) + 0.6 * self._glow(flat)
        return np.asarray(mixed * self._tint, np.float32)

    def seen(self, rays: F32) -> F32:
        """(N, 3) float32 linear radiance of the visible sky towards unit directions (N, 3)."""
        return self._paper(rays) if self._backdrop.studio is not None else self.outside(rays)

    def outside(self, rays: F32) -> F32:
        """(N, 3) the sky itself, also where a set's paper backdrop hides it: what a window shows."""
        color = np.zeros_like(rays) if self._backdrop.airless else self.gradient(rays)
        if self._backdrop.airless:
            color = color + self._nebula(rays)
        if self._backdrop.airless or self._rig["stars"] > 0:
            color = color + self._stars(rays)
        if not self._backdrop.airless:
            color = self._clouds(rays, color + self._glow(rays))
        color = color + self._disk(rays)
        if self._backdrop.overlay is not None:
            color = self._backdrop.overlay(rays, color)
        return np.asarray(color, np.float32)

    def _paper(self, rays: F32) -> F32:
        base = to_linear(self._backdrop.studio or (0.5, 0.5, 0.5))
        glow = np.exp(-((rays[:, 0] / 0.55) ** 2) - ((rays[:, 1] - 0.05) / 0.45) ** 2)[:, None]
        return np.asarray(base * (0.62 + 0.5 * glow), np.float32)

    def _glow(self, rays: F32) -> F32:
        sun = self._rig["sun"]
        angle = np.arccos(np.clip(rays @ self.sun, -1, 1))
        halo = 0.55 * np.exp(-angle / 0.10) + 0.32 * np.exp(-angle / 0.42)
        return np.asarray(sun["glow"] * halo[:, None] * self.sun_color, np.float32)

    def _disk(self, rays: F32) -> F32:
        sun = self._rig["sun"]
        if sun["disk"] <= 0:
            return np.zeros_like(rays)
        angle = np.degrees(np.arccos(np.clip(rays @ self.sun, -1, 1)))
        edge = smoothstep(sun["disk"] * 1.06, sun["disk"] * 0.94, angle)[:, None]
        face = np.ones(len(rays), np.float32)
        if self._time == "night" and not self._backdrop.airless:
            face = 0.72 + 0.55 * sample(tile(11, 1.2, 2, 40), rays[:, 0] * 1.3, rays[:, 1] * 1.3)
        bright = 1.6 if self._time == "night" else 6.0
        return np.asarray(edge * face[:, None] * self.sun_color * bright, np.float32)

    def _stars(self, rays: F32) -> F32:
        """A jittered star in some cells of a grid on the sky's cylinder; brighter ones are fewer."""
        rows, columns = 150, 420
        el = np.arcsin(np.clip(rays[:, 1], -1, 1))
        az = np.arctan2(rays[:, 0], -rays[:, 2])
        v, u = (el / np.pi + 0.5) * rows, (az / (2 * np.pi) + 0.5) * columns
        i, j = np.floor(u).astype(np.int64) % columns, np.clip(np.floor(v).astype(np.int64), 0, rows - 1)
        rng = np.random.default_rng(3)
        spot = rng.uniform(0.25, 0.75, (rows, columns, 2))
        power = np.where(rng.random((rows, columns)) < 0.22, rng.random((rows, columns)) ** 5, 0.0)
        tint = np.stack([rng.uniform(0.8, 1.0, (rows, columns)), np.full((rows, columns), 0.92),
                         rng.uniform(0.85, 1.0, (rows, columns))], -1)  # fmt: skip
        du = (u - np.floor(u) - spot[j, i, 0]) * np.cos(el) * 0.857
        dv = v - np.floor(v) - spot[j, i, 1]
        size = 0.045 + 0.06 * power[j, i]
        shape = np.exp(-(du**2 + dv**2) / size**2) * (0.25 + 2.4 * power[j, i]) * (power[j, i] > 0)
        fade = 1.0 if self._backdrop.airless else smoothstep(0.02, 0.35, rays[:, 1])
        return np.asarray((shape * fade)[:, None] * tint[j, i], np.float32)

    def _nebula(self, rays: F32) -> F32:
        u, v = np.arctan2(rays[:, 0], -rays[:, 2]) / (2 * np.pi), rays[:, 1] * 0.25
        cloud = sample(tile(5, 1.7), u + 0.3 * v, v + 0.2)
        other = sample(tile(6, 1.6), u, v + 0.6)
        band = np.exp(-(((rays[:, 1] - 0.28 - 0.5 * rays[:, 0]) / 0.35) ** 2))
        veil = smoothstep(0.42, 0.85, cloud) * (0.25 + band)
        mix = smoothstep(0.35, 0.65, other)[:, None]
        tint = mix * np.array([0.16, 0.10, 0.34]) + (1 - mix) * np.array([0.05, 0.17, 0.30])
        return np.asarray(np.array([0.004, 0.006, 0.016]) + veil[:, None] * tint * 0.8, np.float32)

    def _clouds(self, rays: F32, clear: F32) -> F32:
        """Two heights of cumulus on a curved ceiling, lit from the sun's side, thinner towards the horizon."""
        clouds = self._rig["clouds"]
        if clouds["amount"] <= 0:
            return clear
        up = np.maximum(rays[:, 1], 0.0)
        reach = 1.0 / (up + 0.16)
        u, v = rays[:, 0] * reach * 0.085 + 0.37, rays[:, 2] * reach * 0.125 + 0.11
        step = self.sun[[0, 2]] * 0.012
        billow, fine = tile(21, 1.75, 2, 200), tile(22, 1.3, 8, 256)

        def density(du: float, dv: float) -> NDArray[np.float32]:
            body = sample(billow, u + du, v + dv)
            return body + 0.22 * (sample(fine, (u + du) * 2, (v + dv) * 2) - 0.5)

        here, towards = density(0.0, 0.0), density(float(step[0]), float(step[1]))
        level = 0.78 - 0.5 * clouds["amount"]
        cover = smoothstep(level, level + 0.16, here) * smoothstep(0.015, 0.16, up)
        light = np.clip(0.62 + 2.6 * (here - towards) - 0.8 * (here - level), 0, 1)[:, None]
        body = to_linear(clouds["shade"]) * (1 - light) + to_linear(clouds["lit"]) * light
        silver = np.exp(-np.arccos(np.clip(rays @ self.sun, -1, 1)) / 0.35)[:, None]
        body = body * self._rig["sky"]["gain"] * (1 + 0.7 * silver * self._rig["sun"]["glow"])
        return np.asarray(clear * (1 - 0.93 * cover[:, None]) + body * 0.93 * cover[:, None], np.float32)

    def light_map(self) -> F32:
        """(ENV_HEIGHT, ENV_WIDTH, 3) radiance for the renderer: soft sky plus key, rim and bounce as disks.

        Laid out as Mitsuba's `envmap`: u = atan2(x, -z) / 2 pi, v = acos(y) / pi.
        """
        theta = (np.arange(ENV_HEIGHT) + 0.5) / ENV_HEIGHT * np.pi
        phi = (np.arange(ENV_WIDTH) + 0.5) / ENV_WIDTH * 2 * np.pi
        sin = np.sin(theta)[:, None]
        rays = np.stack([np.sin(phi) * sin, np.broadcast_to(np.cos(theta)[:, None], (ENV_HEIGHT, ENV_WIDTH)),
                         -np.cos(phi) * sin], -1).astype(np.float32).reshape(-1, 3)  # fmt: skip
        fill = self._rig["fill"] * self._gain("fill")
        if self._indoor is not None:
            soft = 0.65 + 0.35 * rays[:, 1:2]
            light = to_linear(self._indoor["ambient"]) * soft * self._indoor["fill"] * self._gain("fill")
        elif self._backdrop.airless:
            light = np.full_like(rays, 0.03) * fill + np.array([0.05, 0.07, 0.12]) * np.clip(rays[:, 1:2], 0, 1)
        else:
            light = _paler(self.gradient(rays) + 0.5 * self._glow(rays), self._rig["fill_color"]) * fill
            light = np.where(rays[:, 1:2] < 0, light * 0.55, light)
        for name in ("key", "rim", "bounce"):
            lamp = self._rig[name]
            factor = self._gain(name) * (self._indoor[name] if self._indoor is not None else 1.0)
            radius = np.radians(lamp["radius"])
            angle = np.arccos(np.clip(rays @ direction(lamp["az"], lamp["el"]), -1, 1))
            edge = smoothstep(float(radius) * 1.25, float(radius) * 0.75, angle)
            weight = edge * np.repeat(sin[:, 0], ENV_WIDTH)
            solid = weight.sum() * (np.pi / ENV_HEIGHT) * (2 * np.pi / ENV_WIDTH)
            color = (self._indoor or {}).get("key_color", lamp["color"]) if name == "key" else lamp["color"]
            light = light + edge[:, None] * to_linear(color) * lamp["irradiance"] * factor / solid
        return np.asarray(light, np.float32).reshape(ENV_HEIGHT, ENV_WIDTH, 3)
