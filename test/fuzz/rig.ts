/**
 * What is fuzzed, and what watches it: the gateway as a process of its own, between an authorization
 * server and a recording upstream, with nginx and HAProxy beside it where they are installed.
 *
 * Every request comes from a loopback address of its own, which nothing in its bytes can change: by it the
 * gateway's log and what the upstream was told are traced to the request. Only Linux has them all.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import type { TcpSocketConnectOpts } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { connect, type TLSSocket } from 'node:tls'
import { API, type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { readPorts } from '../support/gateway-process.ts'
import { BRIEF, type Holding, openWallet, type Wallet } from './credential.ts'
import { type Peer, startPeers } from './peers.ts'
import { startRecorder } from './recorder.ts'
import { type StrictRequest, valuesOf } from './strict-reader.ts'
import type { AccessLine, Fault } from './verdict.ts'

const BIN = join(import.meta.dirname, '../../src/bin.mjs')

/** What became of one request. It is written to until it is dropped. */
export interface Trace {
  readonly number: number
  readonly address: string
  readonly upstream: StrictRequest[]
  readonly access: AccessLine[]
}

export interface Rig {
  readonly wallet: Wallet
  readonly peers: readonly Peer[]
  /** What is wrong and traced to no request. */
  readonly stray: readonly Fault[]
  /** Undefined while the gateway runs: then how it ended. */
  ending(): string | undefined
  /** Ends the gateway, and nothing else. */
  end(): Promise<void>
  begin(): Trace
  drop(trace: Trace): void
  connect(holding: Holding, trace: Trace): TLSSocket
  close(): Promise<void>
}

/** Routes for whom tokens with the scope `accounts` are good, whatever the path. */
export const ROUTES = `
  - { id: accounts, match: /accounts/**, scopes: [accounts], upstream: recorder }
  - { id: rest, match: /**, scopes: [accounts], upstream: recorder }
`

/** @param routes Of its configuration. */
export async function startRig(routes: string = ROUTES): Promise<Rig> {
  const closing: Closing = []
  const close = async () => {
    for (const one of closing.reverse()) await one()
  }
  try {
    return { ...(await assemble(routes, closing)), close }
  } catch (error) {
    await close()
    throw error
  }
}

/** What ends the parts, in the order they were started. */
type Closing = (() => Promise<unknown>)[]

async function assemble(routes: string, closing: Closing): Promise<Omit<Rig, 'close'>> {
  const traces = new Map<string, Trace>()
  const stray: Fault[] = []
  let begun = 0

  const recorder = await startRecorder(
    (request) => {
      const trace = traces.get(valuesOf(request, 'x-forwarded-for').join())
      if (trace !== undefined) trace.upstream.push(request)
      else stray.push({ rule: 'forwarded_for_nobody', detail: JSON.stringify(request) })
    },
    (bytes) => stray.push({ rule: 'forwarded_malformed', detail: JSON.stringify(bytes) }),
  )
  closing.push(recorder.close)
  const behindPeers = await startRecorder(
    () => {},
    () => {},
  )
  closing.push(behindPeers.close)
  const fixture = await startFixture({
    resources: {
      [API]: { algorithm: 'ES256' },
      [BRIEF]: { audience: API, algorithm: 'ES256', ttl: 1 },
    },
  })
  closing.push(fixture.close)
  const file = join(fixture.folder, 'fuzzed.yaml')
  await writeFile(file, configurationOf(fixture, recorder.url, routes))
  const gateway = await startGateway(file, (line) => {
    const { level, msg, remote } = line
    if (msg === 'access') traces.get(String(remote))?.access.push(line as unknown as AccessLine)
    else if (level === 'error' || level === 'fatal') {
      stray.push({ rule: 'server_error', detail: JSON.stringify(line) })
    }
  })
  closing.push(gateway.close)
  const wallet = await openWallet(fixture, gateway)
  closing.push(wallet.close)
  const peers = await startPeers(fixture.folder, behindPeers.port)
  closing.push(...peers.map((peer) => peer.close))
  const sessions = new Map<string, Buffer>()

  return {
    wallet,
    peers,
    stray,
    ending: gateway.ending,
    end: gateway.close,
    begin() {
      const number = begun++
      const address = `127.${1 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`
      const trace: Trace = { number, address, upstream: [], access: [] }
      traces.set(address, trace)
      return trace
    },
    drop: ({ address }) => void traces.delete(address),
    connect({ certificate }, { address }) {
      const key = certificate?.thumbprint ?? ''
      const session = sessions.get(key)
      const to: TcpSocketConnectOpts = {
        host: '127.0.0.1',
        port: gateway.port,
        localAddress: address,
      }
      const socket = connect({
        ...to,
        servername: HOST,
        ca: fixture.authority.certificate,
        ...(certificate && { cert: certificate.certificate, key: certificate.key }),
        ...(session && { session }),
      })
      socket.setNoDelay()
      socket.on('session', (next) => void sessions.set(key, next))
      return socket
    },
  }
}

function configurationOf({ as }: Fixture, upstream: string, routes: string): string {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: ${API}
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: "${as.issuer}", audience: "${API}", ca: ca.pem, clock_skew: 0s }
upstreams:
  recorder: { url: "${upstream}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 1s }
routes:
${routes}`
}

/** Runs `serve`. What it says on its standard error output goes to ours. */
async function startGateway(file: string, onLine: (line: Record<string, unknown>) => void) {
  const { FAPI_GATEWAY_CONFIG: _, NODE_OPTIONS: __, ...env } = process.env
  const child = spawn(process.execPath, [BIN, 'serve', '--config', file], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let ending: string | undefined
  const gone = once(child, 'close').then(([code, signal]) => {
    ending = String(code ?? signal)
  })
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line.includes('"ready: ')) resolve(line)
      onLine(JSON.parse(line))
    })
  })
  const line = await Promise.race([ready, gone])
  if (line === undefined) throw new Error(`the gateway did not start: ${ending}`)
  return {
    port: readPorts(line).port,
    ending: () => ending,
    async close() {
      if (ending === undefined) child.kill()
      await gone
    },
  }
}
