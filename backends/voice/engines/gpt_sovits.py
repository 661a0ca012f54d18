"""GPT-SoVITS as a voice engine: a server that the arbiter starts and ends, or one that runs elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import yaml

from backends.gpu.engine import EngineKind, EngineState
from backends.gpu.servers.server import Plan
from backends.voice.engines.gpt_sovits_client import GptSovitsClient
from backends.voice.engines.gpt_sovits_line import NAME, gpt_sovits_capabilities, speak_line
from backends.voice.engines.protocol import SpeechRequest, SpeechResult, VoiceCapabilities
from backends.voice.engines.stamp import stamp
from backends.voice.engines.voice_server import VoiceServer
from configs.errors import EngineError
from configs.models import EngineSpec
from configs.tts_config import GptSovitsOptions

SETTINGS = {"gpt": "t2s_weights_path", "sovits": "vits_weights_path"}
"""Keys of the `custom` block in the server's yaml."""
INSTALL = "See docs/voices.md for how to install it"
PRETRAINED = "GPT_SoVITS/pretrained_models"
BERT, HUBERT = f"{PRETRAINED}/chinese-roberta-wwm-ext-large", f"{PRETRAINED}/chinese-hubert-base"
SPEAKER_NET = f"{PRETRAINED}/sv/pretrained_eres2netv2w24s4ep4.ckpt"
"""Of the Pro versions."""


class GptSovitsEngine(VoiceServer):
    """VoiceEngine around a started `api_v2.py`."""

    def __init__(
        self, spec: EngineSpec, options: GptSovitsOptions, *, warehouse: Path, run_dir: Path, home: Path
    ) -> None:
        super().__init__(NAME, spec, warehouse=warehouse, run_dir=run_dir, home=home)
        self._options = options
        self._client: GptSovitsClient | None = None
        self._slow: tuple[str, ...] = ()
        """What to say of each line when it does not run where it should."""

    # -- Engine ----------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Start the server with a yaml of its own. Raises EngineError, also when it fell back to other weights."""
        self._plan()
        base = {"gpt": self._options.gpt_weights, "sovits": self._options.sovits_weights}
        self._write_yaml(base)
        super().load()
        for kind, path in base.items():
            if (found := self._loaded().get(kind)) != path:
                self.unload()
                raise EngineError(
                    "GPT-SoVITS fell back to other weights", f"it loaded {found} in place of {path}", INSTALL
                )

    def adopt(self) -> EngineState:
        state = super().adopt()
        if state in (EngineState.ACTIVE, EngineState.PARKED):
            self._attach(fresh=False)
        return state

    # -- VoiceEngine -----------------------------------------------------------------------------------------------

    @property
    def version(self) -> str:
        """Model version and base weights with their times of change: lines of others are not the same lines."""
        options = self._options
        return stamp(options.version, *(self._root / path for path in (options.gpt_weights, options.sovits_weights)))

    def capabilities(self) -> VoiceCapabilities:
        return gpt_sovits_capabilities(self._options, self.need_mib())

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line in a cloned voice. Raises EngineError; never gives silence."""
        made = self._kept_alive(lambda: self._line(self._require(), request))
        return dataclasses.replace(made, warnings=(*made.warnings, *self._slow))

    # ----------------------------------------------------------------------------------------------------------------

    @property
    def _yaml(self) -> Path:
        return self._own_folder / "tts_infer.yaml"

    @property
    def _root(self) -> Path:
        return Path(self._filled(self._process.cwd)).expanduser()

    def _plan(self) -> Plan:
        plan = super()._plan()
        script = next((part for part in self._process.command if part.endswith(".py")), "")
        if script and not (self._root / script).is_file():
            raise EngineError(f"'{self.name}' is not installed", f"there is no file {self._root / script}", INSTALL)
        nets = (SPEAKER_NET,) if "Pro" in self._options.version else ()
        for path in (self._options.gpt_weights, self._options.sovits_weights, *nets):
            if not (self._root / path).is_file():
                raise EngineError(
                    f"'{self.name}' lacks its base weights", f"there is no file {self._root / path}", INSTALL
                )
        for path in (BERT, HUBERT):  # without them it asks the hub, which it may not reach
            if not (self._root / path).is_dir():
                raise EngineError(
                    f"'{self.name}' lacks its base models", f"there is no folder {self._root / path}", INSTALL
                )
        return plan

    def _write_yaml(self, weights: dict[str, str]) -> None:
        """Its own copy: the server rewrites the file at every switch of weights."""
        custom: dict[str, Any] = {
            "device": self._options.device,
            "is_half": self._options.half and self._options.device != "cpu",
            "version": self._options.version,
            "bert_base_path": BERT,
            "cnhuhbert_base_path": HUBERT,
            **{SETTINGS[kind]: path for kind, path in weights.items()},
        }
        self._yaml.parent.mkdir(parents=True, exist_ok=True)
        self._yaml.write_text(yaml.safe_dump({"custom": custom}), encoding="utf-8")

    def _written(self) -> dict[str, Any]:
        """What the server says of itself in its yaml; {} when it cannot be read."""
        try:
            written = yaml.safe_load(self._yaml.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError, ValueError):
            return {}
        custom = written.get("custom") if isinstance(written, dict) else None
        return custom if isinstance(custom, dict) else {}

    def _loaded(self) -> dict[str, str]:
        """The weights that the server says it uses, by kind."""
        found = self._written()
        return {kind: str(found[key]) for kind, key in SETTINGS.items() if key in found}

    def _attach(self, *, fresh: bool) -> None:
        client = GptSovitsClient(self.base_url, line_seconds=self._options.line_seconds, tries=self._options.tries)
        client.know(**self._loaded())
        self._client = client
        device = str(self._written().get("device", ""))
        fell_back = device == "cpu" and self._options.device != "cpu"  # its torch sees no GPU: told in its log alone
        self._slow = ("GPT-SoVITS found no GPU and speaks on the CPU, slowly.",) if fell_back else ()

    def _require(self) -> GptSovitsClient:
        if self._client is None or not self.base_url:
            raise EngineError(f"'{self.name}' is not loaded", fix="Load the engine first")
        return self._client

    def _line(self, client: GptSovitsClient, request: SpeechRequest) -> SpeechResult:
        return speak_line(
            client,
            self._options,
            request,
            references=self._own_folder / "references",
            as_seen_there=lambda path: path,
            check_weights=self._check_weights,
            confirm_weights=self._confirm_weights,
        )

    def _check_weights(self, kind: str, path: str) -> None:
        if not (self._root / path).is_file():
            raise EngineError(
                "The weights of the voice are gone", f"there is no {kind} file {path}", "Train or clone the voice anew"
            )

    def _confirm_weights(self, kind: str, path: str) -> None:
        if (found := self._loaded().get(kind)) != path:
            raise EngineError(
                "GPT-SoVITS did not load the weights", f"it uses {found} in place of {path}", "Read its log"
            )


class RemoteGptSovits:
    """VoiceEngine around a server that somebody else started (`voice.gpt_sovits_url`): never started, never ended."""

    name = NAME
    kind: EngineKind = "voice"

    def __init__(self, base_url: str, options: GptSovitsOptions, *, home: Path) -> None:
        self._options = options
        self._references = home.resolve() / "cache" / "engines" / NAME / "references"
        if options.shared_here:
            self._references = Path(options.shared_here).expanduser() / "references"
        self._client = GptSovitsClient(
            base_url, line_seconds=options.line_seconds, tries=options.tries, shared=True
        )  # fmt: skip
        self._is_loaded = False

    def load(self) -> None:
        """Raises EngineError when it does not answer."""
        self.probe()
        self._is_loaded = True

    def park(self) -> None:
        """It keeps its memory: it is another machine's, or another's to end."""
        self._is_loaded = False

    def restore(self) -> None:
        self.load()

    def unload(self) -> None:
        self._is_loaded = False

    def probe(self) -> None:
        if not self._client.answers():
            raise EngineError(
                "GPT-SoVITS is not there",
                f"no server answers at {self._client.base_url}",
                "Start api_v2.py there, or correct voice.gpt_sovits_url",
            )

    def need_mib(self) -> int:
        return 1

    def capabilities(self) -> VoiceCapabilities:
        return gpt_sovits_capabilities(self._options, self.need_mib())

    def speak(self, request: SpeechRequest) -> SpeechResult:
        """One line in a cloned voice. Raises EngineError; never gives silence."""
        if not self._is_loaded:
            raise EngineError(f"'{self.name}' is not loaded", fix="Load the engine first")
        return speak_line(
            self._client,
            self._options,
            request,
            references=self._references,
            as_seen_there=self._there,
            check_weights=lambda kind, path: None,
            confirm_weights=lambda kind, path: None,
        )

    def _there(self, path: str) -> str:
        here = str(Path(self._options.shared_here).expanduser()) if self._options.shared_here else ""
        if not here or not Path(path).is_relative_to(here):
            return path
        return f"{self._options.shared_there.rstrip('/')}/{Path(path).relative_to(here).as_posix()}"
