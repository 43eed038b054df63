"""huggingface/peft#1934 on the spot: LoRA and base trained together, saved by the tools in the ways people use, and judged against the live model."""

import copy
import random as python_random
import re
import shutil
from pathlib import Path

import models
import torch
from accelerate import Accelerator
from judge import apart, load, logits_apart
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, load_model, save_file
from transformers import Trainer, TrainingArguments

QV = ["q_proj", "v_proj"]
SEVEN = [*QV, "k_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
STEPS = 3

VARIANTS = {
    "f32": {"dtype": "f32", "targets": QV},
    "bf16": {"dtype": "bf16", "targets": SEVEN},
    "tied": {"dtype": "bf16", "targets": QV, "tied": True},
    "head": {"dtype": "f32", "targets": QV, "config": {"modules_to_save": ["lm_head"]}},
    "dora": {"dtype": "bf16", "targets": SEVEN, "config": {"use_dora": True, "use_rslora": True, "rank_pattern": {"q_proj": 3}}},
    "embedding": {"dtype": "f32", "targets": ["embed_tokens", "lm_head", "q_proj"]},
    "gpt2": {"dtype": "f32", "make": models.gpt2, "targets": ["c_attn", "c_proj"], "config": {"fan_in_fan_out": True}},
    "mixtral": {"dtype": "f32", "make": models.mixtral, "targets": ["q_proj"], "config": {"target_parameters": ["experts.gate_up_proj", "experts.down_proj"]}, "load": models.EAGER},
    "part": {"dtype": "bf16", "targets": SEVEN, "frozen": ["mlp", "lm_head", "q_proj.base_layer"]},
    "two": {"dtype": "f32", "targets": QV, "second": "poet"},
}

# The trained models, as they were when they were saved.
LIVE = {}


class Rows(torch.utils.data.Dataset):
    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return {"input_ids": self.rows[i], "labels": self.rows[i]}


class Assistant(torch.nn.Module):
    """A module of one's own around the PeftModel, as #1934's reporter had."""

    def __init__(self, llm):
        super().__init__()
        self.llm = llm


def train(model, out, seed):
    arguments = TrainingArguments(
        output_dir=str(out), max_steps=STEPS, save_steps=STEPS, logging_steps=1, per_device_train_batch_size=2,
        learning_rate=5e-3, weight_decay=0.01, lr_scheduler_type="linear", warmup_steps=1, seed=seed % 2**31, data_seed=seed % 2**31,
        use_cpu=True, report_to=[], disable_tqdm=True, remove_unused_columns=False, dataloader_num_workers=0,
    )
    rows = torch.randint(3, 60, (6, 12), generator=torch.Generator().manual_seed(seed % 2**31))
    trainer = Trainer(model=model, args=arguments, train_dataset=Rows(rows))
    trainer.train()
    model.eval()
    return trainer


def wrapped(base, variant, random):
    config = {"r": random.randint(2, 12), "lora_alpha": random.randint(1, 32), "target_modules": variant["targets"], "task_type": "CAUSAL_LM", **variant.get("config", {})}
    model = get_peft_model(load(base, **variant.get("load", {}))[0], LoraConfig(**config))
    if "second" in variant:
        model.add_adapter(variant["second"], LoraConfig(**config))
        model.base_model.set_adapter(["default", variant["second"]])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(torch.randn_like(parameter) * 0.05)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name or not any(part in name for part in variant.get("frozen", [])))
    return model


def make_hybrid(name, seed, folder):
    """Trains, saves in every way, and says where everything lies and what each save needs to be told."""
    folder, variant = Path(folder), VARIANTS[name]
    random = python_random.Random(f"{name} {seed}")
    torch.manual_seed(random.randrange(2**31))
    over = {"tie_word_embeddings": True} if variant.get("tied") else {}
    models.save(variant.get("make", models.llama)(random, **over), folder / "base", variant["dtype"])
    model = wrapped(folder / "base", variant, random)
    trainer = train(model, folder / "trainer", seed)
    LIVE[name] = model
    truth = folder / "peft"
    model.save_pretrained(truth)

    def beside(path):
        path = folder / path
        path.parent.mkdir(parents=True, exist_ok=True)
        return str(path)

    state = model.state_dict()
    torch.save(state, beside("zip/model.pt"))
    torch.save(state, beside("legacy/pytorch_model.bin"), _use_new_zipfile_serialization=False)
    model.config.save_pretrained(folder / "legacy")
    torch.save({f"module.{k}": v for k, v in state.items()}, beside("ddp/model.pt"))
    torch.save({"step": STEPS, "model": torch.compile(model).state_dict()}, beside("compiled/last.ckpt"))
    save_file({k: v.detach().clone().contiguous() for k, v in state.items()}, beside("safetensors/model.safetensors"), metadata={"format": "pt"})
    save_file({k: v.detach().clone().contiguous() for k, v in Assistant(model).state_dict().items()}, beside("module/model.safetensors"), metadata={"format": "pt"})
    model.base_model.save_pretrained(folder / "inner")
    accelerator = Accelerator(cpu=True)
    accelerator.save_model(model, str(folder / "accelerate-model"))
    optimizer = getattr(trainer.optimizer, "optimizer", trainer.optimizer)
    accelerator.prepare(model, optimizer, trainer.lr_scheduler)
    accelerator.save_state(str(folder / "accelerate-state"))

    whole = ["zip/model.pt", "legacy", "ddp/model.pt", "compiled/last.ckpt", "safetensors/model.safetensors", "module", "inner", "accelerate-model", "accelerate-state"]
    return {
        "base": str(folder / "base"),
        "tied": bool(model.config.tie_word_embeddings),
        "adapters": list(model.peft_config),
        "peft": str(truth),
        "adapterFile": str(truth / "adapter_model.safetensors"),
        "adapterConfig": str(truth / "adapter_config.json"),
        "whole": {way: str(folder / way) for way in whole},
        # PEFT leaves the trained base out of both without a word.
        "lost": {"save_pretrained": str(truth), "trainer": str(folder / "trainer" / f"checkpoint-{STEPS}")},
    }


def effective_base(model):
    """The trained base under the names of transformers."""
    state = {k.removeprefix("base_model.model."): v for k, v in model.state_dict().items() if "lora_" not in k and "modules_to_save" not in k}
    return {re.sub(r"(\.base_layer)+\.|\.original_module\.", ".", k): v for k, v in state.items()}


def of_adapter(model):
    return {k: v for k, v in model.state_dict().items() if "lora_" in k or "modules_to_save" in k}


def on_top(name, plain, adapters):
    """The adapters of a split on a base, by PEFT."""
    model = PeftModel.from_pretrained(plain, adapters / "default")
    second = VARIANTS[name].get("second")
    if second:
        model.load_adapter(adapters / second, adapter_name=second)
        model.base_model.set_adapter(["default", second])
    return model.eval()


def judge_split(name, output, base):
    """`base/` by transformers, the adapter by PEFT on top of it, both against the live model."""
    live, output = LIVE[name], Path(output)
    has_config = (output / "base" / "config.json").exists()
    if not has_config:
        # What holds only tensors gives a base of only tensors; the model's own config goes with it.
        shutil.copy(Path(base) / "config.json", output / "base")
    plain, keys = load(output / "base", **VARIANTS[name].get("load", {}))
    found = {"keys": keys, "hasConfig": has_config, "base": apart(plain.state_dict(), effective_base(live))}
    model = on_top(name, plain, output / "adapters")
    found["adapter"] = apart(of_adapter(model), of_adapter(live))
    found["logits"] = logits_apart(model, live)
    return found


def with_delta(name, output, base):
    """The base that was given, with what a split beside it kept; where everything moved that is a whole model."""
    folder, options = Path(output) / "base", VARIANTS[name].get("load", {})
    if (folder / "model.safetensors").exists():
        return load(folder, **options)[0], load_file(folder / "model.safetensors")
    plain = load(base, **options)[0]
    kept = load_file(folder / "delta.safetensors")
    unknown = plain.load_state_dict(kept, strict=False).unexpected_keys
    assert not unknown, unknown
    return plain, kept


def judge_delta(name, output, base):
    """A split beside the base it was trained from: what it kept of the base, and the model that comes of all three."""
    live, before = LIVE[name], load(base)[0].state_dict()
    plain, kept = with_delta(name, output, base)
    moved = {k for k, v in effective_base(live).items() if not torch.equal(v, before[k])}
    model = on_top(name, plain, Path(output) / "adapters")
    return {"weights": apart(model.state_dict(), live.state_dict()), "logits": logits_apart(model, live), "kept": sorted(kept), "moved": sorted(moved), "all": len(before) == len(moved)}


def judge_base(name, output):
    """A transformers directory against the live model's base."""
    mine, keys = load(output)
    return {"keys": keys, "weights": apart(mine.state_dict(), effective_base(LIVE[name]))}


def judge_hybrid(name, base, output):
    """An adapter directory that carries the trained base, loaded by PEFT on the base from before the training."""
    model = PeftModel.from_pretrained(load(base)[0], output).eval()
    return {"weights": apart(model.state_dict(), LIVE[name].state_dict()), "logits": logits_apart(model, LIVE[name])}


def judge_state_dict(name, file):
    """A state dict into the live model's own class, strictly, after that model has been emptied."""
    model = copy.deepcopy(LIVE[name])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    if file.endswith(".safetensors"):
        # Strict too, but it knows that a tied weight is stored once.
        load_model(model, file, strict=True)
    else:
        model.load_state_dict(torch.load(file, weights_only=True), strict=True)
    return {"weights": apart(model.state_dict(), LIVE[name].state_dict()), "logits": logits_apart(model, LIVE[name])}


def judge_merged(name, output):
    """A merged model against PEFT's own merge of the live one."""
    mine, keys = load(output, **VARIANTS[name].get("load", {}))
    theirs = copy.deepcopy(LIVE[name]).merge_and_unload().eval()
    return {"keys": keys, "weights": apart(mine.state_dict(), theirs.state_dict()), "logits": logits_apart(mine, theirs)}


PREFIX = "base_model.model."

# What exporters and wrappers do to the names in an adapter's file.
DAMAGES = {
    "prefix-missing": lambda key: key.removeprefix(PREFIX),
    "prefix-doubled": lambda key: PREFIX + key,
    "name-left": lambda key: key.replace(".weight", ".poet.weight"),
    "name-doubled": lambda key: key.replace(".weight", ".default.default.weight"),
    "ddp": lambda key: f"module.{key}",
    "compiled": lambda key: f"_orig_mod.{key}",
}


def make_damaged(peft, kind, folder):
    """The adapter with its names spoilt."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    tensors = load_file(Path(peft) / "adapter_model.safetensors")
    save_file({DAMAGES[kind](k): v for k, v in tensors.items()}, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    shutil.copy(Path(peft) / "adapter_config.json", folder)


def judge_adapter(adapter, peft, base):
    """What PEFT makes of an adapter, beside what it makes of the one it wrote."""
    mine, theirs = (PeftModel.from_pretrained(load(base)[0], path).eval() for path in (adapter, peft))
    return {"weights": apart(of_adapter(mine), of_adapter(theirs)), "logits": logits_apart(mine, theirs)}


def trained_base(name):
    """How many base parameters had a gradient, and so moved."""
    return sum(1 for key, parameter in LIVE[name].named_parameters() if "lora_" not in key and "modules_to_save" not in key and "original_module" not in key)


def keys_of(path):
    return load(path)[1]


CALLS = [make_hybrid, make_damaged, judge_adapter, trained_base, keys_of, judge_split, judge_delta, judge_base, judge_hybrid, judge_state_dict, judge_merged]
