"""GPT: Lightning's progress bar, checkpoints under output_dir/ckpt, half weights beside."""

import argparse
import math
import os
import re
import sys
import time
from pathlib import Path

if "_CUDA_VISIBLE_DEVICES" in os.environ:
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ["_CUDA_VISIBLE_DEVICES"]
import yaml
from stand_in import check_memory, my_save, register, wish


def dataset(config):
    for key, what in (("train_phoneme_path", "Phoneme"), ("train_semantic_path", "Semantic")):
        if not os.path.exists(config[key]):
            raise FileNotFoundError(f"{what} data file not found: {config[key]}")
    hz = int(os.environ.get("hz", "25hz")[:-2])
    phones = {}
    for line in Path(config["train_phoneme_path"]).read_text(encoding="utf8").strip("\n").split("\n"):
        row = line.split("\t")
        if len(row) == 4:
            phones[row[0]] = row[1].split(" ")
    rows = Path(config["train_semantic_path"]).read_text(encoding="utf8").strip("\n").split("\n")
    assert rows[0] == "item_name\tsemantic_audio", rows[0]
    print("semantic_data_len:", len(rows) - 1)
    print("phoneme_data_len:", len(phones))
    kept = []
    for name, units in (row.split("\t") for row in rows[1:]):
        if name not in phones:
            print(f'Warning: File "{name}" not in self.phoneme_data! Skipped. ')
            continue
        ratio = len(phones[name]) / (len(units.split(" ")) / hz)
        if 3 <= ratio <= 25:
            kept.append(name)
    if len(kept) < len(rows) - 1:
        gone = len(rows) - 1 - len(kept)
        print(f"deleted {gone} audios who's phoneme/sec are bigger than 25 or smaller than 3")
    if len(kept) < 100:
        kept *= max(2, int(100 / len(kept)))
    print("dataset.__len__():", len(kept))
    return kept


def newest(folder):
    found = [
        (int(m[1]), int(m[2]), n) for n in os.listdir(folder) if (m := re.match(r"epoch=(\d+)-step=(\d+)\.ckpt", n))
    ]
    return sorted(found, reverse=True)[0][2]


def main(args):
    with open(args.config_file) as f:
        config = yaml.safe_load(f)
    loader = register("gpt")
    train, output_dir = config["train"], Path(config["output_dir"])
    ckpt_dir = output_dir / "ckpt"
    ckpt_dir.mkdir(parents=True, exist_ok=True)
    names = dataset(config)
    open(config["pretrained_s1"], "rb").close()
    try:
        ckpt_path = ckpt_dir / newest(ckpt_dir)
    except Exception:
        ckpt_path = None
    print("ckpt_path:", ckpt_path)
    check_memory(train["batch_size"])
    steps = math.ceil(len(names) / train["batch_size"])
    first = int(re.match(r"epoch=(\d+)", ckpt_path.name)[1]) + 1 if ckpt_path else 0
    for epoch in range(first, train["epochs"]):
        for batch in range(1, steps + 1):
            time.sleep(wish("pause", 0))
            if (wish("crash") or {}).get("gpt") == epoch + 1 and batch > steps // 2:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            if not wish("no_loss"):
                loss = 800 / (1 + 0.1 * (epoch * steps + batch))
                sys.stderr.write(
                    f"\rEpoch {epoch}: {100 * batch // steps:3d}%|####      | {batch}/{steps} [00:00<00:00, 4.90it/s, "
                    f"v_num=0, total_loss_step={loss:.1f}, lr_step=0.002, top_3_acc_step=0.712]"
                )
                sys.stderr.flush()
        if (epoch + 1) % train["save_every_n_epoch"] == 0:
            old = os.listdir(ckpt_dir) if train["if_save_latest"] else []
            (ckpt_dir / f"epoch={epoch}-step={(epoch + 1) * steps}.ckpt").write_bytes(b"state")
            for name in old:
                os.remove(ckpt_dir / name)
            if wish("stop_before_weights") == epoch + 1:
                os._exit(9)
            if train["if_save_every_weights"]:
                my_save(b"weights", "%s/%s-e%s.ckpt" % (train["half_weights_save_dir"], train["exp_name"], epoch + 1))
    sys.stderr.write("\n`Trainer.fit` stopped: `max_epochs=%s` reached.\n" % train["epochs"])
    loader.kill()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config_file", type=str, default="configs/s1longer.yaml")
    main(parser.parse_args())
