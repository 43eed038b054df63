"""Runs of transformers' Trainer and of Accelerate on CPU: a hybrid or a whole model with tied embeddings is trained, saved, resumed.

    python trainer_runs.py PLAN.json

The plan is a list of `{"trainer": {…}}`, `{"accelerate": {…}}`, `{"base": FOLDER}` and calls of the other functions below. A run has
`base` (the model to start from), `kind` (`hybrid`: LoRA with dropout beside trained base parameters; `whole`), `out`, and where it
matters `optim`, `steps`, `resume` (a folder to go on from), `weights` (a file for what the model holds at the end), `rank`, `trained`
(parts of the names that are), `change` (what the run itself changes in the middle). It saves after every step. Each entry answers with
a line of JSON: `losses` as exact doubles; `names` of the optimizer's parameters in their order.
"""

import json
import os
import random
import shutil
import sys

os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
    HF_HUB_DISABLE_PROGRESS_BARS="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1",
)  # fmt: skip

import warnings  # noqa: E402

warnings.filterwarnings("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from accelerate import Accelerator  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments  # noqa: E402

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
TEXT = torch.randint(3, 37, (16, 8), generator=torch.Generator().manual_seed(11))
TRAINED = ["lora_", "norm", "embed_tokens", "down_proj", "layers.0.self_attn.q_proj.base_layer"]
STEPS = 6


def base(folder):
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=37, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=32, tie_word_embeddings=True, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return {}


def build(run):
    """What a resumed run starts with is drawn anew: it must come from the checkpoint."""
    model = LlamaForCausalLM.from_pretrained(run["base"])
    torch.manual_seed(50 + len(run.get("resume", "")))
    if run["kind"] == "whole":
        return model
    rank = run.get("rank", 2)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.1, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(part in name for part in run.get("trained", TRAINED)))
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def unshared(model):
    """A state dict without tied weights' second names, as Accelerate saves one."""
    seen, kept = set(), {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            kept[name] = tensor.contiguous()
            seen.add(tensor.data_ptr())
    return kept


class SaveBase(TrainerCallback):
    """What people add to keep a trained base, since the Trainer saves the adapter alone: the whole state dict beside it."""

    def on_save(self, args, state, control, model=None, **kwargs):
        folder = f"{args.output_dir}/checkpoint-{state.global_step}"
        if os.path.exists(f"{folder}/adapter_model.safetensors"):
            save_file(unshared(model), f"{folder}/model.safetensors", metadata={"format": "pt"})
            os.rename(f"{folder}/adapter_model.safetensors", f"{folder}.adapter")


class Change(TrainerCallback):
    """What `tenon edit` does to a save, done to the live run before its next step: parameters frozen, trained, settings of groups."""

    def __init__(self, at, freeze=(), unfreeze=(), settings=None):
        self.at, self.freeze, self.unfreeze, self.settings = at, freeze, unfreeze, settings or {}

    def on_step_begin(self, args, state, control, model=None, optimizer=None, **kwargs):
        if state.global_step != self.at:
            return
        live = getattr(optimizer, "optimizer", optimizer)
        for name, parameter in model.named_parameters():
            if any(part in name for part in self.freeze):
                parameter.requires_grad_(False)
                parameter.grad = None
            if any(part in name for part in self.unfreeze):
                parameter.requires_grad_(True)
                live.param_groups[0]["params"].append(parameter)
                zeros = {key: torch.zeros_like(parameter) for key in ("exp_avg", "exp_avg_sq")}
                live.state[parameter] = {"step": torch.tensor(float(self.at)), **zeros}
        for group, changed in self.settings.items():
            live.param_groups[int(group)].update(changed)


def names_in(optimizer, model):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]


def keep_weights(run, model):
    if "weights" in run:
        os.makedirs(os.path.dirname(run["weights"]), exist_ok=True)
        save_file({name: parameter.detach().contiguous() for name, parameter in model.named_parameters()}, run["weights"])


def trainer(run):
    arguments = TrainingArguments(
        output_dir=run["out"], max_steps=STEPS, save_steps=1, logging_steps=1, per_device_train_batch_size=2, learning_rate=5e-3,
        weight_decay=0.01, seed=7, data_seed=7, use_cpu=True, report_to=[], disable_tqdm=True, remove_unused_columns=False,
        lr_scheduler_type="cosine", warmup_steps=1, optim=run.get("optim", "adamw_torch"),
    )  # fmt: skip
    rows = [{"input_ids": row, "labels": row} for row in TEXT]
    callbacks = [SaveBase()] if run.get("keeps_base") else []
    if "change" in run:
        callbacks.append(Change(**run["change"]))
    tool = Trainer(model=build(run), args=arguments, train_dataset=rows, callbacks=callbacks)
    with open(os.devnull, "w") as quiet:
        printed, sys.stdout = sys.stdout, quiet
        tool.train(resume_from_checkpoint=run.get("resume"))
        sys.stdout = printed
    keep_weights(run, tool.model)
    optimizer = getattr(tool.optimizer, "optimizer", tool.optimizer)
    losses = [entry["loss"] for entry in tool.state.log_history if "loss" in entry]
    return {"losses": losses, "names": names_in(optimizer, tool.model)}


def accelerate(run):
    random.seed(7), np.random.seed(7), torch.manual_seed(7)
    tool = Accelerator(cpu=True)
    model = build(run)
    torch.manual_seed(7)
    groups = [[], []]
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups["norm" in name].append(parameter)
    optimizer = torch.optim.AdamW([{"params": groups[0]}, {"params": groups[1], "weight_decay": 0.0}], lr=5e-3, weight_decay=0.01)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
    model, optimizer, scheduler = tool.prepare(model, optimizer, scheduler)
    model.train()
    at = 0
    if "resume" in run:
        tool.load_state(run["resume"])
        at = int(run["at"])
    losses = []
    for step in range(at, run.get("steps", STEPS)):
        rows = TEXT[torch.randperm(len(TEXT))[:2]]
        loss = model(input_ids=rows, labels=rows).loss
        tool.backward(loss)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        tool.save_state(f"{run['out']}/{step + 1}")
    if "save" in run:
        tool.save_state(run["save"])
    keep_weights(run, tool.unwrap_model(model))
    tool.free_memory()
    return {"losses": losses, "names": names_in(optimizer.optimizer, model)}


def unlike(one, other):
    """Files of two checkpoints, and what in those that torch.save or safetensors wrote differs in value, bits or Python type."""
    found = []
    names = sorted(set(os.listdir(one)) & set(os.listdir(other)))
    compared = [name for name in names if name.endswith((".pt", ".pth", ".bin", ".pkl", ".safetensors", "_state.json"))]
    for name in compared:
        if name == "training_args.bin":
            continue
        mine, theirs = (loaded(f"{folder}/{name}") for folder in (one, other))
        found += [f"{name}: {path}" for path in differences(mine, theirs)]
    return {"unlike": found, "compared": compared}


def loaded(file):
    if file.endswith(".json"):
        with open(file) as text:
            return json.load(text)
    return load_file(file) if file.endswith(".safetensors") else torch.load(file, weights_only=False)


def differences(mine, theirs, path=""):
    if type(mine) is not type(theirs):
        return [f"{path}: {type(mine).__name__} and {type(theirs).__name__}"]
    if isinstance(mine, dict):
        keys = [key for key in {**mine, **theirs} if key != "param_names"]
        lacking = [f"{path}/{key}: only in one" for key in keys if (key in mine) != (key in theirs)]
        both = [key for key in keys if key in mine and key in theirs]
        return lacking + [each for key in both for each in differences(mine[key], theirs[key], f"{path}/{key}")]
    if isinstance(mine, (list, tuple)):
        if len(mine) != len(theirs):
            return [f"{path}: {len(mine)} and {len(theirs)} items"]
        return [each for at, pair in enumerate(zip(mine, theirs)) for each in differences(*pair, f"{path}/{at}")]
    if isinstance(mine, torch.Tensor):
        same = mine.dtype == theirs.dtype and mine.shape == theirs.shape
        same = same and torch.equal(mine.reshape(-1).view(torch.uint8), theirs.reshape(-1).view(torch.uint8))
    elif isinstance(mine, np.ndarray):
        same = mine.dtype == theirs.dtype and mine.shape == theirs.shape and mine.tobytes() == theirs.tobytes()
    else:
        same = repr(mine) == repr(theirs)
    return [] if same else [path]


def param_names(file):
    groups = torch.load(file, weights_only=True)["param_groups"]
    return {"names": [name for group in groups for name in group["param_names"]]}


def grown(source, rows, rank, out):
    """torch's own padding of a Trainer's save: B and moments with zeros, A with the rows that another save has there."""
    shutil.copytree(source, out)
    with open(f"{out}/adapter_config.json") as file:
        config = json.load(file)
    before = config["r"]
    with open(f"{out}/adapter_config.json", "w") as file:
        json.dump({**config, "r": rank, "lora_alpha": config["lora_alpha"] * rank // before}, file)
    pad = torch.nn.functional.pad
    weights, others = load_file(f"{source}/adapter_model.safetensors"), load_file(f"{rows}/adapter_model.safetensors")
    for name, tensor in weights.items():
        if "lora_A" in name:
            weights[name] = torch.cat([tensor, others[name][before:]])
        elif "lora_B" in name:
            weights[name] = pad(tensor, (0, rank - before))
    save_file(weights, f"{out}/adapter_model.safetensors", metadata={"format": "pt"})
    optimizer = torch.load(f"{source}/optimizer.pt", weights_only=True)
    for state in optimizer["state"].values():
        for key in ("exp_avg", "exp_avg_sq"):
            # No other size in this model is the rank's.
            missing = [rank - before if size == before else 0 for size in state[key].shape]
            state[key] = pad(state[key], [each for size in reversed(missing) for each in (0, size)])
    torch.save(optimizer, f"{out}/optimizer.pt")
    return {}


def moved(before, after):
    """Names of parameters that are not the same to the bit; those that only one of two has are not counted."""
    one, other = load_file(before), load_file(after)
    return {"names": sorted(name for name in one if name in other and differences(one[name], other[name]))}


CALLS = {function.__name__: function for function in (base, trainer, accelerate, unlike, param_names, grown, moved)}


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    for each in plan:
        [(name, argument)] = each.items()
        answer = CALLS[name](*argument) if isinstance(argument, list) else CALLS[name](argument)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
