/**
 * Work with tokens that are bound to a key, and with proofs that are used once.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import type { Fields } from '../load/load.ts'
import { prepareWrk } from '../load/wrk.ts'
import { expectStatus, PATH, probe } from '../probe.ts'
import type { Rig } from '../rig.ts'
import { createSigningKey, type ProofSeries, proofSeries, signProof, signToken } from '../tokens.ts'
import { TOKENS } from './bound-tokens.ts'

/** A token, and the client that it is bound to. */
interface Holder {
  readonly token: string
  readonly series: ProofSeries
}

/** Requests with fresh proofs by 1,000 clients in turn. */
export class ProvenRequests {
  #holders: readonly Holder[] | undefined

  /** @param iat Of the proofs, in seconds since the epoch. */
  async make(rig: Rig, port: number, count: number, iat: number): Promise<Fields[]> {
    this.#holders ??= await holdersOf(rig, port)
    const holders = this.#holders
    const { headers } = await probe(rig, port, fieldsOf(holders[0]!, iat, undefined))
    // RFC 9449 §8: a server that wants a nonce gives it with its refusal.
    const nonce = headers['dpop-nonce']?.toString()
    return Array.from({ length: count }, (_, i) => fieldsOf(holders[i % TOKENS]!, iat, nonce))
  }
}

/**
 * Proofs are as old as their run on average: mod_oauth2 refuses an `iat` more than 5 s off, either way.
 *
 * @param count Proofs that have to be made before it begins.
 */
export function iatOfRun(count: number): number {
  const MICROSECONDS_A_PROOF = 60
  return Math.floor((Date.now() + (count * MICROSECONDS_A_PROOF) / 1000) / 1000) + 1
}

export function withFreshProofs(): Contender['prepare'] {
  const proven = new ProvenRequests()
  return async (rig, subject, seconds, rate) => {
    const count = Math.ceil(rate * seconds)
    const requests = await proven.make(rig, subject.port, count, iatOfRun(count))
    return prepareWrk(rig, subject.port, seconds, {
      once: true,
      requests: requests.map((fields) => ({ path: PATH, fields })),
    })
  }
}

export const refusesReplay: NonNullable<Contender['mustRefuse']> = async (rig, subject) => {
  const { port } = subject
  const [proven = []] = await new ProvenRequests().make(rig, port, 1, iatOfRun(0))
  await expectStatus('no token', probe(rig, port), 401)
  await expectStatus('a token without a proof', probe(rig, port, proven.slice(0, 1)), 401)
  await expectStatus('a token with a proof', probe(rig, port, proven), 200)
  await expectStatus('a used proof', probe(rig, port, proven), 401)
}

async function holdersOf({ issuer }: Rig, port: number): Promise<Holder[]> {
  const htu = `https://localhost:${port}${PATH}`
  const holders: Holder[] = []
  while (holders.length < TOKENS) {
    const key = await createSigningKey()
    const token = signToken(issuer.key, issuer, { jkt: key.thumbprint })
    holders.push({ token, series: proofSeries(key, token, htu) })
  }
  return holders
}

function fieldsOf({ token, series }: Holder, iat: number, nonce: string | undefined): Fields {
  return [`Authorization: DPoP ${token}`, `DPoP: ${signProof(series, iat, nonce)}`]
}
