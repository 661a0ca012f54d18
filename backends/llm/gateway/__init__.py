"""The OpenAI-compatible gateway in front of the language models."""

from backends.llm.gateway.keys import ApiKey, KeyStore
from backends.llm.gateway.upstreams import ModelCard, Upstream, Upstreams

__all__ = ["ApiKey", "KeyStore", "ModelCard", "Upstream", "Upstreams"]
