/** The largest runs that are known of have tens of thousands of workers; each costs an open file. */
export const workersLimit = 65_536;

/** A tag is one folder name; Linux allows 255 bytes. */
export const latestBytesLimit = 4096;
