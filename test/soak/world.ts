/**
 * What a soak is about: an issuer, an upstream and a gateway between them, with clients in front that hold
 * what opens it, and what does not.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { jwkThumbprint } from '../../src/jose/thumbprint.ts'
import { createKeyPair, type KeyPair, signCompact } from '../support/compact-signing.ts'
import { API, HOST } from '../support/fixture.ts'
import { createHttp1, createHttp2, type SoakClient } from './client.ts'
import { type AccessLine, GatewayUnderSoak } from './gateway.ts'
import { type SoakIssuer, startIssuer } from './issuer.ts'
import { type SoakUpstream, startUpstream } from './upstream.ts'

/** Seconds for which an answer about an opaque token is used: so long may it pass after it was revoked. */
export const OPAQUE_TTL = 1

export const HOLDERS = ['owner', 'thief', 'nobody'] as const
/** Who connects: with the certificate that tokens are bound to, with another one, or with none. */
export type Holder = (typeof HOLDERS)[number]

export interface World {
  readonly folder: string
  readonly issuer: SoakIssuer
  readonly upstream: SoakUpstream
  readonly gateway: GatewayUnderSoak
  /** `cnf` of tokens that are bound to the owner's certificate, and to the owner's key. */
  readonly bound: { readonly mtls: object; readonly dpop: object }
  /** What went wrong and belongs to no request. */
  readonly faults: string[]
  /** Why something was refused that was no request, or none of ours: how often. */
  readonly refusals: Record<string, number>
  /** Interactions that were refused. */
  readonly refused: Set<string>
  client(holder: Holder, protocol: 'h1' | 'h2'): SoakClient
  /** Lets all connections go. */
  disconnect(): void
  /** A proof of the owner, or with a key of somebody else. */
  prove(method: string, path: string, token: string, nonce: string, isForeign?: boolean): string
  /** The line that the gateway writes about an interaction. Asked for before that begins. */
  lineOf(id: string): Promise<AccessLine | undefined>
  close(): Promise<void>
}

/** Milliseconds within which a request that was answered has been written down, with some patience. */
const LINE_MS = 90_000

export async function startWorld(): Promise<World> {
  const authority = await createAuthority({ name: 'soak CA', keyKind: 'EC' })
  const server = await authority.issueServer({ dnsNames: [HOST, 'localhost'], keyKind: 'EC' })
  const credentials: Record<Holder, Credential | undefined> = {
    owner: await authority.issueClient({ commonName: 'owner', keyKind: 'EC' }),
    thief: await authority.issueClient({ commonName: 'thief', keyKind: 'EC' }),
    nobody: undefined,
  }
  const issuer = await startIssuer(server)
  const upstream = await startUpstream()
  const folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-soak-'))
  await writeFile(join(folder, 'ca.pem'), authority.certificate)
  await writeFile(join(folder, 'server.crt'), server.certificate)
  await writeFile(join(folder, 'server.key'), server.key)
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, configurationOf(issuer, upstream))

  const faults: string[] = []
  const refusals: Record<string, number> = {}
  const awaited = new Map<string, (line: AccessLine | undefined) => void>()
  const gateway = await GatewayUnderSoak.start(
    file,
    (line) => {
      const settle = awaited.get(line.interaction_id)
      if (settle !== undefined) settle(line)
      else if (line.reason !== undefined) refusals[line.reason] = (refusals[line.reason] ?? 0) + 1
    },
    (line) => void faults.push(line),
  )
  const target = { port: gateway.port, ca: authority.certificate }
  const [keys, foreign] = [createKeyPair('ES256'), createKeyPair('ES256')]
  const clients = new Map<string, SoakClient>()
  const disconnect = () => {
    for (const client of clients.values()) client.close()
    clients.clear()
  }

  return {
    folder,
    issuer,
    upstream,
    gateway,
    faults,
    refusals,
    refused: new Set(),
    disconnect,
    bound: {
      mtls: { 'x5t#S256': credentials.owner?.thumbprint },
      dpop: { jkt: jwkThumbprint(jwkOf(keys)) },
    },
    client(holder, protocol) {
      const name = `${holder} ${protocol}`
      const create = protocol === 'h1' ? createHttp1 : createHttp2
      const client = clients.get(name) ?? create(target, credentials[holder])
      clients.set(name, client)
      return client
    },
    prove: (method, path, token, nonce, isForeign = false) =>
      proofBy(isForeign ? foreign : keys, method, path, token, nonce),
    lineOf: (id) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => settle(undefined), LINE_MS)
        const settle = (line: AccessLine | undefined) => {
          clearTimeout(timer)
          awaited.delete(id)
          resolve(line)
        }
        awaited.set(id, settle)
      }),
    async close() {
      disconnect()
      await gateway.close()
      await Promise.all([issuer.close(), upstream.close()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function jwkOf({ publicKey }: KeyPair) {
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  return { kty: 'EC', crv: 'P-256', x, y } as const
}

function proofBy(keys: KeyPair, method: string, path: string, token: string, nonce: string) {
  const ath = createHash('sha256').update(token).digest('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const claims = { jti: randomUUID(), htm: method, htu: API + path, iat, ath, nonce }
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: jwkOf(keys) }
  return signCompact(header, claims, 'ES256', keys.privateKey)
}

/** Caches are small, so that they are full most of the time; times are short, so that all of them pass. */
function configurationOf(issuer: SoakIssuer, upstream: SoakUpstream): string {
  const cache = 'max_entries: 100, max_bytes: 128KiB'
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: ${API}
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
  alpn: [h2, http/1.1]
issuers:
  signing:
    issuer: ${issuer.issuer}
    audience: ${API}
    ca: ca.pem
    jwks_uri: ${issuer.origin}/jwks
    jwks: { refresh: 10s, cooldown: 2s }
    cache: { ${cache} }
  opaque:
    issuer: ${issuer.opaqueIssuer}
    audience: ${API}
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${issuer.origin}/introspect
      auth: { method: client_secret_post, client_id: gateway, client_secret: never-asked-for-by-the-stub-issuer }
      cache: { ttl: ${OPAQUE_TTL}s, negative_ttl: 1s, ${cache} }
      timeout: 30s
upstreams:
  api: { url: "${upstream.url}", pool: { keep_alive: 1s }, timeouts: { connect: 30s, response_headers: 60s } }
limits: { requests_per_connection: 200, idle: 60s, request: 2m }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 5s }
defaults: { limits: { body: 16MiB } }
routes:
  - { id: accounts, match: /accounts/**, issuers: [signing], scopes: [accounts], upstream: api }
  - { id: opaque, match: /opaque/**, issuers: [opaque], scopes: [accounts], upstream: api }
  - { id: open, match: /open/**, public: true, upstream: api }
`
}
