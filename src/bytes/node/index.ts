export { type DirectoryTreeOptions, directoryTree } from "./directory-tree.ts";
export { type FileNames, openFile } from "./file-source.ts";
export { localTree } from "./local-tree.ts";
export {
  closeFileSync,
  openToReadSync,
  openToWriteSync,
  readSyncFully,
  writeSyncFully,
} from "./positional.ts";
export { directorySink, type OutputOptions, singleFileSink } from "./staged-sink.ts";
