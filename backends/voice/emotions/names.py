"""The emotions that a line may be spoken with."""

EMOTIONS = (
    "neutral", "happy", "sad", "angry", "afraid", "surprised", "tender", "excited", "whispering", "sarcastic",
)  # fmt: skip
