"""How well the weightless encoder tells 13 layout characters apart, in sets, poses and sizes it was not calibrated on.

Every character is calibrated by `check_identity` as a user's would be; then 20 further pictures of each are scored
against everybody. 'different' are others whose look is another, 'near' those that share all but shirt, hair or colour.
Takes about ten minutes on two cores.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backends.image.layout.scene import CameraSpec, CharacterLook, LayoutScene, PosedCharacter

if TYPE_CHECKING:
    from tools.executor import Executor

SIZE = (320, 180)
NEAR = (("Luca", "Marco", "Pino"), ("Anna", "Bea"), ("Boo", "Rusty"))
"""Groups whose members differ in the shirt, in the hair, in the colour of the body."""
DESCRIBED = {
    "Luca": "a boy with curly brown hair and green eyes, cream t-shirt, blue shorts",
    "Anna": "a girl with long blonde hair, yellow dress",
    "Nonno": "an old man with short white hair, a white beard, glasses, a brown coat and grey trousers",
    "Giulia": "a woman with red hair in a bun, a green coat and black trousers",
    "Tom": "a teenage boy with spiky black hair, purple hoodie, black trousers",
    "Boo": "a small grey robot with blue lights",
    "Rusty": "a red robot with yellow lights",
    "Micio": "an orange cat",
    "Grog": "a green monster with purple horns",
    "Zuri": "a girl with black afro hair and dark skin, orange overalls",
}
# Set, light, scale, orbit in degrees, pose, expression, angle.
VIEWS = (
    ("beach", "sunset", "MS", 20, "waving", "happy", "eye"),
    ("beach", "day", "LS", -40, "running", "happy", "eye"),
    ("beach", "storm", "MLS", 0, "cowering", "afraid", "eye"),
    ("beach", "night", "CU", 10, "standing", "sad", "eye"),
    ("street", "night", "MS", -20, "walking", "neutral", "eye"),
    ("street", "day", "CU", -35, "talking", "angry", "eye"),
    ("street", "storm", "LS", 30, "pointing", "neutral", "eye"),
    ("street", "sunset", "LS", 160, "walking", "neutral", "eye"),
    ("kitchen", "day", "MS", 0, "holding", "happy", "eye"),
    ("kitchen", "night", "MCU", 25, "talking", "surprised", "eye"),
    ("kitchen", "sunset", "LS", -20, "sitting", "neutral", "eye"),
    ("forest", "day", "MLS", 60, "standing", "neutral", "low"),
    ("forest", "night", "LS", 0, "crouching", "afraid", "eye"),
    ("forest", "sunset", "CU", -50, "thinking", "smug", "eye"),
    ("forest", "storm", "MS", 45, "arms_crossed", "angry", "high"),
    ("room", "day", "ELS", 0, "cheering", "happy", "eye"),
    ("room", "night", "MS", -10, "sitting", "tender", "eye"),
    ("room", "day", "MLS", 180, "standing", "neutral", "eye"),
)
BESIDE = (("park", "day", "MLS", 15, "standing", "happy", "eye"), ("park", "night", "MS", -15, "talking", "sad", "eye"))
"""Views with another character half in front."""


def run() -> dict[str, Any]:
    """Figures per character and their means and worst: AUC, TPR and FAR at the calibrated mark, held out."""
    from configs.settings import load_settings
    from tools.opening import opened_executor

    with tempfile.TemporaryDirectory(prefix="studio-bench-") as home:
        memory = {"index": "numpy", "embedder": "letters"}
        settings = load_settings(home=Path(home), brain="offline", memory=memory)
        with opened_executor(settings) as executor:
            return _measured(executor)


def cast() -> dict[str, CharacterLook]:
    """The characters by name, look-alikes included."""
    from tools.film.look import describe_look

    looks = {name: describe_look(name, words) for name, words in DESCRIBED.items()}
    luca, anna = looks["Luca"], replace(looks["Anna"], top="dress", bottom="none")
    return {
        **looks, "Anna": anna, "Bea": replace(anna, hair_style="bob", hair=(0.08, 0.06, 0.05)),
        "Marco": replace(luca, top="shirt", top_color=(0.75, 0.20, 0.18)),
        "Pino": replace(luca, top_color=(0.35, 0.60, 0.85), bottom_color=(0.85, 0.80, 0.70)),
    }  # fmt: skip


def _measured(executor: Executor) -> dict[str, Any]:
    from backends.vision.identity.calibration import similarity
    from backends.vision.identity.colour import ColourEncoder
    from tools.executor import Run
    from tools.film.look import look_to_data
    from tools.image.likeness.record import basis, stored

    looks, studio = cast(), executor.studio
    for name, look in looks.items():
        studio.memory.remember("character", name, DESCRIBED.get(name, name), data={"look": look_to_data(look)})
    encoder = ColourEncoder()
    known, records = {}, {}
    for name, look in looks.items():
        outcome = executor.run("check_identity", {"character": name, "calibrate": True}, Run(thread="bench"))
        if outcome.error is not None or outcome.result is None:
            raise outcome.error or RuntimeError("no result")
        records[name] = outcome.result.data["calibrations"][0]
        entry = studio.memory.resolve_character(name)
        assert entry is not None
        versions = {"colour": encoder.version}
        known[name] = stored(studio.workspace, entry, "layout", basis("layout", look), versions)["colour"].references
    vectors = _drawn(executor, looks, encoder)
    scores = {
        name: {other: np.array([similarity(v, known[name]) for v in vectors[other]]) for other in looks}
        for name in looks
    }
    return _figures(scores, records)


def _drawn(executor: Executor, looks: dict[str, CharacterLook], encoder: Any) -> dict[str, list[Any]]:
    """Vectors of the held-out pictures by character; those that fill too little are left out."""
    vectors: dict[str, list[Any]] = {name: [] for name in looks}
    with executor.arbiter.lease(frozenset({"preview"}), "bench identity") as lease:
        renderer: Any = lease.engines["preview"]
        renderer = renderer.renderer
        for at, view in enumerate((*VIEWS, *BESIDE)):
            for name, look in looks.items():
                frame = renderer.render(_scene(name, look, view, at >= len(VIEWS)), *SIZE)
                lease.heartbeat()
                made = encoder.encode(frame.rgb, mask=frame.mask(name))
                vectors[name] += [made.vector] if made.vector is not None else []
    return vectors


def _scene(name: str, look: CharacterLook, view: tuple[Any, ...], beside: bool) -> LayoutScene:
    place, light, scale, yaw, pose, expression, angle = view
    people = [PosedCharacter(name, look, pose, expression)]
    if beside:
        guest = CharacterLook(hair_style="bob", hair=(0.3, 0.3, 0.32), top_color=(0.5, 0.5, 0.52))
        people.append(PosedCharacter("Guest", guest, x=0.28, z=0.35))
    return LayoutScene(place, light, tuple(people), CameraSpec(scale, angle, yaw_deg=yaw))


def _figures(scores: dict[str, dict[str, Any]], records: dict[str, Any]) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    def auc(own: Any, others: Any) -> float:
        truth = np.r_[np.ones(len(own)), np.zeros(len(others))]
        return round(float(roc_auc_score(truth, np.r_[own, others])), 4)

    each: dict[str, dict[str, float]] = {}
    for name, by in scores.items():
        group = next((set(one) for one in NEAR if name in one), {name})
        own, mark = by[name], records[name]["threshold"]
        different = np.concatenate([by[other] for other in by if other not in group])
        row = {
            "auc_different": auc(own, different), "tpr": round(float((own >= mark).mean()), 4),
            "far_different": round(float((different >= mark).mean()), 4), "mark": mark,
            "auc_calibrated": records[name]["auc"], "tpr_calibrated": records[name]["tpr"], "pictures": len(own),
        }  # fmt: skip
        if len(group) > 1:
            near = np.concatenate([by[other] for other in group - {name}])
            row |= {"auc_near": auc(own, near), "far_near": round(float((near >= mark).mean()), 4)}
        each[name] = row
    figures: dict[str, Any] = {"characters": each}
    for key, worst in (
        ("auc_different", min),
        ("tpr", min),
        ("far_different", max),
        ("auc_near", min),
        ("far_near", max),
    ):
        values = [row[key] for row in each.values() if key in row]
        figures |= {f"{key}_mean": round(float(np.mean(values)), 4), f"{key}_worst": worst(values)}
    return figures
