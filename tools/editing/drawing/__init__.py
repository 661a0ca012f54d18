"""How a program's frames are drawn: ffmpeg inputs and filter graphs made of checked numbers only."""
