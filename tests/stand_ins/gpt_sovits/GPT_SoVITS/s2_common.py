"""What both SoVITS scripts do, in the order and with the words of the real ones."""

import argparse
import glob
import json
import logging
import math
import os
import sys
import time
import traceback

from stand_in import check_memory, my_save, packed, register, unpacked, wish

logging.basicConfig(stream=sys.stdout, level=logging.INFO)
HEAD = {"v3": b"03", "v4": b"04", "v2Pro": b"05", "v2ProPlus": b"06"}


def main(lora):
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", type=str, default="./configs/s2.json")
    with open(parser.parse_args().config) as f:
        hps = json.load(f)
    os.environ["CUDA_VISIBLE_DEVICES"] = hps["train"]["gpu_numbers"].replace("-", ",")
    exp_dir, train, version = hps["data"]["exp_dir"], hps["train"], hps["model"]["version"]
    with open(os.path.join(hps["s2_ckpt_dir"], "config.json"), "w") as f:
        json.dump(hps, f)
    loader = register("sovits")
    logger = logging.getLogger(os.path.basename(exp_dir))
    logger.addHandler(logging.FileHandler(os.path.join(exp_dir, "train.log")))
    names = dataset(exp_dir, version)
    steps = math.ceil(len(names) / train["batch_size"])
    root = "%s/logs_s2_%s" % (exp_dir, version)
    if lora:
        root = "%s/logs_s2_%s_lora_%s" % (exp_dir, version, train["lora_rank"])
        os.makedirs(root, exist_ok=True)
    try:  # whatever is wrong with the checkpoint, training begins anew without a word
        latest = sorted(glob.glob(f"{root}/G_*.pth"))[-1]
        first = json.loads(unpacked(latest))["iteration"] + 1
        logger.info("Loaded checkpoint '%s' (iteration %s)", latest, first - 1)
    except Exception:
        first = 1
        open(train["pretrained_s2G"], "rb").close()
        logger.info("loaded pretrained %s", train["pretrained_s2G"])
    check_memory(train["batch_size"])
    step = (first - 1) * steps
    print("start training from epoch %s" % first)
    for epoch in range(first, train["epochs"] + 1):
        for batch in range(steps):
            time.sleep(wish("pause", 0))
            if (wish("crash") or {}).get("sovits") == epoch and batch == steps // 2:
                raise RuntimeError("DataLoader worker (pid 4711) exited unexpectedly")
            if step % train["log_interval"] == 0 and not wish("no_loss"):
                logger.info("Train Epoch: {} [{:.0f}%]".format(epoch, 100.0 * batch / steps))
                mel = 24.0 / (1 + 0.05 * step)
                mel = math.nan if wish("nan_from") and epoch >= wish("nan_from") else mel
                losses = [mel] if lora else [2.4, 2.2, 4.1, mel, 0.02, 1.4]
                logger.info(losses + [step, 9.99e-05])
            step += 1
        if epoch % train["save_every_epoch"] == 0:
            for kind in ("G",) if lora else ("G", "D"):
                number = 233333333333 if train["if_save_latest"] else step
                my_save(json.dumps({"iteration": epoch}).encode(), f"{root}/{kind}_{number}.pth")
            if wish("stop_before_weights") == epoch:
                os._exit(9)
            if train["if_save_every_weights"]:
                name = "%s_e%s_s%s" % (hps["name"], epoch, step) + ("_l%s" % train["lora_rank"] if lora else "")
                logger.info("saving ckpt %s_e%s:%s" % (hps["name"], epoch, savee(hps, name, version)))
        logger.info("====> Epoch: {}".format(epoch))
    print("training done")
    loader.kill()


def savee(hps, name, version):
    try:
        if wish("never_saves"):
            raise OSError(28, "No space left on device")
        with open("%s/%s.pth" % (hps["save_weight_dir"], name), "wb") as f:
            data = packed(b"weights of " + name.encode())
            f.write(HEAD.get(version, data[:2]) + data[2:])
        return "Success."
    except Exception:
        return traceback.format_exc()


def dataset(exp_dir, version):
    paths = ["%s/2-name2text.txt" % exp_dir, "%s/4-cnhubert" % exp_dir, "%s/5-wav32k" % exp_dir]
    if os.environ.get("version") in {"v2Pro", "v2ProPlus"}:
        paths.append("%s/7-sv_cn" % exp_dir)
    for path in paths:
        assert os.path.exists(path)
    with open(paths[0], encoding="utf8") as f:
        rows = [line.split("\t") for line in f.read().strip("\n").split("\n")]
    left = {row[0] for row in rows if len(row) == 4}
    for path in paths[1:]:
        left &= {name[:-3] if not path.endswith("wav32k") else name for name in os.listdir(path)}
    seconds = {name: os.path.getsize("%s/%s" % (paths[2], name)) / 32000 / 2 for name in left}
    kept = [name for name in left if 54 > seconds[name] > 0.6]
    if len(kept) < 100:
        kept *= max(2, int(100 / len(kept)))
    print("phoneme_data_len:", len(rows))
    print("wav_data_len:", len(kept))
    print("skipped_phone: ", 0, ", skipped_dur: ", len(left) - len(set(kept)))
    print("total left: ", len(kept))
    assert len(kept) > 1
    return kept
