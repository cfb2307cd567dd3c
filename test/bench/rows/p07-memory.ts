/**
 * P7: memory: idle, and for each connection, token and proof that is remembered.
 *
 * @module
 */

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { residentMemory } from '../cpu-time.ts'
import { TlsConnection } from '../load/tls-client.ts'
import type { Plan } from '../plan.ts'
import type { Finding, Target } from '../result.ts'
import type { Rig } from '../rig.ts'
import { spreadOf } from '../statistics.ts'
import { PROTECTED, startGateway } from '../subjects/gateway.ts'
import { startNginx } from '../subjects/nginx.ts'
import type { Subject } from '../subjects/subject.ts'
import { certificateBoundTokens, requestWith, targetOf } from './bound-tokens.ts'
import type { SpecialRow } from './row.ts'

/** Handshakes at a time. */
const AT_ONCE = 20

export const memory: SpecialRow = {
  kind: 'special',
  id: 'P7',
  title: 'memory',
  async measure(rig, { program, nodeOptions = [] }, plan, say) {
    const size = sizesOf(plan)
    const findings: Finding[] = []
    const found = (what: string, value: number, unit: string, atMost?: number) => {
      const target: Target | undefined =
        atMost === undefined ? undefined : { kind: 'at most', value: atMost }
      findings.push({ what, value: spreadOf([value]), unit, target })
      say(`  ${what}: ${value.toFixed(2)} ${unit}`)
    }

    const gateway = await startGateway(rig, {
      program: program(rig),
      nodeOptions,
      routes: PROTECTED,
      clientCertificates: true,
    })
    try {
      await pause(size.rest)
      found('idle, resident', residentMemory(gateway.pids) / 1e6, 'MB', 110)
      const each = await costOfConnections(rig, gateway, size)
      found(`each of ${size.connections} idle mTLS connections, resident`, each / 1000, 'KB', 90)
    } finally {
      await gateway.close()
    }
    const nginx = await startNginx(rig, { clientCertificates: true })
    try {
      const each = await costOfConnections(rig, nginx, size)
      found('the same of nginx', each / 1000, 'KB')
    } finally {
      await nginx.close()
    }
    const token = await costInStore('tokens', size.tokens, configurationFile(rig))
    found(`each of ${size.tokens} cached tokens, in use`, token / 1000, 'KB', 1.2)
    const jti = await costInStore('jtis', size.jtis, '')
    found(`each of ${size.jtis} live jtis, in use`, jti, 'B', 160)
    const notes = [
      'Resident memory is that of the running gateway, with whatever it has not yet given back. Tokens and jtis were put into the stores themselves, in a process of their own, and counted after a collection of garbage.',
    ]
    return { measured: [], findings, notes }
  },
}

/** How many of each; and milliseconds in which a process becomes as small as it will by itself. */
function sizesOf({ quick }: Plan) {
  return quick
    ? { connections: 1000, tokens: 20_000, jtis: 200_000, rest: 2000 }
    : { connections: 10_000, tokens: 100_000, jtis: 1_000_000, rest: 5000 }
}

/** Bytes of resident memory for each of some connections that have asked once and stay open. */
async function costOfConnections(
  rig: Rig,
  { port, pids }: Subject,
  { connections: count, rest }: ReturnType<typeof sizesOf>,
): Promise<number> {
  const [token = ''] = certificateBoundTokens(rig, 1)
  const request = requestWith(port, token)
  const open: TlsConnection[] = []
  const openOne = async () => {
    const connection = await TlsConnection.open(targetOf(rig, port))
    open.push(connection)
    await connection.ask(request)
  }
  // The first ones bring in code and buffers that belong to no connection.
  for (let i = 0; i < AT_ONCE; i++) await openOne()
  await pause(rest)
  const [before, first] = [residentMemory(pids), open.length]
  const lane = async () => {
    while (open.length <= count - AT_ONCE) await openOne()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  await pause(rest)
  const cost = (residentMemory(pids) - before) / (open.length - first)
  for (const connection of open) connection.close()
  return cost
}

async function costInStore(kind: 'tokens' | 'jtis', count: number, file: string): Promise<number> {
  const script = join(import.meta.dirname, '../memory-cost.ts')
  const argv = ['--expose-gc', script, kind, `${count}`, file]
  const { stdout } = await promisify(execFile)(process.execPath, argv)
  return Number(stdout)
}

/** A configuration whose cache holds as many tokens as are put in. */
function configurationFile({ folder, issuer }: Rig): string {
  const file = join(folder, 'memory.yaml')
  writeFileSync(
    file,
    `version: 1
profile: fapi2-security
listen: { address: "127.0.0.1:0", public_url: "https://localhost", certificate: server.crt, key: server.key }
issuers:
  bank:
    issuer: ${issuer.issuer}
    audience: ${issuer.audience}
    cache: { max_entries: 1000000, max_bytes: 4GiB }
routes: [{ id: accounts, match: /accounts, upstream: "http://127.0.0.1:9" }]
`,
  )
  return file
}
