"""Parts of the SDXL benchmark."""
