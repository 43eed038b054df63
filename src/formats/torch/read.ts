import type { ByteSource } from "../../bytes/index.ts";
import { FormatError, type Tensor, UnsupportedError } from "../../core/index.ts";
import type { PickleValue } from "../../pickle/index.ts";
import type { OpenFileOptions, TensorFile } from "../format.ts";
import { openArchive } from "./archive.ts";
import type { TorchContent } from "./content.ts";
import { openLegacy } from "./legacy.ts";
import { sniffTorch } from "./sniff.ts";
import { nameTensors, stateDictsIn, twice } from "./walk.ts";
import { SourceWindow } from "./window.ts";

/** A {@link TensorFile} with its object typed, as the layouts that know torch want it. */
export interface TorchFile extends TensorFile {
  readonly object: PickleValue;
  readonly globals: readonly string[];
}

export interface OpenTorchOptions extends OpenFileOptions {
  /** The torch.save file lies inside a larger one. Default: the whole source. */
  readonly byteOffset?: number;
  readonly byteLength?: number;
}

/**
 * Opens a file written by torch.save: structure only, no storage is read.
 *
 * `tensors` lists the tensors of the object's own dict and of its well-known containers, named by their path; for
 * everything else use `object` with {@link tensorsIn}.
 * @throws FormatError, UnsupportedError TENON_PICKLE_…, TENON_ZIP_…, TENON_TORCH_…
 */
export async function openTorch(source: ByteSource, options: OpenTorchOptions = {}): Promise<TorchFile> {
  const window = new SourceWindow(source, options.byteOffset, options.byteLength);
  const head = await window.bytes(0, Math.min(512, window.byteLength), options.signal);
  const content = await openByKind(window, head, options.signal);
  const object = nameTensors(content.object);
  const walk = { file: window.path, report: options.report };
  const tensors: Tensor[] = [];
  const names = new Set<string>();
  for (const dict of stateDictsIn(object, walk)) {
    for (const tensor of dict.tensors.values()) {
      if (names.has(tensor.name)) twice(tensor.name, window.path);
      names.add(tensor.name);
      tensors.push(tensor);
    }
  }
  return { format: "torch", tensors, metadata: {}, object, globals: content.globals };
}

async function openByKind(
  window: SourceWindow,
  head: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<TorchContent> {
  switch (sniffTorch(head)) {
    case "zip":
      return openArchive(window, signal);
    case "legacy":
      return openLegacy(window, signal);
    case "tar": {
      const message = `torch: a tar archive as torch before 0.1.10 wrote them, which is not read (${window.path})`;
      throw new UnsupportedError("TENON_TORCH_TAR", message, {
        details: { path: window.path },
        hint: "Load it with an old torch and save it again.",
      });
    }
    case "pickle": {
      const message = `torch: a plain pickle, not written by torch.save, which is not read (${window.path})`;
      throw new UnsupportedError("TENON_TORCH_PLAIN_PICKLE", message, { details: { path: window.path } });
    }
    default: {
      const message = `torch: neither a zip archive nor a legacy torch.save file (${window.path})`;
      throw new FormatError("TENON_TORCH_NOT_TORCH", message, { details: { path: window.path } });
    }
  }
}
