/**
 * Public keys as JWK (RFC 7517, RFC 7518 §6, RFC 8037 §2), of key sets and of DPoP proofs alike.
 *
 * @module
 */

import { createPublicKey, type KeyObject } from 'node:crypto'
import { decodeBase64url } from '../encoding/base64url.ts'
import { ALGORITHMS, type Algorithm, type AlgorithmName } from './algorithm.ts'
import { hasRocaFingerprint } from './roca.ts'

/** What a key is said to be for (RFC 7517 §4). */
interface Purpose {
  readonly kid?: string
  readonly alg?: string
  readonly use?: string
  readonly key_ops?: readonly string[]
}

interface EcMaterial {
  readonly kty: 'EC'
  readonly crv: 'P-256' | 'P-384' | 'P-521'
  readonly x: string
  readonly y: string
}

interface OkpMaterial {
  readonly kty: 'OKP'
  readonly crv: 'Ed25519'
  readonly x: string
}

interface RsaMaterial {
  readonly kty: 'RSA'
  readonly n: string
  readonly e: string
}

type Material = EcMaterial | OkpMaterial | RsaMaterial

/** A public key of sound form, with its required members and its purpose and no other member. */
export type PublicJwk = Material & Purpose

/** RFC 7518 §6.2.2, §6.3.2, §6.4.1, RFC 8037 §2. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** RFC 7518 §6.2.1.2: bytes of a coordinate, leading zeros included. */
const COORDINATE = { 'P-256': 32, 'P-384': 48, 'P-521': 66 } as const

/** RFC 7518 §3.3, §3.5 demand 2048 bits. Verification grows with the size, so there is an upper end. */
const MODULUS_BITS = { atLeast: 2048, atMost: 8192 }

const EXPONENT = { atLeast: 65537n, atMost: 2n ** 64n }

/**
 * Reads a public key, or returns undefined: for one with a private or symmetric part, of a type or
 * curve without an algorithm here, of the wrong length, in a spelling that is not canonical, for a weak
 * RSA key, and for a purpose that is not of the registered types.
 *
 * The result is frozen. Whether a point lies on its curve is only known when the key is imported.
 */
export function parsePublicJwk(jwk: unknown): PublicJwk | undefined {
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) return undefined
  // RFC 9449 §4.3 (7): before anything else is looked at, no private part.
  if (PRIVATE_MEMBERS.some((name) => Object.hasOwn(jwk, name))) return undefined

  const members = new Map<string, unknown>(Object.entries(jwk))
  const material = parseMaterial(members)
  const purpose = parsePurpose(members)
  if (material === undefined || purpose === undefined) return undefined
  return Object.freeze({ ...material, ...purpose })
}

function parseMaterial(members: ReadonlyMap<string, unknown>): Material | undefined {
  switch (members.get('kty')) {
    case 'EC':
      return parseEc(members.get('crv'), members.get('x'), members.get('y'))
    case 'OKP':
      return parseOkp(members.get('crv'), members.get('x'))
    case 'RSA':
      return parseRsa(members.get('n'), members.get('e'))
    default:
      return undefined
  }
}

function parseEc(crv: unknown, x: unknown, y: unknown): EcMaterial | undefined {
  // RFC 7518 §6.2.1.
  if (crv !== 'P-256' && crv !== 'P-384' && crv !== 'P-521') return undefined
  if (!isBytes(x, COORDINATE[crv]) || !isBytes(y, COORDINATE[crv])) return undefined
  return { kty: 'EC', crv, x, y }
}

function parseOkp(crv: unknown, x: unknown): OkpMaterial | undefined {
  // RFC 8037 §2.
  return crv === 'Ed25519' && isBytes(x, 32) ? { kty: 'OKP', crv, x } : undefined
}

function parseRsa(n: unknown, e: unknown): RsaMaterial | undefined {
  const modulus = parseUnsigned(n)
  const exponent = parseUnsigned(e)
  if (modulus === undefined || exponent === undefined) return undefined

  const bits = modulus.toString(2).length
  if (bits < MODULUS_BITS.atLeast || bits > MODULUS_BITS.atMost || isEven(modulus)) return undefined
  if (exponent < EXPONENT.atLeast || exponent > EXPONENT.atMost || isEven(exponent))
    return undefined
  if (hasRocaFingerprint(modulus)) return undefined
  return { kty: 'RSA', n: n as string, e: e as string }
}

function isBytes(text: unknown, length: number): text is string {
  return typeof text === 'string' && decodeBase64url(text)?.length === length
}

/** RFC 7518 §2, Base64urlUInt: big-endian, in as few bytes as will do. */
function parseUnsigned(text: unknown): bigint | undefined {
  const longest = Math.ceil((MODULUS_BITS.atMost * 4) / 24) + 1
  if (typeof text !== 'string' || text.length > longest) return undefined
  const bytes = decodeBase64url(text)
  if (bytes === undefined || bytes.length === 0 || bytes[0] === 0) return undefined
  return BigInt(`0x${bytes.toString('hex')}`)
}

function isEven(number: bigint): boolean {
  return number % 2n === 0n
}

function parsePurpose(members: ReadonlyMap<string, unknown>): Purpose | undefined {
  const purpose: { -readonly [name in keyof Purpose]: Purpose[name] } = {}
  for (const name of ['kid', 'alg', 'use'] as const) {
    const value = members.get(name)
    if (value === undefined) continue
    if (typeof value !== 'string') return undefined
    purpose[name] = value
  }
  // RFC 7517 §4.3.
  const operations = members.get('key_ops')
  if (operations !== undefined) {
    if (!isListOfNames(operations)) return undefined
    purpose.key_ops = Object.freeze([...operations])
  }
  return purpose
}

function isListOfNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.every((name) => typeof name === 'string') &&
    new Set(value).size === value.length
  )
}

/**
 * Whether a key may verify signatures of an algorithm: by its type and curve, and by all that it says
 * of its own purpose (RFC 8725 §3.1: one key, one algorithm).
 */
export function keyFits(jwk: PublicJwk, alg: AlgorithmName): boolean {
  const { kty, crv }: Algorithm = ALGORITHMS[alg]
  return (
    jwk.kty === kty &&
    (jwk.kty === 'RSA' || jwk.crv === crv) &&
    // RFC 7517 §4.2, §4.3, §4.4.
    (jwk.use === undefined || jwk.use === 'sig') &&
    (jwk.key_ops === undefined || jwk.key_ops.includes('verify')) &&
    (jwk.alg === undefined || jwk.alg === alg)
  )
}

/** The key for node:crypto, or undefined if its point is not on its curve (RFC 8725 §3.4). */
export function importPublicJwk(jwk: PublicJwk): KeyObject | undefined {
  try {
    return createPublicKey({ key: requiredMembers(jwk), format: 'jwk' })
  } catch {
    return undefined
  }
}

/**
 * RFC 7638 §3.2, RFC 8037 §2: the members that make the key and nothing else, and (§3.3) in the order of
 * their names, so that they can be hashed as they are.
 */
export function requiredMembers(jwk: PublicJwk): Readonly<Record<string, string>> {
  switch (jwk.kty) {
    case 'EC':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
    case 'OKP':
      return { crv: jwk.crv, kty: jwk.kty, x: jwk.x }
    case 'RSA':
      return { e: jwk.e, kty: jwk.kty, n: jwk.n }
  }
}
