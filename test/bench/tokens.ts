/**
 * Access tokens and DPoP proofs in numbers, all ES256, made before they are needed.
 *
 * Signed by node:crypto in one go: an asynchronous library would take longer to make the proofs of a run
 * than some peers accept them for.
 *
 * @module
 */

import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'

export interface SigningKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  /** Public. */
  readonly jwk: JWK
  /** RFC 7638. */
  readonly thumbprint: string
}

export async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as JWK
  return { privateKey, publicKey, jwk, thumbprint: await calculateJwkThumbprint(jwk) }
}

/** What tokens say beside who they are bound to. */
export interface TokenIssue {
  readonly issuer: string
  readonly audience: string
  readonly kid: string
}

const SCOPE = 'accounts payments'
const LIFE = 3600

/** @param confirmation `cnf` (RFC 7800). */
export function signToken(
  key: SigningKey,
  { issuer, audience, kid }: TokenIssue,
  confirmation: Readonly<Record<string, string>>,
): string {
  const header = segment({ alg: 'ES256', typ: 'at+jwt', kid })
  return jws(key, header, { ...claimsOf(issuer, audience), cnf: confirmation })
}

/** What an issuer says of a token, in it or about it. */
export function claimsOf(issuer: string, audience: string): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    sub: 'b3f5a0d2-5c8f-4a0e-9d53-0d7a3c8c9a11',
    client_id: 'tpp-4711',
    aud: audience,
    iat: now,
    exp: now + LIFE,
    jti: randomUUID(),
    scope: SCOPE,
  }
}

/** What does not change from proof to proof of one client for one token. */
export interface ProofSeries {
  readonly key: SigningKey
  readonly header: string
  readonly htu: string
  readonly ath: string
}

export function proofSeries(key: SigningKey, token: string, htu: string): ProofSeries {
  const header = segment({ typ: 'dpop+jwt', alg: 'ES256', jwk: key.jwk })
  return { key, header, htu, ath: createHash('sha256').update(token).digest('base64url') }
}

/** A proof (RFC 9449 §4.2) for one GET. @param iat Seconds since the epoch. */
export function signProof(
  { key, header, htu, ath }: ProofSeries,
  iat: number,
  nonce: string | undefined,
): string {
  return jws(key, header, { jti: randomUUID(), htm: 'GET', htu, iat, ath, nonce })
}

function jws({ privateKey }: SigningKey, header: string, claims: object): string {
  const input = `${header}.${segment(claims)}`
  const signature = sign('sha256', Buffer.from(input), {
    key: privateKey,
    dsaEncoding: 'ieee-p1363',
  })
  return `${input}.${signature.toString('base64url')}`
}

function segment(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
