/**
 * Where one DER value ends and the next begins (X.690 §8.1.3, §10.1). What is in them is not looked at.
 *
 * @module
 */

/** A certificate, like every structure of X.509, is a SEQUENCE. */
const SEQUENCE = 0x30

/**
 * Cuts bytes into the SEQUENCEs that they consist of, one behind the other. Undefined if anything else is
 * among them, such as trailing bytes, or a length that is not in its shortest form. No bytes are none.
 */
export function splitSequences(bytes: Buffer): Buffer[] | undefined {
  const found: Buffer[] = []
  let at = 0
  while (at < bytes.length) {
    const end = endOfSequence(bytes, at)
    if (end === undefined || end > bytes.length) return undefined
    found.push(bytes.subarray(at, end))
    at = end
  }
  return found
}

function endOfSequence(bytes: Buffer, at: number): number | undefined {
  const first = bytes[at + 1]
  if (bytes[at] !== SEQUENCE || first === undefined) return undefined
  if (first < 0x80) return at + 2 + first
  // Three bytes say sixteen million: more than any field that is read here can hold.
  const size = first & 0x7f
  if (size === 0 || size > 3 || at + 2 + size > bytes.length) return undefined
  const length = bytes.readUIntBE(at + 2, size)
  // X.690 §10.1: in as few bytes as possible.
  if (length < 0x80 || length < 256 ** (size - 1)) return undefined
  return at + 2 + size + length
}
