import { sameShape } from "../core/index.ts";
import { digestText } from "../execute/index.ts";
import type { Certificate, CertificateTensor } from "./certificate.ts";
import type { Verification } from "./verification.ts";
import type { ReadTensor } from "./verify-tensors.ts";

/**
 * Compares tensors with a certificate: none missing, none more, each with its dtype, shape and digest, and no proof that
 * contradicts its own bound.
 * @param unread files and names of tensors that are there but could not be read; they have failed already
 */
export function compareWithCertificate(
  { tensors }: Certificate,
  read: readonly ReadTensor[],
  unread: ReadonlySet<string>,
  verification: Verification,
): void {
  const found = new Map(read.map((each) => [keyOf(each.tensor), each]));
  for (const recorded of tensors) {
    verification.looked("certificate-tensors");
    const key = keyOf(recorded);
    const each = found.get(key);
    found.delete(key);
    const message = each === undefined ? missing(unread.has(key)) : differs(recorded, each);
    if (message !== undefined)
      verification.fail("certificate-tensors", message, { file: recorded.file, tensor: recorded.name });
  }
  for (const { tensor } of found.values())
    verification.fail("certificate-tensors", "the certificate does not name it", {
      file: tensor.file,
      tensor: tensor.name,
    });
}

/** Tensors of a certificate and of files, by the file that holds them. */
export function keyOf({ file, name }: { readonly file: string; readonly name: string }): string {
  return JSON.stringify([file, name]);
}

function missing(isUnread: boolean): string | undefined {
  return isUnread ? undefined : "it is not there";
}

function differs(recorded: CertificateTensor, { tensor, outcome }: ReadTensor): string | undefined {
  const { dtype, shape, digest, maxError, errorBound } = recorded;
  if (tensor.dtype !== dtype) return `${tensor.dtype}, not ${dtype}`;
  if (!sameShape(tensor.shape, shape)) return `[${tensor.shape.join(", ")}], not [${shape.join(", ")}]`;
  const found = digestText(outcome.digest);
  if (digest !== null && found !== digest) return `${found}, not ${digest}`;
  if (maxError !== null && errorBound !== null && maxError > errorBound)
    return `merged with an error of ${maxError} roundings, where ${errorBound} are allowed`;
  return undefined;
}
