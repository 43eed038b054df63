import type { SourceTree } from "../../bytes/index.ts";
import {
  FormatError,
  isJsonRecord,
  type Json,
  type JsonRecord,
  type OptimizerComponent,
  type Tensor,
  type TrainerComponent,
} from "../../core/index.ts";
import type { CheckpointFiles } from "../checkpoint-files.ts";
import { readJsonDocument } from "../documents.ts";
import { trainerStateBytesLimit } from "../limits.ts";
import { noteLost } from "../lost-parameters.ts";
import { pythonNumber } from "../scalar-tensor.ts";
import { optimizerDocumentName, optimizerTensorsName, trainerDocumentName } from "./places.ts";

/** Optimizer state by canonical name; observes weights that the source of it had lost. @throws FormatError TENON_MANIFEST_MALFORMED */
export async function readTenonOptimizer(files: CheckpointFiles): Promise<OptimizerComponent> {
  const { tensors, path } = await files.open(optimizerTensorsName);
  const document = await readJsonDocument(files.tree, optimizerDocumentName);
  const numbers = numbersOf(document, new Set(tensors.map(({ name }) => name)));
  const states = new Map<string, Map<string, Tensor>>();
  for (const tensor of tensors) {
    const { name } = tensor;
    const slash = name.lastIndexOf("/");
    const parameter = name.slice(0, Math.max(0, slash));
    const state = states.get(parameter) ?? new Map<string, Tensor>();
    const own = numbers.has(name) ? await numberIn(tensor, path) : tensor;
    states.set(parameter, state.set(name.slice(slash + 1), own));
  }
  const groups = Array.isArray(document["groups"]) ? (document["groups"] as readonly Json[]) : undefined;
  if (groups === undefined) throw malformed("has no list of groups", optimizerDocumentName);
  const orderUnknown = document["orderUnknown"];
  const optimizer = {
    file: path,
    states,
    groups: groups.map(readGroup),
    ...(typeof orderUnknown === "string" && { orderUnknown }),
  };
  const lost = namesIn(document, "weightsLost");
  const absent = lost.find((name) => !states.has(name));
  if (absent !== undefined)
    throw malformed(
      `lists ${JSON.stringify(absent)} in weightsLost, which has no state`,
      optimizerDocumentName,
    );
  noteLost(files, optimizer, lost);
  return optimizer;
}

function namesIn(document: JsonRecord, key: string): readonly string[] {
  const listed = document[key] ?? [];
  if (!Array.isArray(listed)) throw malformed(`has ${key} that are no list`, optimizerDocumentName);
  return (listed as readonly Json[]).map(String);
}

/** Names of the tensors that were Python numbers in the source. */
function numbersOf(document: JsonRecord, tensors: ReadonlySet<string>): ReadonlySet<string> {
  const names = namesIn(document, "pythonNumbers");
  const absent = names.find((name) => !tensors.has(name));
  if (absent !== undefined)
    throw malformed(
      `lists ${JSON.stringify(absent)} in pythonNumbers, which ${optimizerTensorsName} lacks`,
      optimizerDocumentName,
    );
  return new Set(names);
}

async function numberIn(tensor: Tensor, path: string): Promise<Tensor> {
  const { name, dtype, shape } = tensor;
  if (dtype !== "F32" || shape.length > 0)
    throw malformed(
      `says that ${JSON.stringify(name)} was a Python number, and it is ${dtype} [${shape.join(", ")}]`,
      optimizerDocumentName,
    );
  const bytes = new Uint8Array(4);
  await tensor.read(0, bytes);
  const number = pythonNumber(name, new DataView(bytes.buffer).getFloat32(0, true), `${path}`);
  if (number === undefined) throw malformed(`says that ${JSON.stringify(name)} was a Python number`, path);
  return { ...number, id: tensor.id };
}

function readGroup(group: Json): OptimizerComponent["groups"][number] {
  const parameters = isJsonRecord(group) ? group["parameters"] : undefined;
  const settings = isJsonRecord(group) ? group["settings"] : undefined;
  if (!Array.isArray(parameters) || settings === undefined || !isJsonRecord(settings))
    throw malformed("has a group without parameters and settings", optimizerDocumentName);
  return { parameters: (parameters as readonly Json[]).map(String), settings };
}

/** The trainer's documents. @throws FormatError TENON_MANIFEST_MALFORMED */
export async function readTenonTrainer(tree: SourceTree): Promise<TrainerComponent> {
  const document = await readJsonDocument(tree, trainerDocumentName, {
    limitBytes: trainerStateBytesLimit,
    allowNonFinite: true,
  });
  const documents = document["documents"];
  if (documents === undefined || !isJsonRecord(documents))
    throw malformed("has no documents", trainerDocumentName);
  const read = new Map<string, JsonRecord>();
  for (const [name, value] of Object.entries(documents)) if (isJsonRecord(value)) read.set(name, value);
  return { documents: read };
}

function malformed(what: string, path: string): FormatError {
  return new FormatError("TENON_MANIFEST_MALFORMED", `tenon: the document ${what} (${path})`, {
    details: { path },
  });
}
