import json
import os
import sys
import traceback

inp_text = os.environ.get("inp_text")
exp_name = os.environ.get("exp_name")
i_part = os.environ.get("i_part")
all_parts = os.environ.get("all_parts")
opt_dir = os.environ.get("opt_dir")
pretrained_s2G = os.environ.get("pretrained_s2G")
s2config_path = os.environ.get("s2config_path")
if not os.path.exists(pretrained_s2G):
    raise FileNotFoundError(pretrained_s2G)
sys.path.append(os.getcwd())

from stand_in import fail_for, register, unpacked
from tools.my_utils import clean_path

loader = register("semantic")
hubert_dir = "%s/4-cnhubert" % (opt_dir)
semantic_path = "%s/6-name2semantic-%s.tsv" % (opt_dir, i_part)
if os.path.exists(semantic_path) == False:
    os.makedirs(opt_dir, exist_ok=True)
    with open(s2config_path) as f:
        json.load(f)["data"]["filter_length"]
    print("<All keys matched successfully>")

    def name2go(wav_name, lines):
        hubert_path = "%s/%s.pt" % (hubert_dir, wav_name)
        if os.path.exists(hubert_path) == False:
            return
        fail_for("semantic", wav_name)
        units = int(unpacked(hubert_path))
        lines.append("%s\t%s" % (wav_name, " ".join(str(i % 1024) for i in range(units))))

    with open(inp_text, "r", encoding="utf8") as f:
        lines = f.read().strip("\n").split("\n")
    lines1 = []
    for line in lines[int(i_part) :: int(all_parts)]:
        try:
            wav_name, spk_name, language, text = line.split("|")
            name2go(os.path.basename(clean_path(wav_name)), lines1)
        except:
            print(line, traceback.format_exc())
    with open(semantic_path, "w", encoding="utf8") as f:
        f.write("\n".join(lines1))
loader.kill()
