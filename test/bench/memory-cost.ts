/**
 * What the gateway's own stores take up in memory, an entry: a program of its own, run with
 * `--expose-gc`, that prints bytes. It fills the real stores, without the requests that would fill them.
 *
 * Arguments: `tokens` or `jtis`; how many; for tokens, the configuration of the gateway.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { ReachedIssuer } from '../../src/adapter/issuers.ts'
import { MemoryReplayStore } from '../../src/adapter/replay-memory.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { parseClaims } from '../../src/token/claims.ts'
import { parseUnverifiedJwt } from '../../src/token/jwt.ts'
import { claimsOf } from './tokens.ts'

/** Seconds until the last of the proofs ends. */
const PROOF_LIFE = 120

const [kind, count = '0', configuration = ''] = process.argv.slice(2)
const bytes =
  kind === 'jtis' ? costOfJtis(Number(count)) : costOfTokens(Number(count), configuration)
console.log(bytes)

function costOfJtis(entries: number): number {
  const now = Math.floor(Date.now() / 1000)
  const before = used()
  const store = new MemoryReplayStore(entries, now)
  for (let i = 0; i < entries; i++) {
    const key = createHash('sha256').update(`${i}`).digest('base64url')
    if (store.useOnce(key, now + (i % PROOF_LIFE), now) !== 'first') throw new Error('not taken')
  }
  const after = used()
  if (store.size !== entries) throw new Error('some are lost')
  return (after - before) / entries
}

function costOfTokens(entries: number, file: string): number {
  const loaded = loadFromDisk(file)
  const [config] = loaded.configuration?.issuers ?? []
  if (config === undefined) throw new Error(loaded.text)
  const now = Math.floor(Date.now() / 1000)
  const metrics = createMetrics()
  const logger = createLogger('silent', { write: () => {} })
  const parts = { metrics, logger, now: () => now, clock: () => now }
  const { issuer } = new ReachedIssuer(config, parts)
  const digestOf = (i: number) => createHash('sha256').update(`${i}`).digest('base64url')

  const before = used()
  for (let i = 0; i < entries; i++) {
    const jwt = parseUnverifiedJwt(unsigned(issuer.issuer, issuer.audiences[0]!, digestOf(i)))
    if ('reason' in jwt) throw new Error(jwt.reason)
    // The signature is not what takes up memory.
    const token = parseClaims(jwt.claims, issuer, now, true, 'ES256')
    if ('reason' in token) throw new Error(token.reason)
    issuer.verified.set(digestOf(i), token)
  }
  const after = used()
  if (issuer.verified.get(digestOf(0)) === undefined) throw new Error('some are forgotten')
  return (after - before) / entries
}

/** Read as a request brings it: as one string, of which nothing but the claims is kept. */
function unsigned(issuer: string, audience: string, thumbprint: string): string {
  const claims = { ...claimsOf(issuer, audience), cnf: { 'x5t#S256': thumbprint } }
  const parts = [{ alg: 'ES256', typ: 'at+jwt', kid: 'bench' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${parts.join('.')}.${'A'.repeat(86)}`
}

/** What is reachable, in the heap and beside it. */
function used(): number {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('needs --expose-gc')
  gc()
  gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
