/**
 * WebCrypto digests nothing in pieces, so that the browser holds a file twice while it does; more than this and a page is
 * killed rather than told. A larger output takes shards (`maxShardBytes`).
 */
export const wholeDigestBytesLimit: number = 1024 * 1024 * 1024;
