import os
import sys
import traceback
import wave

inp_text = os.environ.get("inp_text")
inp_wav_dir = os.environ.get("inp_wav_dir")
i_part = os.environ.get("i_part")
all_parts = os.environ.get("all_parts")
opt_dir = os.environ.get("opt_dir")
sv_path = os.environ.get("sv_path")
sys.path.append(os.getcwd())

from stand_in import fail_for, my_save, register
from tools.my_utils import clean_path

loader = register("speaker")
sv_cn_dir = "%s/7-sv_cn" % (opt_dir)
wav32dir = "%s/5-wav32k" % (opt_dir)
for folder in (opt_dir, sv_cn_dir, wav32dir):
    os.makedirs(folder, exist_ok=True)
open(sv_path, "rb").close()


def name2go(wav_name, wav_path):
    sv_cn_path = "%s/%s.pt" % (sv_cn_dir, wav_name)
    if os.path.exists(sv_cn_path):
        return
    fail_for("speaker", wav_name)
    with wave.open("%s/%s" % (wav32dir, wav_name)) as f:
        assert f.getframerate() == 32000
    my_save(b"vector", sv_cn_path)


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
