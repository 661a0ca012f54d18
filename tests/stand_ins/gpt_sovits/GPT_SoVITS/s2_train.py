"""SoVITS v2, v2Pro, v2ProPlus: six losses a line, generator and discriminator checkpoints."""

import s2_common

if __name__ == "__main__":
    s2_common.main(lora=False)
