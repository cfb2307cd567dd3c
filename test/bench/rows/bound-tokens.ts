/**
 * Work with tokens that are bound to the client's certificate, for the rows that need it.
 *
 * @module
 */

import type { Contender } from '../contender.ts'
import { requestText } from '../load/load.ts'
import { type ClosedLoop, runClosedLoop, type TlsTarget } from '../load/tls-client.ts'
import { expectStatus, PATH, probe } from '../probe.ts'
import type { Rig } from '../rig.ts'
import { signToken } from '../tokens.ts'

export const TOKENS = 1000

/** Tokens bound to the rig's client. */
export function certificateBoundTokens({ issuer, client }: Rig, count = TOKENS): string[] {
  return Array.from({ length: count }, () =>
    signToken(issuer.key, issuer, { 'x5t#S256': client.thumbprint }),
  )
}

/**
 * Asks with these tokens in turn, over connections with the client's certificate.
 *
 * @param once Whether no token may be used twice.
 */
export function loadWithTokens(
  rig: Rig,
  port: number,
  seconds: number,
  tokens: readonly string[],
  once = false,
  more: Pick<ClosedLoop, 'connections' | 'perConnection'> = {},
) {
  const requests = tokens.map((token) => requestWith(port, token))
  let i = 0
  const next = () => (once ? requests[i++] : requests[i++ % requests.length])
  return () => runClosedLoop(targetOf(rig, port), { seconds, next, ...more })
}

export function requestWith(port: number, token: string): Buffer {
  return Buffer.from(requestText(port, PATH, [`Authorization: Bearer ${token}`]))
}

/** A port of loopback, to be asked by the client that tokens are bound to. */
export function targetOf({ client: { certificate, key } }: Rig, port: number): TlsTarget {
  return { port, certificate, key }
}

/** Refuses requests without a token, and with one that its issuer did not sign. */
export const refusesForgery: NonNullable<Contender['mustRefuse']> = async (rig, { port }) => {
  const [token = ''] = certificateBoundTokens(rig, 1)
  const forged = `${token.slice(0, -10)}${'A'.repeat(10)}`
  const ask = (fields: readonly string[]) => probe(rig, port, fields, true)
  await expectStatus('no token', ask([]), 401)
  await expectStatus('a forged token', ask([`Authorization: Bearer ${forged}`]), 401)
  await expectStatus('an honest token', ask([`Authorization: Bearer ${token}`]), 200)
}

/** Refuses a token that was issued to somebody else, too. */
export const refusesStrangers: NonNullable<Contender['mustRefuse']> = async (rig, subject) => {
  await refusesForgery(rig, subject)
  const stolen = signToken(rig.issuer.key, rig.issuer, { 'x5t#S256': 'A'.repeat(43) })
  const seen = probe(rig, subject.port, [`Authorization: Bearer ${stolen}`], true)
  await expectStatus('a token of another client', seen, 401)
}
