"""What PEFT makes of adapters before and after an edit: scalings, logits, merged weights. Prints one JSON document."""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def loaded(base, adapter):
    model = AutoModelForCausalLM.from_pretrained(base)
    return PeftModel.from_pretrained(model, adapter).eval()


def settings(model, attribute):
    found = {}
    for name, module in model.named_modules():
        value = getattr(module, attribute, None)
        if isinstance(value, dict) and "default" in value:
            found[name] = value["default"]
    return found


def main(base, before, grown, second):
    ids = torch.arange(12)[None]
    with torch.no_grad():
        one, other = loaded(base, before), loaded(base, grown)
        logits = one(ids).logits
        both = loaded(base, second)
        both.load_adapter(f"{second}/second", "second")
        both.base_model.set_adapter(["default", "second"])
        # torch sums products of other shapes in another order, so that unmerged f32 may differ in the last places.
        apart = lambda found: ((found - logits).abs().max() / logits.abs().max()).item()
        facts = {
            "ranks": sorted(set(settings(other, "r").values())),
            "scalingsAreEqual": settings(one, "scaling") == settings(other, "scaling"),
            "logitsApart": apart(other(ids).logits),
            "logitsOfBothApart": apart(both(ids).logits),
        }
        merged = [model.merge_and_unload().state_dict() for model in (one, other)]
    facts["mergedAreEqual"] = all(torch.equal(merged[0][name], merged[1][name]) for name in merged[0])
    print(json.dumps(facts))


main(*sys.argv[1:])
