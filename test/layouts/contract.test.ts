import { hf, peft, peftHybrid, stateDict, tenon } from "../../src/layouts/index.ts";
import { layoutContract } from "../contract/layout.contract.ts";

layoutContract({ layout: hf, base: "whole", adapters: "none" });
layoutContract({ layout: peft, base: "none", adapters: "some" });
layoutContract({ layout: peftHybrid, base: "part", adapters: "some" });
layoutContract({ layout: stateDict, base: "whole", adapters: "any" });
layoutContract({ layout: tenon, base: "any", adapters: "any" });
