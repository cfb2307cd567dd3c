/**
 * Where a frame of a WebSocket ends and the next may begin (RFC 6455 §5.2). What is in them is not looked at.
 *
 * @module
 */

/** RFC 6455 §5.5.1, §7.4.1: a Close of a server that goes away, 1001. Servers do not mask. */
export const GOING_AWAY = Buffer.of(0x88, 0x02, 0x03, 0xe9)

const CLOSE = 0x8
const LONGEST_HEAD = 14

/** Follows the bytes that one side sends. */
export class FrameBorders {
  readonly #head = Buffer.alloc(LONGEST_HEAD)
  /** Octets of the head that came, and how many it has as far as is known. */
  #came = 0
  #size = 2
  /** Octets of the payload that are still to come. */
  #left = 0
  #hasClosed = false

  /** Whether another frame may be put in here: control frames may stand amid a message (§5.4). */
  get isBetween(): boolean {
    return this.#came === 0 && this.#left === 0
  }

  /** Whether a Close went by, or is going: no frame may follow it (§5.5.1). */
  get hasClosed(): boolean {
    return this.#hasClosed
  }

  /** Moves on, over as many frames as there are. */
  pass(chunk: Buffer): void {
    for (let at: number | undefined = 0; at !== undefined && at < chunk.length; ) {
      at = this.passFrame(chunk, at)
    }
  }

  /** Moves on to where a frame ends. @returns How far into the chunk that is, if it is in it. */
  passFrame(chunk: Buffer, from = 0): number | undefined {
    for (let at = from; at < chunk.length; ) {
      if (this.#left > 0) {
        const step = Math.min(this.#left, chunk.length - at)
        this.#left -= step
        at += step
      } else {
        this.#passHead(chunk[at]!)
        at += 1
      }
      if (this.isBetween) return at
    }
    return undefined
  }

  #passHead(octet: number): void {
    const head = this.#head
    head[this.#came] = octet
    this.#came += 1
    const length = head[1]! & 0x7f
    if (this.#came === 2) {
      const extended = length === 127 ? 8 : length === 126 ? 2 : 0
      this.#size = 2 + extended + ((octet & 0x80) === 0 ? 0 : 4)
    }
    if (this.#came < this.#size) return
    if ((head[0]! & 0x0f) === CLOSE) this.#hasClosed = true
    this.#left = length < 126 ? length : length === 126 ? head.readUInt16BE(2) : longLength(head)
    this.#came = 0
    this.#size = 2
  }
}

/** RFC 6455 §5.2: eight octets. What no number can count does not end while anybody waits. */
function longLength(head: Buffer): number {
  const length = head.readBigUInt64BE(2)
  return length > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(length)
}
