/**
 * The gateway, as a user starts it: profile fapi2-security with its defaults, metrics, an access log in a
 * file, identity headers.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import type { Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

export interface GatewayOptions {
  /** The script to run. */
  readonly program: string
  /** For Node itself. */
  readonly nodeOptions?: readonly string[]
  readonly routes: string
  /** Further sections. */
  readonly sections?: string
  readonly issuer?: string
  readonly clientCertificates?: boolean
  /** Port of its public URL, where that is another than it listens on. */
  readonly publicPort?: number
}

export interface GatewaySubject extends Subject {
  /** Of the administration port. */
  readonly admin: string
}

/** A route behind a token. */
export const PROTECTED =
  '  - { id: accounts, match: "GET /accounts/**", scopes: [accounts], upstream: bank }'
export const PUBLIC =
  '  - { id: accounts, match: "GET /accounts/**", public: true, upstream: bank }'

export async function startGateway(rig: Rig, options: GatewayOptions): Promise<GatewaySubject> {
  const { folder } = rig
  const [port, admin] = [await freePort(), await freePort()]
  const name = `gateway-${port}`
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, configurationOf(rig, port, admin, options))
  const { NODE_OPTIONS: _, FAPI_GATEWAY_CONFIG: __, ...env } = process.env
  const node = [process.execPath, ...(options.nodeOptions ?? [])]
  const child = await startChild([...node, options.program, 'serve', '--config', file], {
    folder,
    name,
    cores: rig.cores.measured,
    ports: [port, admin],
    env,
  })
  const url = `http://127.0.0.1:${admin}`
  // Listening is not yet ready: the keys of the issuer have to be there.
  while (!(await fetch(`${url}/readyz`)).ok) await pause(20)
  const refusals = () => refusalsIn(readFileSync(child.log, 'utf8'))
  return { port, pids: [child.pid], admin: url, refusals, close: child.close }
}

/** Reasons of the access log, each with how often it stands there. */
function refusalsIn(log: string): string {
  const reasons = [...log.matchAll(/"reason":"(\w+)"/g)].map(([, reason]) => reason)
  const counted = Map.groupBy(reasons, (reason) => reason)
  return [...counted].map(([reason, all]) => `${reason} ${all.length}`).join(', ')
}

/** What this version has against such a configuration, if anything. */
export function obstacleTo(rig: Rig, options: GatewayOptions): string | undefined {
  const file = join(rig.folder, 'tried.yaml')
  writeFileSync(file, configurationOf(rig, 8443, 9901, options))
  const argv = [options.program, 'validate', file]
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status === 0) return undefined
  return /error\[.*$/m.exec(`${stderr}${stdout}`)?.[0] ?? `validate ended with ${status}`
}

function configurationOf(
  { upstreamPort, issuer }: Rig,
  port: number,
  admin: number,
  options: GatewayOptions,
): string {
  const { routes, sections = '', clientCertificates = false } = options
  const { issuer: tokens = `jwks_uri: ${issuer.issuer}/jwks` } = options
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${port}
  public_url: https://localhost:${options.publicPort ?? port}
  certificate: server.crt
  key: server.key
  ${clientCertificates ? 'client_ca: ca.pem' : ''}
issuers:
  bank:
    issuer: ${issuer.issuer}
    audience: ${issuer.audience}
    ca: ca.pem
    ${tokens}
upstreams:
  bank: { url: "http://127.0.0.1:${upstreamPort}" }
limits: { requests_per_connection: 1000000, connections: 20000, keep_alive: 10m }
admin: { address: "127.0.0.1:${admin}" }
shutdown: { ready_off_for: 0s, drain: 2s }
${sections}
routes:
${routes}
`
}
