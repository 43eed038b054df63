/** PEFT's adapter types besides LORA, and why tenon does not merge each. */
const reasons: ReadonlyMap<string, string> = new Map(
  Object.entries({
    "its delta is no product of two matrices": "LOHA LOKR FOURIERFT WAVEFT C3A MISS BONE SHIRA RANDLORA GRALORA GLORA UNILORA FROD TINYLORA DEFT PEANUT SUPERTUNING VBLORA",
    "its pairs carry a third factor and a rank of their own in each layer": "ADALORA",
    "it multiplies the base instead of adding to it": "IA3 OFT BOFT HRA ROAD HIRA PSOFT OSF ADAMSS",
    "it normalises its pairs and scales them by the norm of the base": "DELORA",
    "its projections come from torch's random generator and may not be stored": "VERA PVERA",
    "it replaces parameters instead of adding to them": "LN_TUNING TRAINABLE_TOKENS BEFT",
    "a router chooses among experts for each token, so there is no one base to merge into": "XLORA POLY LILY",
    "it adds virtual tokens to the input, not weights to the base": "PROMPT_TUNING MULTITASK_PROMPT_TUNING P_TUNING PREFIX_TUNING CPT CARTRIDGE",
    "it adds gated attention over prompts, which no weight of the base can hold": "ADAPTION_PROMPT",
  }).flatMap(([reason, types]) => types.split(" ").map((type) => [type, reason] as const)),
); // biome-ignore format: one line per reason

/** Why an adapter type cannot be merged, in half a sentence; for a type that PEFT does not know, that. */
export function reasonAgainst(peftType: string): string {
  return reasons.get(peftType) ?? "PEFT has no such type that tenon knows of";
}

export const otherAdapterTypes: ReadonlySet<string> = new Set(reasons.keys());
