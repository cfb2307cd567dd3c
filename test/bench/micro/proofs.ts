/**
 * A DPoP proof, from its field to the replay store.
 *
 * @module
 */

import { MemoryReplayStore } from '../../../src/adapter/replay-memory.ts'
import { parsePublicJwk } from '../../../src/jose/jwk.ts'
import { jwkThumbprint } from '../../../src/jose/thumbprint.ts'
import { parseSignedProof } from '../../../src/sender-constraint/dpop/header.ts'
import { Nonces } from '../../../src/sender-constraint/dpop/nonce.ts'
import { checkProofClaims } from '../../../src/sender-constraint/dpop/proof.ts'
import { replayKey } from '../../../src/sender-constraint/dpop/replay.ts'
import { TARGET_URI } from '../../support/checked-request.ts'
import { createSigningKey, proofSeries, signProof } from '../tokens.ts'
import type { Work } from './work.ts'

const ALGORITHMS = ['ES256', 'PS256'] as const

export async function proofWork(): Promise<Work[]> {
  const key = await createSigningKey()
  const now = Math.floor(Date.now() / 1000)
  const nonces = new Nonces([Buffer.alloc(32, 1)], 60)
  const nonce = nonces.current(now)
  const series = proofSeries(key, 'token', TARGET_URI)
  const fields = ['Host', 'api.bank.example', 'DPoP', signProof(series, now, nonce)]
  const keys = new Map([[key.thumbprint, key.publicKey]])
  const signed = parseSignedProof(fields, ALGORITHMS, keys)
  if ('reason' in signed) throw new Error(signed.reason)
  const expected = { method: 'GET', targetUri: TARGET_URI, accessTokenHash: series.ath }
  const proof = checkProofClaims(signed, expected)
  if ('reason' in proof) throw new Error(proof.reason)
  const jwk = parsePublicJwk(key.jwk)!
  // Full at last, as in a gateway that is busy; the oldest go.
  const store = new MemoryReplayStore(100_000_000, now)
  return [
    {
      name: 'proof: signature, key known',
      run: () => parseSignedProof(fields, ALGORITHMS, keys),
    },
    {
      name: 'proof: signature, key new',
      run: () => parseSignedProof(fields, ALGORITHMS, new Map()),
    },
    { name: 'proof: thumbprint of its key', run: () => jwkThumbprint(jwk) },
    { name: 'proof: claims', run: () => checkProofClaims(signed, expected) },
    { name: 'proof: nonce', run: () => nonces.acceptedUntil(nonce, now, 10) },
    { name: 'proof: replay key', run: () => replayKey(proof) },
    {
      name: 'proof: noted as used',
      run: (turn) => {
        // A thousand a second, each remembered for 70 s.
        const at = now + Math.floor(turn / 1000)
        return store.useOnce(`${turn}`.padStart(43, 'A'), at + 70, at)
      },
    },
  ]
}
