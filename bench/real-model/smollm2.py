"""SmolLM2-135M-Instruct (Apache-2.0) as a bf16 model, adapters trained on it with PEFT, and PEFT's side of the comparison.

    smollm2.py base GGUF OUT        dequantises the file into a transformers directory
    smollm2.py lora BASE OUT        trains LoRA on all linears, r = 16, for some steps
    smollm2.py hybrid BASE OUT      trains LoRA, norms and embeddings together, and saves the state dict as people do
    smollm2.py merge BASE ADAPTER OUT    PEFT's own merge, as short as it can be written
    smollm2.py compare MINE THEIRS [BASE ADAPTER]    bits, logits and a sentence, as JSON
    smollm2.py compare-split SPLIT HYBRID BASE        the same for the parts of a hybrid

Steps that are measured report their peak memory to file descriptor 3, if there is one.
"""

import json
import os
import sys
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", HF_HUB_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false", CUDA_VISIBLE_DEVICES="")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

logging.disable_progress_bar()

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
PROMPT = "A tenon is a tongue of wood that fits into a mortise. A joiner cuts it"
# Steps are few: the point is that every weight has moved by what training does, not that the model has learnt.
STEPS, LENGTH, BATCH = 12, 64, 2
TEXTS = ("README.md", "ARCHITECTURE.md", "GLOSSARY.md", "CONTRIBUTING.md")
ROOT = Path(__file__).resolve().parents[2]


def base(gguf, out):
    gguf = Path(gguf)
    options = {"gguf_file": gguf.name}
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, dtype=torch.float32, **options)
    config = read.config
    # transformers will not save a model that came from a GGUF: a plain one takes its weights.
    del config.quantization_config
    plain = LlamaForCausalLM(config)
    plain.load_state_dict(read.state_dict(), strict=True)
    plain.tie_weights()
    plain.to(torch.bfloat16).save_pretrained(out)
    AutoTokenizer.from_pretrained(gguf.parent, **options).save_pretrained(out)


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype="auto").eval()


def batches(tokenizer):
    """The project's own pages, cut into pieces."""
    text = "\n".join((ROOT / name).read_text() for name in TEXTS if (ROOT / name).exists())
    ids = tokenizer(text, return_tensors="pt").input_ids[0]
    rows = ids[: len(ids) // LENGTH * LENGTH].view(-1, LENGTH)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(3))
    for step in range(STEPS):
        yield rows[order[[(step * BATCH + i) % len(rows) for i in range(BATCH)]]]


def train(model, tokenizer, rate):
    """AdamW over whatever asks for a gradient. Returns the losses."""
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=rate, weight_decay=0.01)
    losses = []
    for rows in batches(tokenizer):
        loss = model(input_ids=rows, labels=rows).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


def lora(base, out):
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(1)
    model = get_peft_model(load(base), LoraConfig(r=16, lora_alpha=32, target_modules=LINEARS, task_type="CAUSAL_LM"))
    losses = train(model, AutoTokenizer.from_pretrained(base), 1e-3)
    model.save_pretrained(out)
    return {"losses": losses}


def hybrid(base, out):
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(2)
    out = Path(out)
    out.mkdir(parents=True)
    model = get_peft_model(load(base), LoraConfig(r=16, lora_alpha=32, target_modules=LINEARS, task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "norm" in name or "embed_tokens" in name:
            parameter.requires_grad_(True)
    losses = train(model, AutoTokenizer.from_pretrained(base), 1e-3)
    saved = out / "saved"
    model.config.save_pretrained(saved)
    model.generation_config.save_pretrained(saved)
    torch.save(model.state_dict(), saved / "pytorch_model.bin")
    # PEFT drops the trained base here; the adapter and its config are what tenon's parts are compared with.
    model.save_pretrained(out / "peft")
    live = answers(model, AutoTokenizer.from_pretrained(base))
    torch.save(live, out / "live.pt")
    merged = model.merge_and_unload()
    merged.save_pretrained(out / "merged")
    return {"losses": losses, "says": live["says"]}


def merge(base, adapter, out):
    from peft import PeftModel

    PeftModel.from_pretrained(load(base), adapter).merge_and_unload().save_pretrained(out)


@torch.no_grad()
def answers(model, tokenizer):
    ids = tokenizer(PROMPT, return_tensors="pt")
    said = model.generate(**ids, max_new_tokens=16, do_sample=False)[0]
    return {"logits": model(**ids).logits.float(), "says": tokenizer.decode(said[ids.input_ids.shape[1] :])}


def apart(mine, theirs):
    differing, elements, tensors, furthest, seen = 0, 0, 0, 0, set()
    assert mine.keys() == theirs.keys(), mine.keys() ^ theirs.keys()
    for name, tensor in mine.items():
        other = theirs[name]
        assert tensor.dtype == other.dtype and tensor.shape == other.shape, name
        if tensor.data_ptr() in seen and other.data_ptr() in seen:
            continue  # tied
        seen |= {tensor.data_ptr(), other.data_ptr()}
        elements += tensor.numel()
        kind = {2: torch.int16, 4: torch.int32}[tensor.element_size()]
        distance = (tensor.view(kind).to(torch.int64) - other.view(kind).to(torch.int64)).abs()
        differing += int((distance > 0).sum())
        tensors += int((distance > 0).any())
        furthest = max(furthest, int(distance.max()))
    return {"elements": elements, "differing": differing, "tensors": tensors, "furthestUlp": furthest}


def versus(found, expected):
    a, b = found["logits"], expected["logits"]
    return {"largest": float((a - b).abs().max()), "same": bool(torch.equal(a, b)), "scale": float(b.abs().max()), "sameWords": found["says"] == expected["says"]}


def compare(mine, theirs, base=None, adapter=None):
    tokenizer = AutoTokenizer.from_pretrained(base or mine)
    a, b = load(mine), load(theirs)
    said, expected = answers(a, tokenizer), answers(b, tokenizer)
    found = {"weights": apart(a.state_dict(), b.state_dict()), "logits": versus(said, expected), "says": said["says"]}
    if adapter:
        from peft import PeftModel

        found["live"] = versus(said, answers(PeftModel.from_pretrained(load(base), adapter).eval(), tokenizer))
    return found


def compare_split(split, hybrid, base):
    from peft import PeftModel

    split, hybrid = Path(split), Path(hybrid)
    model = PeftModel.from_pretrained(load(split / "base"), split / "adapters" / "default").eval()
    name = "adapter_model.safetensors"
    same = (split / "adapters" / "default" / name).read_bytes() == (hybrid / "peft" / name).read_bytes()
    live = torch.load(hybrid / "live.pt", weights_only=True)
    state = torch.load(hybrid / "saved" / "pytorch_model.bin", weights_only=True)
    return {
        "weights": apart(model.state_dict(), state),
        "adapterFileSame": same,
        "live": versus(answers(model, AutoTokenizer.from_pretrained(base)), live),
    }


def report_use():
    try:
        peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
        used = os.times()
        os.write(3, json.dumps({"peakBytes": peak, "userSeconds": used.user, "systemSeconds": used.system}).encode())
    except OSError:
        pass


if __name__ == "__main__":
    verb, *arguments = sys.argv[1:]
    result = {"base": base, "lora": lora, "hybrid": hybrid, "merge": merge, "compare": compare, "compare-split": compare_split}[verb](*arguments)
    if result is not None:
        print(json.dumps(result))
    report_use()
