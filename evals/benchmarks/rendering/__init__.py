"""Who renders the same cut: the studio, ffmpeg by hand, MoviePy; and what they render."""
