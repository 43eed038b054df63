/** What a finished save has, written last. A name with a dot in front is not listed, but it opens. */
export const metadataName = ".metadata";

/** Of the safetensors shard of a rank: rank, part, parts. */
export const shardName: RegExp = /^shard-(\d{5,})-model-(\d{5,})-of-(\d{5,})\.safetensors$/;

/** Paths of shards of torch's HuggingFaceStorageWriter among the files at the top. */
export function shardPaths(rootFiles: readonly string[]): readonly string[] {
  return rootFiles.filter((path) => shardName.test(path));
}
