"""Merges an adapter into a base as PEFT's documentation does it, and says how long each part took.

usage: merge_with_peft.py BASE ADAPTER OUT
"""

import json
import os
import resource
import sys
import time

import peft
import torch
import transformers


def main(base: str, adapter: str, out: str) -> None:
    seconds = {}

    def timed(name: str, call):
        started = time.perf_counter()
        result = call()
        seconds[name] = time.perf_counter() - started
        return result

    started = time.perf_counter()
    model = timed("load", lambda: load(base, adapter))
    merged = timed("merge", model.merge_and_unload)
    timed("save", lambda: merged.save_pretrained(out))
    timed("fsync", lambda: sync_below(out))
    seconds["total"] = time.perf_counter() - started
    versions = {module.__name__: module.__version__ for module in (peft, transformers, torch)}
    use = resource.getrusage(resource.RUSAGE_SELF)
    measured = {
        "peakBytes": use.ru_maxrss * 1024,
        "userSeconds": use.ru_utime,
        "systemSeconds": use.ru_stime,
    }
    print(json.dumps({"seconds": seconds, "measured": measured, "versions": versions}))


def load(base: str, adapter: str):
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    return peft.PeftModel.from_pretrained(model, adapter)


def sync_below(root: str) -> None:
    for directory, _, names in os.walk(root):
        for path in [*(os.path.join(directory, name) for name in names), directory]:
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)


if __name__ == "__main__":
    main(*sys.argv[1:])
