"""Runs DeepSpeed's own zero_to_fp32 on a save, flushes what it wrote, and says how long that took.

usage: zero_to_fp32.py SAVE OUT
"""

import json
import os
import resource
import sys
import time
from importlib.metadata import version

os.environ.setdefault("DS_ACCELERATOR", "cpu")
from deepspeed.utils.zero_to_fp32 import convert_zero_checkpoint_to_fp32_state_dict  # noqa: E402


def main(save: str, out: str) -> None:
    started = time.perf_counter()
    convert_zero_checkpoint_to_fp32_state_dict(save, out, safe_serialization=True)
    for directory, _, names in os.walk(out):
        for path in [*(os.path.join(directory, name) for name in names), directory]:
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
    seconds = time.perf_counter() - started
    use = resource.getrusage(resource.RUSAGE_SELF)
    measured = {"seconds": seconds, "peakBytes": use.ru_maxrss * 1024, "userSeconds": use.ru_utime, "systemSeconds": use.ru_stime}
    print(json.dumps({"measured": measured, "versions": {name: version(name) for name in ("deepspeed", "torch")}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
