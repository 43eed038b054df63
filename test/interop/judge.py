"""What transformers makes of a directory, and how far two models are apart."""

import torch
from transformers import AutoModelForCausalLM

IDS = torch.tensor([[3, 17, 42, 5, 60, 29, 11, 8]])


def load(path, cls=AutoModelForCausalLM, **options):
    """A model from disk in its own dtype, and what transformers says about the keys."""
    model, info = cls.from_pretrained(path, output_loading_info=True, dtype="auto", **options)
    keys = {kind: sorted(map(str, info.get(f"{kind}_keys", ()))) for kind in ("missing", "unexpected", "mismatched")}
    return model.eval(), {**keys, "errors": [str(e) for e in info.get("error_msgs", [])]}


def ordered(tensor):
    """Floats as integers whose difference is the distance in units in the last place."""
    kind = torch.int32 if tensor.element_size() == 4 else torch.int16
    bits = tensor.contiguous().view(kind).to(torch.int64)
    floor = -(2 ** (8 * tensor.element_size() - 1))
    return torch.where(bits < 0, floor - bits, bits)


def apart(mine, theirs, size=None):
    """Two state dicts by their bits. `size` holds, for each element, the sum of magnitudes that an error is relative to."""
    found = {
        "onlyMine": sorted(set(mine) - set(theirs)),
        "onlyTheirs": sorted(set(theirs) - set(mine)),
        "elements": 0,
        "differing": 0,
        "tensors": [],
        "ulp": 0,
        "relative": 0.0,
    }
    for name in sorted(set(mine) & set(theirs)):
        a, b = mine[name], theirs[name]
        if a.shape != b.shape or a.dtype != b.dtype:
            found["tensors"].append(f"{name}: {a.dtype} {list(a.shape)} is not {b.dtype} {list(b.shape)}")
            continue
        found["elements"] += a.numel()
        if torch.equal(a.contiguous().view(torch.uint8), b.contiguous().view(torch.uint8)):
            continue
        distance = (ordered(a) - ordered(b)).abs()
        found["differing"] += int((distance > 0).sum())
        found["ulp"] = max(found["ulp"], int(distance.max()))
        found["tensors"].append(f"{name}: {int((distance > 0).sum())} of {a.numel()}, up to {int(distance.max())} ulp")
        if size is not None:
            error = (a.double() - b.double()).abs() / size[name].double().abs().clamp_min(1e-30)
            found["relative"] = max(found["relative"], float(error.max()))
    return found


@torch.no_grad()
def logits(model, ids=IDS):
    return model(input_ids=ids).logits


def logits_apart(mine, theirs, ids=IDS):
    """Largest difference of the logits in the models' own dtype, and whether every bit agrees."""
    a, b = logits(mine, ids), logits(theirs, ids)
    return {"largest": float((a.double() - b.double()).abs().max()), "bits": bool(torch.equal(a, b)), "scale": float(b.double().abs().max())}

