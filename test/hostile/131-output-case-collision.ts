import { memorySink } from "../../src/bytes/index.ts";
import type { HostileCase } from "./hostile-case.ts";

const hostile: HostileCase = {
  attack: "has two adapters that are one directory where case does not count",
  refusal: "TENON_OUTPUT_NAME_COLLISION",
  async run() {
    const sink = memorySink();
    await sink.create("adapters/Default/adapter_config.json", 2);
    await sink.create("adapters/default/adapter_model.safetensors", 2);
  },
};
export default hostile;
