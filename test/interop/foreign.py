"""Adapters of other tools in PEFT's hands: logits of a live model with its adapter, and of one that was merged."""

import torch
from judge import load, logits
from peft import PeftModel


def live_logits(base, adapter, ids):
    model, _ = load(base)
    return logits(PeftModel.from_pretrained(model, adapter).eval(), torch.tensor(ids)).double().tolist()


def merged_logits(output, ids):
    model, keys = load(output)
    return {"keys": keys, "logits": logits(model, torch.tensor(ids)).double().tolist()}


CALLS = [live_logits, merged_logits]
