/** data.pkl of a 405B model is near 200 kB; a whole optimizer with 50 000 experts stays below 100 MB. */
export const pickleBytesLimit: number = 512 * 1024 * 1024;
/** Members of one archive. torch writes one a storage: 50 000 experts × 3 states × 2 is below half a million. */
export const memberLimit = 2_000_000;
/** Central directory: about 90 bytes a member. */
export const directoryBytesLimit: number = 256 * 1024 * 1024;
/** Small text members (`version`, `byteorder`): real ones have 2 to 6 bytes. */
export const textMemberBytesLimit = 64;
/** torch allows 64 dimensions (c10/core, kDimVectorStaticSize aside); PyTorch refuses more in most kernels. */
export const dimensionLimit = 64;
/**
 * Bytes that expanded views (several elements in one place of a storage) may stand for in one file, beyond the bytes
 * of their storages. A few kB of file can claim any size this way; real ones are attention masks of at most 64 MB.
 */
export const expandedBytesLimit: number = 1024 * 1024 * 1024;
/**
 * Tensors that one walk yields: shared dicts may repeat a tensor under many names. A checkpoint of 61 layers × 256
 * experts with its optimizer has 140 000; half a million take 300 MB of memory.
 */
export const walkedTensorLimit = 500_000;
/** Containers in one another (`{"model": {"state_dict": …}}`): shared ones multiply with each level. */
export const containerDepthLimit = 3;
/** One read while gathering a strided view. Larger wins little over the disk, smaller costs calls. */
export const gatherWindowBytes: number = 1024 * 1024;
/** A gap between the runs of a strided view that is skipped by a new read instead of being read through. */
export const gatherGapBytes: number = 64 * 1024;
/** First read of a legacy file's pickles; doubled while they end early. Most models fit in the first. */
export const legacyFirstBytes: number = 256 * 1024;
/** One read of `verifyChecksums`. */
export const checksumChunkBytes: number = 4 * 1024 * 1024;
/** Local headers read at once when a file is opened. */
export const headerReadsAtOnce = 16;
