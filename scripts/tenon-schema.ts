// Writes docs/formats/tenon.schema.json from the zod schema of the manifest. With --check it writes nothing and fails when
// the file is not the one that would be written.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import * as z from "zod";
import { manifestSchema } from "../src/layouts/tenon/manifest-schema.ts";

const path = "docs/formats/tenon.schema.json";
const schema = z.toJSONSchema(manifestSchema, { io: "input" });
const text = `${JSON.stringify(schema, null, 2)}\n`;

if (!process.argv.includes("--check")) writeFileSync(path, text);
else if (!existsSync(path) || readFileSync(path, "utf8") !== text) {
  console.log(`error: ${path} is not up to date: run npx tsx scripts/tenon-schema.ts`);
  process.exit(1);
}
