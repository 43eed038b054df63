// What the demo tells, as data: sentences, commands, and what each command must answer.

/** One thing that is done, and what has to come of it. */
export interface Step {
  /** Said before it, for a reader who does not know tenon. */
  readonly say: string;
  /** The program and its arguments, as a person would type them; run in the demo's folder. */
  readonly command: readonly string[];
  readonly exitCode: number;
  /** Each must be in the output. */
  readonly shows: readonly string[];
}

/** Where the demo's files come from: fixtures that the real tools wrote; see test/fixtures/make/hybrid.py. */
export const files: Readonly<Record<string, string>> = {
  "tiny-llama": "test/fixtures/hybrid/qv/base",
  "run/checkpoint-3": "test/fixtures/hybrid/qv/trainer-peft/checkpoint-3",
  "run/model.pt": "test/fixtures/hybrid/qv/state-dict-pt/model.pt",
  "peft/merged": "test/fixtures/hybrid/qv/truth/merged",
  "peft/logits.json": "test/fixtures/hybrid/qv/truth/logits.json",
};

export const opening = `
A tiny Llama was trained with PEFT and transformers: LoRA on q_proj and v_proj, and every base weight with it.
The Trainer saved run/checkpoint-3. Someone also ran torch.save(model.state_dict(), "run/model.pt").
tiny-llama/ is the model before training; peft/ holds what PEFT made of the live model, to compare with at the end.
`;

const adapterConfig = ["--adapter-config", "run/checkpoint-3/adapter_config.json"] as const;

export const steps: readonly Step[] = [
  {
    say: "What did the Trainer save?",
    command: ["tenon", "inspect", "run/checkpoint-3"],
    exitCode: 0,
    shows: ["base        none", "default: rank 4, alpha 8", "state of 29 parameters"],
  },
  {
    say: "An adapter, and an optimizer that remembers more than the adapter: the trained base was never saved.",
    command: ["tenon", "doctor", "run/checkpoint-3"],
    exitCode: 1,
    shows: ["TENON_TRAINED_BASE_LOST", "remedy: Look for a state dict of the same run", "1 error"],
  },
  {
    say: "To merge it all the same would make a model that nobody trained, so tenon refuses.",
    command: ["tenon", "merge", "tiny-llama", "run/checkpoint-3", "-o", "served"],
    exitCode: 1,
    shows: ["error TENON_TRAINED_BASE_LOST", "--allow-lost-base"],
  },
  {
    say: "The remedy is a state dict of the same run. It opens, and its own problems have names and remedies too.",
    command: ["tenon", "doctor", "run/model.pt"],
    exitCode: 1,
    shows: ["TENON_NAMES_BASE_LAYER", "TENON_ADAPTER_CONFIG_MISSING", "2 errors"],
  },
  {
    say: "The checkpoint has the missing config. Split keeps what was trained apart: base and adapter, bit for bit.",
    command: ["tenon", "split", "run/model.pt", ...adapterConfig, "--base", "tiny-llama", "-o", "hybrid"],
    exitCode: 0,
    shows: ["whole, 21 tensors", "default: 8 tensors", "hybrid (tenon)"],
  },
  {
    say: "Merge folds the adapter into the trained base, and proves a sample of rows against f64.",
    command: ["tenon", "merge", "hybrid", "-o", "served"],
    exitCode: 0,
    shows: ["default: 8 tensors used", "4 get a low-rank delta, 17 are copied", "compared with f64"],
  },
  {
    say: "Beside the model lies a certificate. This is what it says about one tensor.",
    command: [
      "node",
      "-p",
      'JSON.parse(fs.readFileSync("served/certificate.json")).tensors.find(({ steps }) => steps > 0)',
    ],
    exitCode: 0,
    shows: ["model.layers.0.self_attn.q_proj.weight", "xxh3-blocks:", "provenRows: 2"],
  },
  {
    say: "Anyone can hold the model against it later, with nothing else at hand.",
    command: ["tenon", "verify", "served"],
    exitCode: 0,
    shows: ["tensors are those of certificate.json: all 21", "sound"],
  },
  {
    say: "Is it the model that PEFT would have made? For that, the products are summed as torch sums them on a CPU.",
    command: ["tenon", "merge", "hybrid", "--accumulate", "fma", "-o", "as-torch"],
    exitCode: 0,
    shows: ["default: 8 tensors used"],
  },
  {
    say: "It is, in every bit. (The default sums alike on every machine, and may differ from torch in the last one.)",
    command: ["tenon", "diff", "as-torch", "peft/merged"],
    exitCode: 0,
    shows: ["equal, bit for bit"],
  },
  {
    say: "And what would the checkpoint have given, had the loss gone unnoticed?",
    command: ["tenon", "merge", "tiny-llama", "run/checkpoint-3", "--allow-lost-base", "-o", "unnoticed"],
    exitCode: 0,
    shows: ["default: 8 tensors used"],
  },
];
