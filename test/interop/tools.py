"""The real tools, asked over a pipe: one JSON request a line, {"call": name, …arguments}, one JSON answer a line.

Starting torch, transformers and PEFT takes longer than a case, so a test file starts one process and asks it many things.
"""

import json
import os
import sys
import traceback

# What libraries print must not get between the answers.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    TRANSFORMERS_VERBOSITY="error",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    TOKENIZERS_PARALLELISM="false",
    CUDA_VISIBLE_DEVICES="",
)

import warnings  # noqa: E402

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()
torch.set_num_threads(2)
torch.use_deterministic_algorithms(True)

import foreign  # noqa: E402
import hybrids  # noqa: E402
import merges  # noqa: E402

CALLS = {function.__name__: function for module in (merges, hybrids, foreign) for function in module.CALLS}


def answer(line):
    request = json.loads(line)
    try:
        return {"result": CALLS[request.pop("call")](**request)}
    except Exception:  # noqa: BLE001 - the test that asked shows it
        return {"error": traceback.format_exc()}


print(json.dumps({"result": "ready"}), file=answers, flush=True)
for line in sys.stdin:
    print(json.dumps(answer(line)), file=answers, flush=True)
