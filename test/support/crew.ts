/**
 * Gateways of several workers, each a process of its own, with an issuer and an upstream that do as they
 * are told.
 *
 * @module
 */

import type { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import { expect } from 'vitest'
import { type ProofOptions, signProof } from '../../src/demo/proof.ts'
import { type Caller, createCaller } from './caller.ts'
import { sumOf } from './exposition.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from './faulty-upstream.ts'
import { API, type Fixture, HOST, startFixture } from './fixture.ts'
import { type GatewayProcess, readPorts, serve } from './gateway-process.ts'
import { createMint, type Mint, namedSigningKeys, type SigningKeys } from './minting.ts'
import { type Stub, startStub } from './stub.ts'

/** A caller whose one connection is with one worker. */
export interface WorkerCaller extends Caller {
  readonly worker: number
}

export interface Crew extends GatewayProcess {
  readonly port: number
  readonly admin: string
  /** The process id of who serves in a place, from 1. */
  pidOf(place: number): number
  /** How often a place was filled by now. */
  filled(place: number): number
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>
  ready(): Promise<{ readonly status: number; readonly lines: readonly string[] }>
  /** Writes another file, has it read, and waits for the line that says what came of it. */
  reload(text: string, outcome: string): Promise<Record<string, unknown>>
  /** Connects until both workers of two have a connection. */
  callers(): Promise<readonly [WorkerCaller, WorkerCaller]>
  /** Which worker wrote the access line of an interaction. */
  workerOf(interactionId: string): Promise<number>
}

export interface CrewWorld {
  readonly fixture: Fixture
  readonly upstream: FaultyUpstream
  /** In the place of the issuer. */
  readonly stub: Stub
  /** What the issuer signs with; and says that it does, unless `published` says otherwise. */
  readonly signing: SigningKeys
  published: SigningKeys
  readonly mint: Mint
  /** How often the issuer was asked for its keys. */
  fetches(): number
  /** The fields of a request by a DPoP client, with a proof of its own. */
  dpopFields(change?: Partial<ProofOptions>, token?: string): Promise<string[]>
  /** The fields of a request with a token that is bound to the certificate `mtls`. */
  mtlsFields(): Promise<string[]>
  /** A configuration. @param more Sections besides. */
  yaml(more?: CrewSettings): string
  start(yaml: string): Promise<Crew>
  /** Starts without waiting for anything. */
  run(yaml: string): Promise<GatewayProcess>
  /** Ends the gateways that were started. */
  stop(): Promise<void>
  close(): Promise<void>
}

export interface CrewSettings {
  readonly workers?: number
  readonly port?: number
  readonly path?: string
  readonly drain?: string
  readonly readyOffFor?: string
  readonly clientCa?: string
  readonly cooldown?: string
  readonly more?: string
}

export async function startCrewWorld(): Promise<CrewWorld> {
  const fixture = await startFixture()
  const upstream = await startFaultyUpstream()
  upstream.answer = ({ socket }) => void socket.write(OK)
  const signing = await namedSigningKeys('one')
  const stub = await startStub(fixture, () => ({ body: publicSet(world.published) }))
  const mint = createMint(signing, stub.origin)
  const keys = (await generateKeyPair('ES256', { extractable: true })) as webcrypto.CryptoKeyPair
  const jkt = await calculateJwkThumbprint(await exportJWK(keys.publicKey))
  const bound = await mint({ cnf: { jkt } })
  const held = await mint({ cnf: { 'x5t#S256': fixture.certificates.mtls.thumbprint } })
  const running: { readonly process: GatewayProcess; readonly callers: Caller[] }[] = []

  const run = async (yaml: string) => {
    const file = join(fixture.folder, `crew-${running.length}.yaml`)
    await writeFile(file, yaml)
    const process = serve(file)
    running.push({ process, callers: [] })
    return process
  }
  const world: CrewWorld = {
    fixture,
    upstream,
    stub,
    signing,
    published: signing,
    mint,
    fetches: () => stub.requests.length,
    async dpopFields(change = {}, token = bound) {
      const url = `${API}/accounts`
      const proof = await signProof(keys, { method: 'GET', url, accessToken: token, ...change })
      return ['Authorization', `DPoP ${token}`, 'DPoP', proof]
    },
    mtlsFields: async () => ['Authorization', `Bearer ${held}`],
    yaml: (settings) => yamlOf(settings, stub.origin, upstream.url),
    run,
    async start(yaml) {
      const process = await run(yaml)
      const { callers } = running.at(-1)!
      const file = join(fixture.folder, `crew-${running.length - 1}.yaml`)
      const ports = readPorts(await process.line('"ready: '))
      // Without nonces, proofs are good from the first whole second on.
      await pause(1005 - (Date.now() % 1000))
      return { ...process, ...ports, ...crewOf(fixture, process, ports, file, callers) }
    },
    async stop() {
      for (const { process, callers } of running) {
        for (const caller of callers.splice(0)) caller.close()
        process.child.kill('SIGCONT')
        if (process.child.exitCode === null) process.child.kill('SIGKILL')
        await process.exit
      }
    },
    async close() {
      await world.stop()
      await fixture.close()
      await Promise.all([stub.close(), upstream.close()])
    },
  }
  return world
}

function crewOf(
  fixture: Fixture,
  { child, lines }: GatewayProcess,
  { port, admin }: { readonly port: number; readonly admin: string },
  file: string,
  callers: Caller[],
): Omit<Crew, keyof GatewayProcess | 'port' | 'admin'> {
  const records = () => lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line))
  const served = (place: number) =>
    records().filter(({ msg, worker }) => msg === 'a worker serves' && worker === place)
  const workerOf = async (interactionId: string): Promise<number> => {
    const find = () => records().find((one) => one.interaction_id === interactionId)
    await expect.poll(find, { timeout: 20_000 }).toBeDefined()
    return find().worker
  }
  return {
    pidOf: (place) => served(place).at(-1).pid,
    filled: (place) => served(place).length,
    workerOf,
    metric: async (name, labels) =>
      sumOf(await (await fetch(`${admin}/metrics`)).text(), name, labels),
    async ready() {
      const answer = await fetch(`${admin}/readyz?verbose`)
      return { status: answer.status, lines: (await answer.text()).trim().split('\n') }
    },
    async reload(text, outcome) {
      await writeFile(file, text)
      const from = lines.length
      child.kill('SIGHUP')
      const said = () => lines.slice(from).find((line) => line.includes(outcome))
      await expect.poll(said, { timeout: 20_000 }).toBeDefined()
      return JSON.parse(said()!)
    },
    async callers() {
      const found = new Map<number, WorkerCaller>()
      while (found.size < 2) {
        const caller = createCaller(fixture, { port }, fixture.certificates.mtls)
        callers.push(caller)
        const answer = await caller.send({ path: '/open' })
        const worker = await workerOf(answer.lines('x-fapi-interaction-id')[0]!)
        if (!found.has(worker)) found.set(worker, { ...caller, worker })
      }
      return [found.get(1)!, found.get(2)!]
    },
  }
}

function yamlOf(settings: CrewSettings = {}, issuer: string, upstream: string): string {
  const { workers = 2, port = 0, path = '/open/**', drain = '20s', readyOffFor = '0s' } = settings
  const {
    clientCa = 'ca.pem',
    cooldown = '30s',
    more = 'dpop: { nonce: { mode: off } }',
  } = settings
  return `version: 1
profile: fapi2-security
workers: ${workers}
listen:
  address: 127.0.0.1:${port}
  public_url: https://${HOST}
  certificate: server.crt
  key: server.key
  client_ca: ${clientCa}
issuers:
  bank:
    issuer: "${issuer}"
    audience: https://${HOST}
    ca: ca.pem
    jwks_uri: "${issuer}/jwks"
    jwks: { cooldown: ${cooldown} }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: "${upstream}" }
  - { id: open, match: ${path}, public: true, upstream: "${upstream}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: ${readyOffFor}, drain: ${drain} }
${more}
`
}

/** What an issuer tells of its keys. */
function publicSet({ keys }: SigningKeys) {
  return {
    keys: keys.map(({ kty, kid, alg, n, e, crv, x, y }) => ({ kty, kid, alg, n, e, crv, x, y })),
  }
}
