"""Parts of the swap benchmark."""
