"""Runs of the real DeepSpeed on CPU over gloo: trains a hybrid, saves it, resumes universal checkpoints.

    python deepspeed_runs.py PLAN.json

The plan is a list. A world, `{"world": 2, "runs": [...]}`, has its processes forked after the imports, which do its runs one
after the other. `{"universal": DIR}` is DeepSpeed's own converter, beside the save that it converts; `{"accelerate": RUN}` a run
without DeepSpeed, of one process, saved by accelerate.
A run has `stage`, `groups` ("two" of different weight decay, "twins" of the same, "one"), `dtype`, `steps`, `weights` (where
the model goes that it ends with), and some have `resume` (a directory with `latest_universal`), `start` (where `base/` and
`adapters/` of that lie; without it the model is made anew), `trained` (parts of the names that are; groups that are left
empty are not made) and `save` (`at` a step, `in` a directory). A run of accelerate may have a `change`, made at a step:
parameters to freeze, settings of groups.
Every rank sees the same data. Averaging over 1, 2 or 4 ranks is then exact, so that the engine's worlds agree to the last bit,
which over 3 ranks they do not. Beside `weights`, `<weights>.json` has losses as exact doubles, and the names of parameters that no step moved.
"""

import argparse
import json
import os
import socket
import sys

os.environ.update(
    DS_ACCELERATOR="cpu", HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
    HF_HUB_DISABLE_PROGRESS_BARS="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1", DS_LOG_LEVEL="error",
)  # fmt: skip

import deepspeed  # noqa: E402
import torch  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from accelerate import Accelerator  # noqa: E402
from deepspeed.checkpoint import ds_to_universal  # noqa: E402
from peft import LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM  # noqa: E402

# The shared-memory collective would have to be compiled; gloo does. As an attribute of deepspeed.comm, `torch` is torch itself.
sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None

launch_gather = deepspeed.comm.all_gather_into_tensor


def whole_gather(*args, **kwargs):
    """Stage 3 launches a gather for each parameter after a step and waits for the last one alone (0.19.6, partition_parameters.py,
    `_allgather_params_coalesced`). NCCL keeps their order, gloo does not: in about one run of twenty of three workers a parameter
    was used before it was there, and losses were off or NaN, without any checkpoint. So each gather is waited for.
    """
    handle = launch_gather(*args, **kwargs)
    if handle is not None:
        handle.wait()
    return handle


deepspeed.comm.all_gather_into_tensor = whole_gather


def fresh_model(dtype):
    torch.manual_seed(11)
    config = LlamaConfig(
        vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=32, tie_word_embeddings=True, pad_token_id=None, dtype=dtype,
    )  # fmt: skip
    model = get_peft_model(
        LlamaForCausalLM(config), LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:  # zeros would hide a mistake
            torch.nn.init.normal_(parameter, std=0.05)
    return model


def resumed_model(directory):
    base = AutoModelForCausalLM.from_pretrained(f"{directory}/base", dtype="auto")
    return PeftModel.from_pretrained(base, f"{directory}/adapters/default", is_trainable=True)


# LoRA, norms, one projection, a wrapped layer's own weights, the tied embeddings; the rest is frozen.
TRAINED = ["lora_", "norm", "up_proj", "q_proj.base_layer", "embed_tokens"]


def param_groups(model, kind, parts=TRAINED):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in parts)
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    if kind == "one":
        return [{"params": [p for _, p in trained], "weight_decay": 0.1}]
    plain = [p for n, p in trained if "norm" in n or "up_proj" in n]
    groups = [
        {"params": [p for n, p in trained if "norm" not in n and "up_proj" not in n], "weight_decay": 0.3},
        {"params": plain, "weight_decay": 0.3 if kind == "twins" else 0.0},
    ]
    return [group for group in groups if group["params"]]


def batch(step):
    generator = torch.Generator().manual_seed(1000 + step)
    return torch.randint(1, 32, (2, 8), generator=generator)


def optimizer_of(groups):
    optimizer = torch.optim.AdamW(groups, lr=0.02)
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 / (1 + 0.2 * step))


def values(model):
    return {name: parameter.detach().clone().contiguous() for name, parameter in model.named_parameters()}


def keep(order, model, losses, rates, steps, before=None):
    """What the run ended with. As the Trainer does, configs go beside a save."""
    weights = values(model)
    save_file(weights, order["weights"])
    still = [name for name, tensor in (before or {}).items() if torch.equal(tensor, weights[name])]
    with open(order["weights"] + ".json", "w") as file:
        json.dump({"name": order["name"], "losses": losses, "rates": rates, "globalSteps": steps, "still": still}, file)
    if "save" in order:
        model.config.save_pretrained(order["save"]["in"])
        model.peft_config["default"].save_pretrained(order["save"]["in"])


def change(changes, model, optimizer):
    """What `tenon edit` does to a save, done to the live run."""
    for name, parameter in model.named_parameters():
        if any(part in name for part in changes["freeze"]):
            parameter.requires_grad_(False)
            parameter.grad = None
    for group, settings in changes["settings"].items():
        optimizer.param_groups[int(group)].update(settings)


def accelerated(rank, order):
    torch.set_num_threads(1)
    model = fresh_model(order["dtype"])
    groups = param_groups(model, order["groups"])
    # These groups follow no rule that the Trainer has, so nothing but the run knows which number is which parameter.
    names = {parameter: name for name, parameter in model.named_parameters()}
    if "order" in order:
        with open(order["order"], "w") as file:
            file.writelines(f"{names[parameter]}\n" for group in groups for parameter in group["params"])
    accelerator = Accelerator(cpu=True)
    model, optimizer, scheduler = accelerator.prepare(model, *optimizer_of(groups))
    first = order.get("first", 0)
    if "resume" in order:
        with torch.no_grad():
            for parameter in model.parameters():  # load_state brings every weight, the frozen ones too
                parameter.zero_()
        accelerator.load_state(order["resume"])
    losses, rates = [], []
    for step in range(first, first + order["steps"]):
        if step == order.get("save", {}).get("at"):
            accelerator.save_state(order["save"]["in"])
        if step == order.get("change", {}).get("at"):
            change(order["change"], model, optimizer)
        ids = batch(step)
        loss = model(input_ids=ids, labels=ids).loss
        losses.append(loss.item())
        accelerator.backward(loss)
        # DeepSpeed's own default.
        accelerator.clip_grad_norm_([p for group in groups for p in group["params"]], 1.0)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        rates.append(scheduler.get_last_lr()[0])
    keep(order, model, losses, rates, first + order["steps"])


def run(rank, world, order):
    torch.manual_seed(5)
    model = resumed_model(order["start"]) if "start" in order else fresh_model(order["dtype"])
    groups = param_groups(model, order["groups"], order.get("trained", TRAINED))
    config = {
        "train_micro_batch_size_per_gpu": 2,
        "gradient_accumulation_steps": 1,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "zero_optimization": {"stage": order["stage"]},
        "bf16": {"enabled": order["dtype"] == "bfloat16"},
        **({"checkpoint": {"load_universal": True}} if "resume" in order else {}),
    }
    optimizer, scheduler = optimizer_of(groups)
    engine, _, _, _ = deepspeed.initialize(model=model, optimizer=optimizer, lr_scheduler=scheduler, config=config)
    if "resume" in order:
        _, client = engine.load_checkpoint(order["resume"])
        assert client.get("note") == order.get("note"), list(client)
    # Stage 3 has no whole parameters here.
    before = values(engine.module) if order["stage"] < 3 else None
    losses, rates = [], []
    for _ in range(order["steps"]):
        if "save" in order and engine.global_steps == order["save"]["at"]:
            engine.save_checkpoint(order["save"]["in"], client_state={"note": "kept"})
        ids = batch(engine.global_steps)
        loss = engine(input_ids=ids, labels=ids).loss
        losses.append(loss.item())
        engine.backward(loss)
        engine.step()
        rates.append(engine.get_lr()[0])
    if "save" in order and engine.global_steps == order["save"]["at"]:
        engine.save_checkpoint(order["save"]["in"], client_state={"note": "kept"})
    with deepspeed.zero.GatheredParameters(list(engine.module.parameters()), enabled=order["stage"] == 3):
        if rank == 0:
            keep(order, engine.module, losses, rates, engine.global_steps, before)
    torch.distributed.barrier()
    engine.destroy()


def rank_main(rank, port, world, orders):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world), LOCAL_SIZE=str(world))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    deepspeed.init_distributed("gloo")
    for order in orders:
        run(rank, world, order)
    torch.distributed.destroy_process_group()


def universal(directory):
    """ds_to_universal of the save that `latest` names; it wants to be told of tensor parallelism, which is Megatron's."""
    with open(f"{directory}/latest") as file:
        tag = file.read().strip()
    ds_to_universal.main(
        argparse.Namespace(
            input_folder=f"{directory}/{tag}", output_folder=f"{directory}/{tag}_universal", num_extract_workers=1,
            num_merge_workers=1, keep_temp_folder=False, strict=True, inject_missing_state=True,
        )  # fmt: skip
    )


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    for part in plan:
        if "universal" in part:
            universal(part["universal"])
            continue
        if "accelerate" in part:
            mp.start_processes(accelerated, args=(part["accelerate"],), nprocs=1, start_method="fork")
            continue
        arguments = (free_port(), part["world"], part["runs"])
        mp.start_processes(rank_main, args=arguments, nprocs=part["world"], start_method="fork")


if __name__ == "__main__":
    main()
