"""Writes patterns.json: what Python's re says to (mode, pattern, key). Run with any Python >= 3.11; no packages needed.

mode: fullmatch = re.fullmatch(pattern, key); suffix = PEFT's get_pattern_key; saved = PEFT's exclusion of
modules_to_save; layer = PEFT's layers_pattern, for which the expected value is the index or null.
A row is "error" where Python refuses the pattern, else one character a key ("x": matches), or for layer the indices.
"""

import itertools
import json
import pathlib
import platform
import re
import warnings

warnings.simplefilter("ignore")

KEYS = [
    "model.layers.0.self_attn.q_proj", "model.layers.10.self_attn.v_proj", "model.layers.1.mlp.down_proj", "lm_head",
    "model.embed_tokens", "transformer.h.3.attn.c_attn", "layers.0.q_proj", "q_proj", "model.layers.0.mlp.experts.7.w1",
    "model.norm", "model.layersX0.self_attn.q_proj", "encoder.layer.11.attention.self.query", "my_q_proj", "score", "",
    "vision.blocks.2.qkv", "a.b", "modèle.couche.٣.q_proj", "Q_PROJ", "model.layers.0.self_attn.q_proj.extra", "x{2}", "a-b]c", "日本.q_proj",
]

PATTERNS = [
    "q_proj", ".*q_proj", r".*\.q_proj", r"^model\.layers\.0\..*", r"model\.layers\.(0|1)\.self_attn\.[qv]_proj", "layers.0.self_attn.q_proj",
    r"^model.layers.0.self_attn.q_proj$", r".*\.layers\.\d+\..*", r".*layers\.[0-9]{1,2}\.mlp\.(gate|up|down)_proj", r"(?P<x>.*)_proj", r"(?:.*\.)?lm_head",
    r".*\.(?:q|k|v|o)_proj$", r"\w+", r"[\w.]+", r"[^.]+", r"[^\W_]+", r"[\W\d]+", r".*\bq_proj\b", r"\Amodel.*\Z", r"(?i)Q_PROJ", r"(?i:Q)_proj", r"(?s).*", r"(?m)^q_proj$",
    r"(?a)\w+\.\w+", r"(?a:\w)+", r"(?i)(?a)q_proj", r"", r"|q_proj", r"q_proj|v_proj", r"a)|(b", r"(", r")", r"[", r"*", r"+a", r"a**", r"a{2}{3}", r"a{,2}", r"x\{2\}", r"x{2}", r"x{a}", r"{2}", r"{}", r"x{,}",
    r"\q", r"\_", r"\.", r"[a-\d]", r"[z-a]", r"[]a]", r"[^]a]+", r"[a\-b\]c]+", r"[[:alpha:]]+", r"\x6dodel.*", r"\u006dodel.*", r"\155odel.*", r"\0", r"a\b.\bb", r"^*", r"$*", r"\b+",
    r"(?P<n>a)(?P<n>b)", r"(?P<1>a)", r"(?#note)q_proj", r"(?#note", r"q(?i)_proj", r".*(?<!k)_proj", r"(?=m).*", r"(?!m).*", r"(q)\1", r"(?P<a>q)(?P=a)", r"(?>q)_proj", r"q++_proj", r"(?(1)a|b)", r"(?x) q _ proj", r"(?L)a", r"(?au)a", r"(?z)a",
    r"model\.layers\.\d{1,3}\.self_attn\.(?:q|v)_proj", r".*\.experts\.\d+\.w[123]", r"(.+)\.(.+)", r".*?proj", r".+?", r"model.(?!vision).*", r"\D+", r"\S+", r"\s*", r"[\s\S]+", r"[^\d]+", r"[^\s]+",
    r"([a-z]+\.)*q_proj", r"(a|b|c)+\.b", r"q_proj\n", "q_proj\\", r"\N{DIGIT ONE}", r"\8", r"\400", r"[\1]", r"[\b]", r"٣", r".*\.\d+\..*",
    "layers", "h", "blocks", r"layer|layers", r"la?y(er)s", r"(?P<idx>layers)", r".*layers",
]


def suffix(pattern, key):
    return re.match(rf"(.*\.)?({pattern})$", key) is not None


def saved(pattern, key):
    return re.match(rf"(^|.*\.){pattern}($|\..*)", key) is not None


def layer(pattern, key):
    found = re.match(rf"(?:^|.*?\.){pattern}\.(?P<idx>\d+)\.", key)
    return None if found is None else found.groupdict().get("idx")


MODES = {"fullmatch": lambda p, k: re.fullmatch(p, k) is not None, "suffix": suffix, "saved": saved, "layer": layer}


def expected(mode, pattern, key):
    try:
        return MODES[mode](pattern, key)
    except re.error:
        return "error"


def main():
    table = {"keys": KEYS, "python": platform.python_version()}
    for mode in MODES:
        rows = {}
        for pattern in PATTERNS:
            values = [expected(mode, pattern, key) for key in KEYS]
            # One character a key, or the list of layer indices.
            rows[pattern] = "error" if values[0] == "error" else values if mode == "layer" else "".join(".x"[value] for value in values)
            if mode == "layer" and not any(rows[pattern]):
                rows[pattern] = "." * len(KEYS)
        table[mode] = rows
    out = pathlib.Path(__file__).parent / "patterns.json"
    out.write_text(json.dumps(table, ensure_ascii=True, indent=1) + "\n")
    print(len(MODES) * len(PATTERNS) * len(KEYS), "rows", out.stat().st_size, "bytes")


main()
