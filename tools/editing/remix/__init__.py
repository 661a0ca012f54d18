"""A film in another style: grade, texture, pacing, captions and sound, from a preset, words or a reference."""
