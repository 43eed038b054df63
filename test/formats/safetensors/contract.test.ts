import { dtypes } from "../../../src/core/index.ts";
import { safetensors } from "../../../src/formats/index.ts";
import { formatContract } from "../../contract/format.contract.ts";

formatContract({ format: safetensors, extension: ".safetensors", dtypes });
