/**
 * Which of the 16,384 slots of a cluster a key is in.
 *
 * @module
 */

export const SLOTS = 16_384

/** CRC-16/XMODEM, the polynomial 0x1021, a byte at a time. */
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

/** @param key In ASCII. Between the first `{` and the next `}`, if anything is there, it alone counts. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open === -1 ? -1 : key.indexOf('}', open + 1)
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key
  let crc = 0
  for (let i = 0; i < hashed.length; i++) {
    crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ hashed.charCodeAt(i)]!
  }
  return crc % SLOTS
}

/** A hash tag whose slot is among these: the same for whoever asks. */
export function hashTagWithin(isIncluded: (slot: number) => boolean): string {
  for (let i = 0; i < 20 * SLOTS; i++) if (isIncluded(slotOf(String(i)))) return `{${i}}`
  return ''
}
