"""SoVITS v3 and v4 by LoRA: one loss a line, no discriminator, weights named after the rank."""

import s2_common

if __name__ == "__main__":
    s2_common.main(lora=True)
