"""Adapters made of noise on small models, as PEFT writes them, and what PEFT's own merge makes of them."""

import random as python_random
from pathlib import Path

import models
import torch
from judge import apart, load, logits_apart
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

SEVEN = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
QV = ["q_proj", "v_proj"]
EXPERTS = ["experts.gate_up_proj", "experts.down_proj"]


class Case:
    """How to make one adapter. `config` gets a seeded random.Random and returns the arguments of LoraConfig."""

    def __init__(self, config, make=models.llama, dtype="bf16", **more):
        self.config, self.make, self.dtype = config, make, dtype
        self.head = more.pop("head", AutoModelForCausalLM)
        self.shard = more.pop("shard", "10MB")
        self.adapter_dtype = more.pop("adapter_dtype", None)
        self.safe_serialization = more.pop("safe_serialization", True)
        # A second configuration makes a second adapter; weights apply in order.
        self.second = more.pop("second", None)
        self.order = more.pop("order", ["default"])
        self.weights = more.pop("weights", {})
        self.resize = more.pop("resize", 0)
        # PEFT's merge into a tied tensor changes both uses of it; what it advises is to untie first.
        self.untie = more.pop("untie", False)
        self.load = more.pop("load", {})
        self.over = more


def tied(config, **more):
    return Case(config, tie_word_embeddings=True, **more)


def seven(random):
    return {"r": random.choice([1, 3, 8, 16, 33, 64]), "lora_alpha": random.randint(1, 64), "target_modules": SEVEN}


def qv(random, **more):
    return {"r": random.randint(2, 24), "lora_alpha": random.randint(1, 48), "target_modules": QV, **more}


def patterns(random):
    rank = {"^model.layers.0.self_attn.q_proj": random.randint(1, 9), "down_proj": random.randint(1, 9), r"layers\.1\.mlp\.(gate|up)_proj": random.randint(1, 9)}
    alpha = {r".*self_attn\.(q|k)_proj": random.randint(1, 9), "down_proj": random.randint(1, 9), "layers.1.self_attn.v_proj": random.randint(1, 9)}
    return {**seven(random), "rank_pattern": rank, "alpha_pattern": alpha}


def experts(random):
    return qv(random, target_parameters=EXPERTS, target_modules=["q_proj"], r=random.randint(2, 9))


CASES = {
    "linear-bf16": Case(seven, shard="60KB"),
    "linear-f16": Case(seven, dtype="f16"),
    "linear-f32": Case(seven, dtype="f32"),
    "adapter-bf16": Case(seven, adapter_dtype="bf16"),
    "adapter-f16": Case(seven, adapter_dtype="f16"),
    "adapter-bin": Case(seven, safe_serialization=False),
    "target-regex": Case(lambda random: qv(random, target_modules=r"model\.layers\.\d+\.(?:self_attn\.[qk]|mlp\.(up|down))_proj", exclude_modules=r".*\.0\..*up_proj")),
    "some-layers": Case(lambda random: qv(random, layers_to_transform=[1], layers_pattern="layers")),
    "rslora": Case(lambda random: {**seven(random), "use_rslora": True}),
    "patterns": Case(patterns),
    "embedding": Case(lambda random: qv(random, target_modules=r".*(embed_tokens|q_proj)")),
    "embedding-saved": Case(lambda random: qv(random, target_modules=["embed_tokens", "lm_head", "q_proj"])),
    "modules-to-save": Case(lambda random: qv(random, modules_to_save=["lm_head", "norm"])),
    "bias-all": Case(lambda random: qv(random, bias="all"), attention_bias=True, mlp_bias=True),
    "lora-bias": Case(lambda random: qv(random, lora_bias=True), attention_bias=True),
    "token-rows": Case(lambda random: qv(random, trainable_token_indices={"embed_tokens": random.sample(range(60), 4)})),
    "resized": Case(qv, resize=5),
    "classifier": Case(lambda random: qv(random, task_type="SEQ_CLS"), models.classifier, head=AutoModelForSequenceClassification),
    "gpt2": Case(lambda random: qv(random, target_modules=["c_attn", "c_fc", "c_proj"], fan_in_fan_out=True), models.gpt2, dtype="f32"),
    "dora-bf16": Case(lambda random: qv(random, use_dora=True)),
    "dora-f32": Case(lambda random: qv(random, use_dora=True), dtype="f32"),
    "dora-gpt2": Case(lambda random: qv(random, target_modules=["c_attn", "c_proj"], use_dora=True, fan_in_fan_out=True), models.gpt2, dtype="f32"),
    "dora-embedding": Case(lambda random: qv(random, target_modules=r".*(embed_tokens|v_proj)", use_dora=True)),
    "dora-patterns": Case(lambda random: {**patterns(random), "use_dora": True, "use_rslora": True}),
    "mixtral": Case(experts, models.mixtral, load=models.EAGER),
    "qwen2-moe": Case(experts, models.qwen2_moe, load=models.EAGER),
    "gpt-oss": Case(experts, models.gpt_oss, load=models.EAGER),
    "two-adapters": Case(qv, second=lambda random: qv(random, target_modules=["q_proj", "down_proj"]), order=["default", "second"]),
    "two-adapters-reversed": Case(qv, second=lambda random: qv(random, target_modules=["q_proj", "down_proj"]), order=["second", "default"]),
    "weighted": Case(qv, second=qv, order=["default", "second"], weights={"default": 0.7, "second": -0.3}),
    "tied-plain": tied(qv),
    "tied-embedding": tied(lambda random: qv(random, target_modules=r".*(embed_tokens|q_proj)"), untie=True),
    "tied-head": tied(lambda random: qv(random, target_modules=["lm_head"]), untie=True),
    "tied-both": tied(lambda random: qv(random, target_modules=r".*(embed_tokens|lm_head)"), untie=True),
    "tied-head-saved": tied(lambda random: qv(random, modules_to_save=["lm_head"])),
    "tied-token-rows": tied(lambda random: qv(random, trainable_token_indices=random.sample(range(60), 3))),
}


@torch.no_grad()
def randomise(model):
    """B starts at zero and copies at their originals; a trained adapter does not."""
    for name, parameter in sorted(model.named_parameters()):
        if "magnitude" in name:
            parameter.mul_(1 + 0.1 * torch.randn_like(parameter))
        elif "lora_" in name:
            parameter.copy_(torch.randn_like(parameter) * 0.05)
        elif parameter.requires_grad:
            parameter.add_(torch.randn_like(parameter) * 0.05)


def make_merge(name, seed, folder):
    """Writes `base/` and `adapter/`, and says how the command line is to be asked."""
    case, folder = CASES[name], Path(folder)
    random = python_random.Random(f"{name} {seed}")
    torch.manual_seed(random.randrange(2**31))
    models.save(case.make(random, **case.over), folder / "base", case.dtype, case.shard)
    model = base_of(case, folder)
    if case.resize:
        model.resize_token_embeddings(model.config.vocab_size + case.resize, mean_resizing=False)
    causal = {"task_type": "CAUSAL_LM"}
    config = LoraConfig(**{**causal, **case.config(random)})
    model = get_peft_model(model, config)
    if case.second:
        model.add_adapter("second", LoraConfig(**{**causal, **case.second(random)}))
    randomise(model)
    if case.adapter_dtype:
        for parameter_name, parameter in model.named_parameters():
            if "lora_" in parameter_name:
                parameter.data = parameter.data.to(models.DTYPES[case.adapter_dtype])
    model.save_pretrained(folder / "adapter", safe_serialization=case.safe_serialization)
    return {
        "base": str(folder / "base"),
        "adapter": str(folder / "adapter"),
        "dtype": case.dtype,
        "rank": max(c.r for c in model.peft_config.values()),
        "dora": bool(config.use_dora),
        "adapters": [[n, case.weights.get(n, 1)] for n in case.order] if case.second else [],
    }


def make_rewritten(kind, seed, folder):
    """An adapter whose initialisation took something out of the base: as it was before training, after it, and the base that was left."""
    folder = Path(folder)
    random = python_random.Random(f"{kind} {seed}")
    torch.manual_seed(random.randrange(2**31))
    models.save(models.llama(random), folder / "base", "f32")
    model = load(folder / "base")[0]
    model = get_peft_model(model, LoraConfig(r=random.randint(2, 12), lora_alpha=random.randint(1, 24), target_modules=QV, init_lora_weights=kind, task_type="CAUSAL_LM")).eval()
    model.peft_config["default"].init_lora_weights = True
    model.save_pretrained(folder / "initial")
    model.peft_config["default"].init_lora_weights = kind
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.add_(torch.randn_like(parameter) * 0.01)
    model.save_pretrained(folder / "adapter")
    residual = load(folder / "base")[0]
    residual.load_state_dict({k.removeprefix("base_model.model.").replace(".base_layer.", "."): v for k, v in model.state_dict().items() if "lora_" not in k})
    residual.save_pretrained(folder / "residual")
    model.merge_and_unload().save_pretrained(folder / "expected")
    return {part: str(folder / part) for part in ("base", "initial", "adapter", "residual", "expected")}


def judge_same(output, expected):
    """Two directories that transformers loads."""
    mine, keys = load(output)
    theirs, _ = load(expected)
    size = {k: v.abs() + 0.05 for k, v in theirs.state_dict().items()}
    return {"keys": keys, "weights": apart(mine.state_dict(), theirs.state_dict(), size), "logits": logits_apart(mine, theirs)}


def base_of(case, folder):
    return load(folder / "base", case.head, **case.load)[0]


def attached(case, folder, absolute=False, widened=False):
    """The adapter on its base as a user would load it."""
    model = base_of(case, folder)
    if widened:
        model = model.float()
    if case.resize:
        model.resize_token_embeddings(model.config.vocab_size + case.resize, mean_resizing=False)
    if case.untie:
        model.config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(model.model.embed_tokens.weight.clone())
    config = PeftConfig.from_pretrained(folder / "adapter")
    config.use_dora = config.use_dora and not absolute
    model = PeftModel.from_pretrained(model, folder / "adapter", config=config)
    if case.second:
        model.load_adapter(folder / "adapter" / "second", adapter_name="second")
    return model.eval()


def scale(model, weights):
    for layer in model.modules():
        for name, weight in weights.items():
            if isinstance(getattr(layer, "scaling", None), dict) and name in layer.scaling:
                layer.scaling[name] *= weight


@torch.no_grad()
def sizes(case, folder):
    """|W| + s|B||A| for each element: the same merge with every number made positive. Nothing in it can cancel."""
    model = attached(case, folder, absolute=True).float()
    for parameter in model.parameters():
        parameter.abs_()
    scale(model, {n: abs(w) for n, w in case.weights.items()})
    return model.merge_and_unload(adapter_names=case.order).state_dict()


def judge_merge(name, folder, output, safe=False, widened=False):
    """Loads what was written with transformers and compares it with PEFT's merge_and_unload."""
    case, folder = CASES[name], Path(folder)
    live = attached(case, folder)
    before = base_of(case, folder).state_dict()
    theirs = attached(case, folder, widened=widened)
    scale(theirs, case.weights)
    theirs = theirs.merge_and_unload(adapter_names=case.order, safe_merge=safe).eval()
    mine, keys = load(output, case.head, **case.load)
    weights, expected = mine.state_dict(), theirs.state_dict()
    found = {
        "keys": keys,
        "weights": apart(weights, expected, sizes(case, folder)),
        "logits": logits_apart(mine, theirs),
        "changed": sum(1 for k, v in expected.items() if k not in before or not torch.equal(v, before[k])),
        "tied": bool(mine.config.tie_word_embeddings),
        "vocabulary": [mine.config.vocab_size, expected["lm_head.weight"].shape[0] if "lm_head.weight" in expected else None],
    }
    if not case.second:
        found["live"] = logits_apart(mine.float(), live.float())
    return found


def chains():
    """Whether this machine's torch multiplies matrices as one chain of fused multiply-adds, as one of plain ones, or neither."""
    import numpy as np

    torch.manual_seed(1)
    b, a = torch.randn(97, 33), torch.randn(33, 61)
    real = (b @ a).numpy()
    b, a = b.numpy(), a.numpy()
    fused, plain = np.zeros_like(real), np.zeros_like(real)
    for k in range(a.shape[0]):
        fused = (fused.astype(np.float64) + np.outer(b[:, k].astype(np.float64), a[k].astype(np.float64))).astype(np.float32)
        plain = plain + np.outer(b[:, k], a[k])
    return "fma" if np.array_equal(real, fused) else "muladd" if np.array_equal(real, plain) else "neither"


CALLS = [make_merge, judge_merge, make_rewritten, judge_same, chains]
