// Opens whatever was saved and reads one tensor of it: npx tsx examples/read-tensor.ts SOURCE [NAME]
import { isTenonError, open } from "tenon";

const [source, wanted] = process.argv.slice(2);
if (source === undefined) throw new Error("name a checkpoint");
try {
  await using checkpoint = await open(source);
  console.log(`${checkpoint.layout}: ${checkpoint.evidence.join("; ")}`);
  const entry = checkpoint.entries.find(({ tensor }) => wanted === undefined || tensor.name === wanted);
  if (entry === undefined) throw new Error(`no tensor ${wanted}`);
  const { name, dtype, shape, byteLength } = entry.tensor;
  console.log(`${name} is ${entry.meaning.role}, ${dtype} [${shape.join(", ")}], ${byteLength} bytes`);
  // Only these bytes are read, whatever the size of the tensor.
  const head = new Uint8Array(Math.min(8, byteLength));
  await entry.tensor.read(0, head);
  console.log(`first bytes: ${Buffer.from(head).toString("hex")}`);
} catch (error) {
  if (!isTenonError(error)) throw error;
  // Codes are stable; messages are for people.
  console.error(`${error.code}: ${error.message}${error.hint === undefined ? "" : `\n${error.hint}`}`);
  process.exitCode = error.exitCode;
}
