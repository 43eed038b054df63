"""Runs of the real FSDP2 on CPU over gloo: trains a hybrid, saves it with torch.distributed.checkpoint, resumes. One plan a call.

    python fsdp_runs.py PLAN.json

The plan is a list of worlds, `{"world": 2, "runs": [...]}`; the processes of a world are forked after the imports, and do its
runs one after the other. A run has `steps` (up to which one to train), and where it matters `load` (a folder to resume from),
`save` and `at` (a folder, and the step after which to save into it), `model` (a folder with config.json and
adapter_config.json; else the hybrid below) and `weights` (the file for what model and optimizer hold at the end).
Every rank sees the same data: averaging over 1 and 2 ranks is then exact, over 3 it is not.
Between worlds `{"apart": [FILE, FILE]}`, `{"unlike": [FILE, KIND, TRUTH]}` and `{"unlike_whole": [FOLDER, FOLDER]}` compare
what was written.
Each run and comparison answers with a line of JSON: `losses` as exact doubles, `loaded` where it resumed.
"""

import json
import os
import socket
import sys

os.environ.update(
    HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TOKENIZERS_PARALLELISM="false",
    HF_HUB_DISABLE_PROGRESS_BARS="1", CUDA_VISIBLE_DEVICES="", OMP_NUM_THREADS="1",
)  # fmt: skip

import warnings  # noqa: E402

warnings.filterwarnings("ignore")

import torch  # noqa: E402
import torch.distributed.checkpoint as dcp  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save  # noqa: E402
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.fsdp import fully_shard  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402


def hybrid(seed):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=37, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        max_position_embeddings=32, tie_word_embeddings=True, pad_token_id=0,
    )  # fmt: skip
    return LlamaForCausalLM(config), LoraConfig(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")


def stored(folder, seed):
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig.from_pretrained(folder)), LoraConfig.from_pretrained(folder)


def model_of(run):
    # What resumes begins as another model: nothing may be left of it.
    seed = 99 if "load" in run else 11
    base, lora = stored(run["model"], seed) if "model" in run else hybrid(seed)
    lora.inference_mode = False
    model = get_peft_model(base.float(), lora)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = any(part in name for part in run["trained"])
        if "lora_B" in name:  # zeros would hide a mistake
            torch.nn.init.normal_(parameter, std=0.05)
    for layer in model.base_model.model.model.layers:
        fully_shard(layer, mesh=run["mesh"])
    return fully_shard(model, mesh=run["mesh"])


def optimizer_of(model):
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for n, p in trained if "norm" not in n], "weight_decay": 0.1},
            {"params": [p for n, p in trained if "norm" in n], "weight_decay": 0.0},
        ],
        lr=0.02,
    )


def train(run):
    model = model_of(run)
    optimizer = optimizer_of(model)
    found, start = {"losses": []}, 0
    # A schedule puts `initial_lr` into the groups, which DeepSpeed's saves without one do not have.
    schedule = None if "model" in run else torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
    if "load" in run:
        start = found["loaded"] = load(run["load"], model, optimizer, schedule)
    for step in range(start, run["steps"]):
        if run.get("at") == step:
            save(run["save"], model, optimizer, schedule, step)
        torch.manual_seed(1000 + step)
        ids = torch.randint(1, 31, (1, 8))
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if schedule is not None:
            schedule.step()
        found["losses"].append(loss.item())
    if run.get("at") == run["steps"]:
        save(run["save"], model, optimizer, schedule, run["steps"])
    if "weights" in run:
        write_held(run["weights"], model, optimizer)
    return found


def load(folder, model, optimizer, schedule):
    weights, state = get_state_dict(model, optimizer)
    whole = {"model": weights, "optimizer": state}
    if schedule is not None:
        whole |= {"schedule": schedule.state_dict(), "steps": -1}
    dcp.load(whole, checkpoint_id=folder)
    set_state_dict(model, optimizer, model_state_dict=whole["model"], optim_state_dict=whole["optimizer"])
    if schedule is not None:
        schedule.load_state_dict(whole["schedule"])
    return whole.get("steps", 0)


def save(folder, model, optimizer, schedule, step):
    weights, state = get_state_dict(model, optimizer)
    whole = {"model": weights, "optimizer": state, "schedule": schedule.state_dict(), "steps": step}
    dcp.save(whole, checkpoint_id=folder)


def write_held(file, model, optimizer):
    """Whole tensors, put together by DTensor's own collectives."""
    whole = lambda tensor: (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).detach().clone().contiguous()
    held = {}
    for name, parameter in model.named_parameters():
        held[f"model/{name}"] = whole(parameter)
        for key, value in optimizer.state.get(parameter, {}).items():
            held[f"{key}/{name}"] = whole(value)
    if torch.distributed.get_rank() == 0:
        os.makedirs(os.path.dirname(file), exist_ok=True)
        save_file(held, file)


def apart(one, other):
    """The largest difference between two files of held tensors."""
    mine, theirs = load_file(one), load_file(other)
    assert mine.keys() == theirs.keys(), mine.keys() ^ theirs.keys()
    distances = [(mine[name].double() - theirs[name].double()).abs().max() for name in mine]
    return {"largest": float(max(distances))}


def unlike(held, kind, truth):
    """Names of tensors in `truth` that are not bit for bit what was held as `kind`, and how many there are."""
    mine, theirs = load_file(held), load_file(truth)
    names = [name for name, tensor in theirs.items() if not torch.equal(mine[f"{kind}/{name}"], tensor)]
    return {"unlike": names, "count": len(theirs)}


def unlike_whole(one, other):
    """Two checkpoints as dcp_to_torch_save makes them plain: paths that differ in value, bits or Python type."""
    mine, theirs = (dict(leaves(plain(folder))) for folder in (one, other))
    found = sorted(str(path) for path in mine.keys() ^ theirs.keys())
    for path in mine.keys() & theirs.keys():
        a, b = mine[path], theirs[path]
        if isinstance(a, torch.Tensor):
            bits = [tensor.reshape(-1).view(torch.uint8) for tensor in (a, b)]
            same = a.dtype == b.dtype and a.shape == b.shape and torch.equal(*bits)
        else:
            same = type(a) is type(b) and repr(a) == repr(b)
        if not same:
            found.append(str(path))
    return {"unlike": found, "count": len(mine)}


def plain(folder):
    file = f"{folder}.plain.pt"
    dcp_to_torch_save(folder, file)
    return torch.load(file, weights_only=False)


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def work(rank, port, world, runs, answers):
    os.environ.update(RANK=str(rank), WORLD_SIZE=str(world), LOCAL_RANK=str(rank), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    mesh = init_device_mesh("cpu", (world,))
    for run in runs:
        found = train({**run, "mesh": mesh})
        if rank == 0:
            answers.put(found)
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


COMPARISONS = {function.__name__: function for function in (apart, unlike, unlike_whole)}


def main():
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    for each in plan:
        if "world" not in each:
            [(name, arguments)] = each.items()
            print(json.dumps(COMPARISONS[name](*arguments)), flush=True)
            continue
        world, runs = each["world"], each["runs"]
        answers = mp.get_context("fork").SimpleQueue()
        context = mp.start_processes(work, (free_port(), world, runs, answers), nprocs=world, start_method="fork", join=False)
        for _ in runs:
            while answers.empty():
                if context.join(timeout=0.05) and answers.empty():
                    raise RuntimeError("the processes ended without an answer")
            print(json.dumps(answers.get()), flush=True)
        while not context.join():
            pass


if __name__ == "__main__":
    main()
