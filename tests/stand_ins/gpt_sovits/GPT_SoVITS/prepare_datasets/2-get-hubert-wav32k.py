import os
import sys
import traceback
import wave

inp_text = os.environ.get("inp_text")
inp_wav_dir = os.environ.get("inp_wav_dir")
exp_name = os.environ.get("exp_name")
i_part = os.environ.get("i_part")
all_parts = os.environ.get("all_parts")
opt_dir = os.environ.get("opt_dir")
cnhubert_base_dir = os.environ.get("cnhubert_base_dir")
is_half = eval(os.environ.get("is_half", "True"))
now_dir = os.getcwd()
sys.path.append(now_dir)

import numpy as np
from stand_in import fail_for, my_save, register
from tools.my_utils import clean_path

loader = register("hubert")
assert os.path.exists(cnhubert_base_dir), cnhubert_base_dir
hubert_dir = "%s/4-cnhubert" % (opt_dir)
wav32dir = "%s/5-wav32k" % (opt_dir)
for folder in (opt_dir, hubert_dir, wav32dir):
    os.makedirs(folder, exist_ok=True)


def name2go(wav_name, wav_path):
    hubert_path = "%s/%s.pt" % (hubert_dir, wav_name)
    if os.path.exists(hubert_path):
        return
    fail_for("hubert", wav_name)
    with wave.open(wav_path) as f:
        rate, samples = f.getframerate(), np.frombuffer(f.readframes(f.getnframes()), "<i2")
    at = np.arange(0, len(samples), rate / 32000)
    with wave.open("%s/%s" % (wav32dir, wav_name), "wb") as f:
        f.setparams((1, 2, 32000, 0, "NONE", ""))
        f.writeframes(np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes())
    my_save(str(len(at) // 1280).encode(), hubert_path)  # 25 units a second


with open(inp_text, "r", encoding="utf8") as f:
    lines = f.read().strip("\n").split("\n")
for line in lines[int(i_part) :: int(all_parts)]:
    try:
        wav_name, spk_name, language, text = line.split("|")
        wav_name = os.path.basename(clean_path(wav_name))
        name2go(wav_name, "%s/%s" % (inp_wav_dir, wav_name))
    except:
        print(line, traceback.format_exc())
loader.kill()
