/**
 * Credentials that open the gateway, and credentials that must not: each kind wrong in one way that no
 * change to the bytes of a request could put right.
 *
 * @module
 */

import { randomUUID, type webcrypto } from 'node:crypto'
import { generateKeyPair } from 'jose'
import { TlsClientAuth } from 'oauth4webapi'
import type { Credential } from '../../src/demo/certificates.ts'
import { type Client, createClient } from '../../src/demo/client.ts'
import { signProof } from '../../src/demo/proof.ts'
import { API, type Fixture, HOST } from '../support/fixture.ts'

export const HOLDERS = [
  'valid',
  'expired',
  'forged',
  'unsigned',
  'out_of_scope',
  /** Shows another certificate and signs with another key than the tokens are bound to. */
  'thief',
  /** The same without a certificate. */
  'anonymous_thief',
  'none',
] as const
export type Holder = (typeof HOLDERS)[number]

/** A resource of the authorization server whose tokens are over before they are used. */
export const BRIEF = `${API}/brief`
const BRIEF_MS = 2000

export interface Holding {
  readonly mtls: string
  readonly dpop: string
  readonly proofKeys: webcrypto.CryptoKeyPair
  /** For proofs. */
  readonly nonce: string
  /** Shown in the handshake. */
  readonly certificate: Credential | undefined
}

export interface Wallet {
  of(holder: Holder): Holding
  /** Obtains tokens and a nonce anew, before those that are valid are not any more. */
  renew(): Promise<void>
  close(): Promise<void>
}

/** What was filled into a request: a verdict needs to find it again. */
export interface Filling {
  readonly mtls: string
  readonly dpop: string
  /** By method; each is for {@link Filling.path}. */
  readonly proofs: Readonly<Record<string, string>>
  readonly path: string
}

/** @param fixture Its authorization server knows {@link BRIEF}. */
export async function openWallet(
  fixture: Fixture,
  gateway: { readonly port: number },
): Promise<Wallet> {
  const common = {
    connectTo: { [HOST]: `127.0.0.1:${gateway.port}` },
    issuer: fixture.as.issuer,
    ca: fixture.authority.certificate,
    authentication: TlsClientAuth(),
  }
  const { mtls: certificate, dpop: other, stranger } = fixture.certificates
  const keys = await generateKeyPair('ES256', { extractable: true })
  const foreignKeys = await generateKeyPair('ES256', { extractable: true })
  const clients = [
    await createClient({ ...common, clientId: 'mtls', certificate }),
    await createClient({
      ...common,
      clientId: 'dpop',
      certificate: other,
      dpop: true,
      dpopKeys: keys,
    }),
  ] as const
  const own = { proofKeys: keys, certificate }
  const brief = await obtain(clients, 'accounts', BRIEF)
  await new Promise((resolve) => setTimeout(resolve, BRIEF_MS))

  const hold = async (): Promise<Readonly<Record<Holder, Holding>>> => {
    const tokens = await obtain(clients, 'accounts')
    const nonce = await askForNonce(clients[1], tokens.dpop)
    const honest = { ...own, ...tokens, nonce }
    const thief = { ...honest, proofKeys: foreignKeys, certificate: stranger }
    return {
      valid: honest,
      expired: { ...honest, ...brief },
      forged: { ...honest, mtls: forge(tokens.mtls), dpop: forge(tokens.dpop) },
      unsigned: { ...honest, mtls: unsign(tokens.mtls), dpop: unsign(tokens.dpop) },
      out_of_scope: { ...honest, ...(await obtain(clients, 'payments')) },
      thief,
      anonymous_thief: { ...thief, certificate: undefined },
      none: { ...honest, mtls: 'none', dpop: 'none' },
    }
  }
  let holdings = await hold()
  return {
    of: (holder) => holdings[holder],
    async renew() {
      holdings = await hold()
    },
    async close() {
      for (const client of clients) await client.close()
    },
  }
}

/** Fills credentials in, with marks of this one request. */
export async function fillIn(
  template: string,
  { mtls, dpop, proofKeys, nonce }: Holding,
  mark: string,
): Promise<{ text: string; filling: Filling }> {
  const path = `/accounts/${mark}`
  const proofs: Record<string, string> = {}
  for (const method of ['GET', 'POST']) {
    if (!template.includes(`{PROOF ${method}}`)) continue
    const proof = { method, url: API + path, accessToken: dpop, nonce }
    proofs[method] = await signProof(proofKeys, proof)
  }
  const text = template
    .replaceAll('{MTLS}', mtls)
    .replaceAll('{DPOP}', dpop)
    .replaceAll('{MARK}', mark)
    .replaceAll('{ID}', () => randomUUID())
    .replaceAll(/\{PROOF (GET|POST)\}/g, (_, method: string) => proofs[method] ?? '')
  return { text, filling: { mtls, dpop, proofs, path } }
}

async function obtain(
  [mtls, dpop]: readonly [Client, Client],
  scope: string,
  resource: string = API,
): Promise<{ mtls: string; dpop: string }> {
  const request = { scope, resource }
  return {
    mtls: (await mtls.token(request)).accessToken,
    dpop: (await dpop.token(request)).accessToken,
  }
}

/** RFC 9449 §8: who brings none is told one, and nothing is forwarded. */
async function askForNonce(client: Client, accessToken: string): Promise<string> {
  const url = `${API}/nonce`
  const claims = { nonce: undefined }
  const proof = await client.makeProof({ method: 'GET', url, accessToken, claims })
  const headers = { authorization: `DPoP ${accessToken}`, dpop: proof }
  const { status, headers: told } = await client.rawCall(url, { headers })
  const nonce = told.get('dpop-nonce')
  if (nonce === null) throw new Error(`asked for a nonce, the gateway answered ${status}`)
  return nonce
}

/** The signature backwards: no single changed byte makes it right again. */
function forge(token: string): string {
  const [header, claims, signature = ''] = token.split('.')
  return `${header}.${claims}.${[...signature].reverse().join('')}`
}

/** RFC 8725 §3.2. */
function unsign(token: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'none', typ: 'at+jwt' })).toString('base64url')
  return `${header}.${token.split('.')[1]}.`
}
