// Checkpoints of other ecosystems.
import type { SourceTree } from "../../bytes/index.ts";
import { no, rootPaths, yes } from "../evidence.ts";
import type { Layout } from "../layout.ts";
import { peekNames } from "../peek.ts";
import { notYet } from "./not-yet.ts";

const gguf: Layout = notYet({
  name: "gguf",
  what: "a GGUF file of llama.cpp",
  refines: ["state-dict"],
  hint: "Give the directory that the GGUF file was made from.",
  async sniff(tree) {
    const root = rootPaths(await tree.list());
    const named = root.filter((path) => path.toLowerCase().endsWith(".gguf"));
    const [first] = tree.isSingleFile ? root : named;
    if (first === undefined) return no("no *.gguf");
    if ((await firstBytes(tree, first, 4)) === "GGUF") return yes(`${first} begins with GGUF`);
    return no(`${first} does not begin with GGUF`);
  },
});

const kohya: Layout = notYet({
  name: "kohya",
  what: "a LoRA of kohya's sd-scripts (or one in its style)",
  refines: ["state-dict"],
  hint: "Its names have underscores for dots, which only the model can tell apart. Until then: load it with diffusers, and save it as PEFT.",
  async sniff(tree, options) {
    const root = rootPaths(await tree.list());
    const [path, ...others] = root.filter((name) => name.endsWith(".safetensors"));
    if (path === undefined || others.length > 0) return no("not one .safetensors file");
    const names = await peekNames(tree, path, options);
    const own = names?.find((name) =>
      /^lora_(unet|te\d?|transformer)_.*\.(lora_down|lora_up|alpha)/.test(name),
    );
    if (own !== undefined) return yes(`${path} holds ${own}`);
    return no(`no lora_unet_….lora_down.weight in ${path}`);
  },
});

async function firstBytes(tree: SourceTree, path: string, count: number): Promise<string> {
  const source = await tree.open(path);
  try {
    const bytes = new Uint8Array(Math.min(count, source.byteLength));
    await source.read(0, bytes);
    return String.fromCharCode(...bytes);
  } finally {
    await source.close();
  }
}

export const foreignLayouts: readonly Layout[] = [gguf, kohya];
