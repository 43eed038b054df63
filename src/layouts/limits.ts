/** config.json and adapter_config.json of real models stay below 100 kB; 16 MiB leaves room for odd ones. */
export const configBytesLimit: number = 16 * 1024 * 1024;

/** The index of a mixture with 60 000 expert tensors is near 8 MB. */
export const indexBytesLimit: number = 64 * 1024 * 1024;

/** trainer_state.json keeps a log line a step; a million of them are near 200 MB. */
export const trainerStateBytesLimit: number = 256 * 1024 * 1024;

/** Tensors in one file of random states: torch's are 5 056 bytes for the CPU and 16 for each device. */
export const randomStateBytesLimit: number = 1024 * 1024;

/** The largest release seen has 1 000 shards; each costs an open file. */
export const weightFilesLimit = 4096;

/** Headers read at once: enough to hide the latency of a disk or a server, few enough to be polite to it. */
export const openingAtOnce = 16;

/** transformers 5.18, `save_pretrained(max_shard_size="50GB")`: its default, a decimal number. */
export const defaultShardBytes = 50e9;
