/**
 * The real parts around a gateway under test: an authority, an authorization server, a bank that records
 * what reaches it, and the gateway itself, started from a configuration file in a folder of its own.
 *
 * @module
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { TlsClientAuth } from 'oauth4webapi'
import { loadFromDisk } from '../../src/adapter/files.ts'
import { startGateway } from '../../src/adapter/gateway-server.ts'
import type { Running } from '../../src/adapter/running.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts'
import { type Bank, type BankRequest, startBank } from '../../src/demo/bank.ts'
import {
  type Authority,
  type Credential,
  createAuthority,
  subjectDistinguishedName,
} from '../../src/demo/certificates.ts'
import { type Client, type ClientOptions, createClient } from '../../src/demo/client.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

/** What the gateway is called from outside: its tests connect to another address. */
export const HOST = 'api.bank.example'
export const API = `https://${HOST}`

/** Resource identifiers of the authorization server: what kind of token each stands for. */
export const RESOURCES = {
  jwt: API,
  es256: `${API}/es256`,
  opaque: `${API}/opaque`,
  other: 'https://other.example',
} as const

/** Clients, by how their tokens are bound. */
const CLIENTS = {
  mtls: { tls_client_certificate_bound_access_tokens: true },
  dpop: { dpop_bound_access_tokens: true },
  unbound: {},
} as const
export type Binding = keyof typeof CLIENTS

export interface TestGateway {
  readonly port: number
  readonly adminUrl: string
  readonly configuration: Configuration
  readonly running: Running
  /** Every line that was logged, as text. */
  readonly lines: readonly string[]
  /** The access line of an interaction, once it is written. */
  accessLine(interactionId: string): Promise<Record<string, unknown>>
  metrics(): Promise<string>
  close(): Promise<void>
}

export interface Fixture {
  readonly authority: Authority
  readonly server: Credential
  readonly certificates: Readonly<Record<Binding | 'stranger', Credential>>
  readonly as: AuthorizationServer
  readonly bank: Bank
  /** What reached the bank, oldest first. */
  readonly reached: BankRequest[]
  readonly folder: string
  /**
   * Starts a gateway from a file; `$BANK`, `$ISSUER` and `$HOST` in it are replaced.
   *
   * @param now Its clock, in seconds since the epoch, where that is not the machine's.
   */
  gateway(yaml: string, now?: () => number): Promise<TestGateway>
  /** A client that connects to a gateway under test, with the certificate of its kind unless another. */
  client(binding: Binding, gateway: TestGateway, more?: Partial<ClientOptions>): Promise<Client>
  close(): Promise<void>
}

/** The smallest configuration, for {@link Fixture.gateway}. */
export const SMALLEST = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

/** Starts everything but the gateway. Whatever was started by it is stopped by `close`. */
export async function startFixture(
  options: Partial<AuthorizationServerOptions> = {},
): Promise<Fixture> {
  const authority = await createAuthority({ name: 'test CA' })
  const server = await authority.issueServer({ dnsNames: [HOST, 'localhost'] })
  const certificates = {
    mtls: await authority.issueClient({ commonName: 'mtls' }),
    dpop: await authority.issueClient({ commonName: 'dpop' }),
    unbound: await authority.issueClient({ commonName: 'unbound' }),
    stranger: await authority.issueClient({ commonName: 'stranger' }),
  }
  const as = await startAuthorizationServer({
    tls: { certificate: server.certificate, key: server.key, clientCa: authority.certificate },
    resources: {
      [RESOURCES.jwt]: { scopes: ['accounts', 'payments'] },
      [RESOURCES.es256]: { scopes: ['accounts'], audience: API, algorithm: 'ES256' },
      [RESOURCES.opaque]: { scopes: ['accounts', 'payments'], audience: API, format: 'opaque' },
      [RESOURCES.other]: { scopes: ['accounts'] },
    },
    clients: (Object.keys(CLIENTS) as Binding[]).map((id) => ({
      client_id: id,
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: subjectDistinguishedName(certificates[id].certificate),
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      ...CLIENTS[id],
    })),
    ...options,
  })
  const reached: BankRequest[] = []
  const bank = await startBank({ onRequest: (request) => void reached.push(request) })
  const folder = await mkdtemp(join(tmpdir(), 'fapi-gateway-'))
  await writeFile(join(folder, 'ca.pem'), authority.certificate)
  await writeFile(join(folder, 'server.crt'), server.certificate)
  await writeFile(join(folder, 'server.key'), server.key)

  const closing: (() => Promise<unknown>)[] = []
  let files = 0
  return {
    authority,
    server,
    certificates,
    as,
    bank,
    reached,
    folder,
    async gateway(yaml, now) {
      files += 1
      const file = join(folder, `gateway-${files}.yaml`)
      await writeFile(
        file,
        yaml
          .replaceAll('$BANK', bank.url)
          .replaceAll('$ISSUER', as.issuer)
          .replaceAll('$HOST', HOST),
      )
      const gateway = await startFrom(file, now)
      closing.push(gateway.close)
      return gateway
    },
    async client(binding, gateway, more) {
      const client = await createClient({
        issuer: as.issuer,
        clientId: binding,
        authentication: TlsClientAuth(),
        ca: authority.certificate,
        certificate: certificates[binding],
        dpop: binding === 'dpop',
        connectTo: { [HOST]: `127.0.0.1:${gateway.port}` },
        ...more,
      })
      closing.push(() => client.close())
      return client
    },
    async close() {
      for (const close of closing.reverse()) await close()
      await Promise.all([as.close(), bank.close()])
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Without nonces, proofs are good from the first whole second on: before, they may have been used. */
function acceptsByTime({ routes }: Configuration): boolean {
  const freshness = routes.map(({ policies }) => policies['dpop_freshness'])
  return freshness.some(
    (policy) => policy !== undefined && (policy as { nonce: string }).nonce !== 'required',
  )
}

async function startFrom(file: string, now?: () => number): Promise<TestGateway> {
  const { configuration, text } = loadFromDisk(file)
  if (configuration === undefined) throw new Error(text)
  const lines: string[] = []
  const logger = createLogger('debug', { write: (line) => void lines.push(line) })
  const metrics = createMetrics()
  const running = await startGateway(configuration, metrics, logger, now)
  if (acceptsByTime(configuration)) await pause(1005 - ((now?.() ?? Date.now() / 1000) % 1) * 1000)
  let closed = false
  return {
    port: Number(new URL(running.addresses[0] ?? '').port),
    adminUrl: running.adminAddress ?? '',
    configuration,
    running,
    lines,
    metrics: () => metrics.expose(),
    async accessLine(interactionId) {
      for (;;) {
        const line = lines.find((one) => one.includes(`"interaction_id":"${interactionId}"`))
        if (line !== undefined) return JSON.parse(line)
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    },
    async close() {
      if (!closed) await running.close()
      closed = true
    },
  }
}
