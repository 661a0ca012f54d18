import os
import traceback

inp_text = os.environ.get("inp_text")
inp_wav_dir = os.environ.get("inp_wav_dir")
exp_name = os.environ.get("exp_name")
i_part = os.environ.get("i_part")
all_parts = os.environ.get("all_parts")
opt_dir = os.environ.get("opt_dir")
bert_pretrained_dir = os.environ.get("bert_pretrained_dir")
is_half = eval(os.environ.get("is_half", "True"))
version = os.environ.get("version", None)

from stand_in import fail_for, register
from tools.my_utils import clean_path

loader = register("text")
txt_path = "%s/2-name2text-%s.txt" % (opt_dir, i_part)
if os.path.exists(txt_path) == False:
    bert_dir = "%s/3-bert" % (opt_dir)
    os.makedirs(opt_dir, exist_ok=True)
    os.makedirs(bert_dir, exist_ok=True)
    if not os.path.exists(bert_pretrained_dir):
        raise FileNotFoundError(bert_pretrained_dir)

    def process(data, res):
        for name, text, lan in data:
            try:
                name = os.path.basename(clean_path(name))
                print(name)
                fail_for("text", name)
                phones = [c for c in text.lower() if c.isalpha()]
                res.append([name, " ".join(phones), [1] * len(phones), text])
            except:
                print(name, text, traceback.format_exc())

    todo, res = [], []
    with open(inp_text, "r", encoding="utf8") as f:
        lines = f.read().strip("\n").split("\n")
    known = {
        "ZH": "zh",
        "zh": "zh",
        "JP": "ja",
        "jp": "ja",
        "JA": "ja",
        "ja": "ja",
        "EN": "en",
        "en": "en",
        "En": "en",
        "KO": "ko",
        "Ko": "ko",
        "ko": "ko",
        "yue": "yue",
        "YUE": "yue",
        "Yue": "yue",
    }
    for line in lines[int(i_part) :: int(all_parts)]:
        try:
            wav_name, spk_name, language, text = line.split("|")
            if language in known.keys():
                todo.append([wav_name, text, known.get(language, language)])
            else:
                print(f"\033[33m[Waring] The {language = } of {wav_name} is not supported for training.\033[0m")
        except:
            print(line, traceback.format_exc())
    process(todo, res)
    opt = ["%s\t%s\t%s\t%s" % tuple(row) for row in res]
    with open(txt_path, "w", encoding="utf8") as f:
        f.write("\n".join(opt) + "\n")
loader.kill()
