/**
 * Everything the demo runs, on loopback: certificates made just now, an authorization server, a bank's
 * API, and the gateway between them, configured by a file as any other gateway is.
 *
 * @module
 */

import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { TlsClientAuth } from 'oauth4webapi'
import { loadFromDisk } from '../adapter/files.ts'
import { startGateway } from '../adapter/gateway-server.ts'
import type { Running } from '../adapter/running.ts'
import { createLogger } from '../telemetry/log.ts'
import { createMetrics } from '../telemetry/metrics.ts'
import { type AuthorizationServer, startAuthorizationServer } from './authorization-server.ts'
import { type Bank, startBank } from './bank.ts'
import {
  type Authority,
  type Credential,
  createAuthority,
  subjectDistinguishedName,
} from './certificates.ts'
import { type Client, createClient } from './client.ts'
import { LOOPBACK } from './loopback.ts'

/** Resource identifiers: what the gateway's API is called, with tokens that last and that do not. */
export interface Resources {
  readonly lasting: string
  readonly brief: string
}

export interface World {
  readonly folder: string
  readonly apiUrl: string
  readonly adminUrl: string
  readonly bankUrl: string
  readonly issuer: string
  readonly resources: Resources
  /** Holds certificate-bound tokens. */
  readonly tpp1: Client
  /** Holds DPoP-bound tokens, and another certificate. */
  readonly tpp2: Client
  /** The reason that the gateway wrote into its log for an interaction. */
  reasonOf(interactionId: string): string | undefined
  close(): Promise<void>
}

/** Starts it all. Writes certificates, keys and the configuration into `folder`, and nowhere else. */
export async function startWorld(folder: string): Promise<World> {
  const authority = await createAuthority({ name: 'fapi-gateway demo CA' })
  const server = await authority.issueServer({ dnsNames: ['localhost'], addresses: [LOOPBACK] })
  const certificates = {
    'tpp-1': await authority.issueClient({ commonName: 'tpp-1', organization: 'First TPP' }),
    'tpp-2': await authority.issueClient({ commonName: 'tpp-2', organization: 'Second TPP' }),
  }
  await writeCertificates(folder, authority, { server, ...certificates })

  const apiPort = await freePort(8443)
  const apiUrl = `https://localhost:${apiPort}`
  const resources = { lasting: apiUrl, brief: `${apiUrl}/brief` }
  const as = await startIssuer(authority, server, certificates, resources)
  const bank = await startBank({ port: await freePort(9080) })
  const file = join(folder, 'gateway.yaml')
  await writeFile(file, configurationText(apiPort, await freePort(9901), as, bank))
  const { gateway, reasonOf } = await startGatewayOf(file)

  const common = { issuer: as.issuer, ca: authority.certificate, authentication: TlsClientAuth() }
  const tpp1 = await createClient({
    ...common,
    clientId: 'tpp-1',
    certificate: certificates['tpp-1'],
  })
  const tpp2 = await createClient({
    ...common,
    clientId: 'tpp-2',
    certificate: certificates['tpp-2'],
    dpop: true,
  })
  return {
    folder,
    apiUrl,
    adminUrl: gateway.adminAddress ?? '',
    bankUrl: bank.url,
    issuer: as.issuer,
    resources,
    tpp1,
    tpp2,
    reasonOf,
    async close() {
      await Promise.all([tpp1.close(), tpp2.close()])
      await gateway.close()
      await Promise.all([as.close(), bank.close()])
    },
  }
}

async function writeCertificates(
  folder: string,
  authority: Authority,
  credentials: Readonly<Record<string, Credential>>,
): Promise<void> {
  const certs = join(folder, 'certs')
  await mkdir(certs, { recursive: true, mode: 0o700 })
  await writeFile(join(certs, 'ca.pem'), authority.certificate)
  for (const [name, { certificate, key }] of Object.entries(credentials)) {
    await writeFile(join(certs, `${name}.pem`), certificate)
    await writeFile(join(certs, `${name}.key`), key, { mode: 0o600 })
  }
}

async function startIssuer(
  authority: Authority,
  server: Credential,
  certificates: Readonly<Record<string, Credential>>,
  resources: Resources,
): Promise<AuthorizationServer> {
  const scopes = ['accounts', 'payments']
  const client = (id: string, binding: object) => ({
    client_id: id,
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: subjectDistinguishedName(certificates[id]!.certificate),
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    ...binding,
  })
  return startAuthorizationServer({
    port: await freePort(9443),
    tls: { certificate: server.certificate, key: server.key, clientCa: authority.certificate },
    resources: {
      [resources.lasting]: { scopes },
      [resources.brief]: { scopes, audience: resources.lasting, ttl: 1 },
    },
    clients: [
      client('tpp-1', { tls_client_certificate_bound_access_tokens: true }),
      client('tpp-2', { dpop_bound_access_tokens: true }),
    ],
  })
}

/** The configuration: the smallest one, and a second route. */
function configurationText(
  apiPort: number,
  adminPort: number,
  as: AuthorizationServer,
  bank: Bank,
): string {
  return `version: 1
profile: fapi2-security
listen:
  address: ${LOOPBACK}:${apiPort}
  public_url: https://localhost:${apiPort}
  certificate: certs/server.pem
  key: certs/server.key
  client_ca: certs/ca.pem
issuers:
  bank:
    issuer: ${as.issuer}
    audience: https://localhost:${apiPort}
    ca: certs/ca.pem
    clock_skew: 0s            # so that the demo need not wait for a token to end
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: ${bank.url} }
  - { id: payments, match: "GET,POST /payments/**", scopes: [payments], upstream: ${bank.url} }
admin: { address: ${LOOPBACK}:${adminPort} }
shutdown: { ready_off_for: 0s, drain: 1s }
`
}

async function startGatewayOf(file: string): Promise<{
  gateway: Running
  reasonOf: World['reasonOf']
}> {
  const { configuration, text } = loadFromDisk(file)
  if (configuration === undefined) throw new Error(text)
  const reasons = new Map<string, string>()
  const logger = createLogger('info', {
    write(line: string) {
      const { interaction_id: id, reason = '' } = JSON.parse(line)
      if (typeof id === 'string') reasons.set(id, reason)
    },
  })
  const gateway = await startGateway(configuration, createMetrics(), logger)
  return { gateway, reasonOf: (id) => reasons.get(id) }
}

/** The port wanted, or any free one where it is taken. */
function freePort(wanted: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' && wanted !== 0) freePort(0).then(resolve, reject)
      else reject(error)
    })
    probe.listen(wanted, LOOPBACK, () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}
