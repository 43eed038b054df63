import { isTenonError, ResourceError, type TenonError } from "../../core/index.ts";

const codeOf = { open: "TENON_BYTES_OPEN", read: "TENON_BYTES_READ", write: "TENON_BYTES_WRITE" } as const;

/** The system's error code (`ENOENT`), if this is a system error. */
export function systemCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  // Node's own errors (`ERR_OUT_OF_RANGE`) are mistakes of the caller.
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/** Turns an error of the operating system into ours; one of ours passes through. */
export function ioError(cause: unknown, doing: "open" | "read" | "write", path: string): TenonError {
  if (isTenonError(cause)) return cause as TenonError;
  const code = systemCode(cause);
  if (code === undefined) throw cause;
  const extras = { cause, details: { path, systemCode: code } };
  if (code === "ENOSPC" || code === "EDQUOT") {
    const what = code === "ENOSPC" ? "the disk is full" : "the disk quota is used up";
    return new ResourceError("TENON_DISK_FULL", `write: ${what} (${path})`, {
      ...extras,
      hint: "Free some space, or write to another disk.",
    });
  }
  const hint = hints[code];
  return new ResourceError(codeOf[doing], `${doing}: the system says ${code} (${path})`, {
    ...extras,
    ...(hint === undefined ? {} : { hint }),
  });
}

const hints: Readonly<Record<string, string | undefined>> = {
  EACCES: "Check the permissions of the file and of the directories above it.",
  EPERM: "Check the permissions of the file and of the directories above it.",
  EROFS: "Write to a disk that is not mounted read-only.",
  EIO: "The disk failed to answer: check it, and copy the data off it.",
  EMFILE: "Raise the limit of open files (ulimit -n).",
  ENFILE: "Raise the limit of open files (ulimit -n).",
};
