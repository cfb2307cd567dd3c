import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { sumOf } from '../support/exposition.ts'
import { type FaultyUpstream, OK, startFaultyUpstream } from '../support/faulty-upstream.ts'
import { type Fixture, HOST, startFixture } from '../support/fixture.ts'
import { type GatewayProcess, readPorts, serve } from '../support/gateway-process.ts'
import { get } from '../support/open-gateway.ts'
import { openSocket } from '../support/raw-socket.ts'
import { probe } from '../support/tls-probe.ts'

let fixture: Fixture
let upstream: FaultyUpstream
let file: string
let running: GatewayProcess & { readonly port: number; readonly admin: string }

beforeAll(async () => {
  upstream = await startFaultyUpstream()
  fixture = await startFixture()
  file = join(fixture.folder, 'reloaded.yaml')
})
beforeEach(async () => {
  upstream.answer = ({ socket }) => void socket.write(OK)
  await writeFile(file, yaml())
  const started = serve(file)
  running = { ...started, ...readPorts(await started.line('"ready: ')) }
})
afterEach(async () => {
  running.child.kill('SIGKILL')
  await running.exit
})
afterAll(async () => {
  await fixture.close()
  await upstream.close()
})

function yaml({ path = '/old', port = 0, certificate = 'server', url = '8KiB', more = '' } = {}) {
  return `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:${port}
  public_url: https://${HOST}
  certificate: ${certificate}.crt
  key: ${certificate}.key
routes:
  - { id: open, match: ${path}, public: true, upstream: "${upstream.url}" }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
limits: { requests_per_connection: 1000000, url: ${url} }
${more}`
}

/** Has the file read again, and waits for the line that says what came of it. */
async function reload(text: string, outcome: string): Promise<Record<string, unknown>> {
  await writeFile(file, text)
  const from = running.lines.length
  running.child.kill('SIGHUP')
  const isNew = () => running.lines.slice(from).find((line) => line.includes(outcome))
  await expect.poll(isNew, { timeout: 20_000 }).toBeDefined()
  return JSON.parse(isNew() ?? '')
}

const RELOADED = 'configuration reloaded'
const REFUSED = 'the configuration was not reloaded'

async function metric(name: string, labels = {}): Promise<number | undefined> {
  return sumOf(await (await fetch(`${running.admin}/metrics`)).text(), name, labels)
}

test('SIGHUP puts new routes in force, on connections that were there before too [O06]', async () => {
  const raw = await openSocket(fixture, running)
  const statusOf = async (path: string) => {
    raw.write(get(path))
    return (await raw.response()).status
  }
  expect([await statusOf('/old'), await statusOf('/new')]).toEqual([200, 404])
  await reload(yaml({ path: '/new' }), RELOADED)
  expect([await statusOf('/old'), await statusOf('/new')]).toEqual([404, 200])
  expect(await metric('fapigw_config_reloads_total', { result: 'ok' })).toBe(1)
  raw.socket.destroy()
})

test('a request that is under way is answered by what it began with', async () => {
  let answer: () => void = () => {}
  upstream.answer = ({ socket }) => {
    answer = () => void socket.write(OK)
  }
  const raw = await openSocket(fixture, running)
  const arrival = upstream.nextRequest()
  raw.write(get('/old'))
  await arrival
  await reload(
    yaml({ path: '/new', more: 'upstreams: { x: { url: "http://127.0.0.1:1" } }' }),
    RELOADED,
  )
  answer()
  expect((await raw.response()).status).toBe(200)
  raw.socket.destroy()
})

test.each<[string, () => string, RegExp]>([
  ['a key that is not known', () => yaml().replace('routes', 'rutes'), /rutes/],
  ['half a file', () => yaml().slice(0, 60), /reloaded\.yaml:\d+:\d+ [a-z-]+: /],
  ['nothing', () => '', /reloaded\.yaml:\d+:\d+ [a-z-]+: /],
  ['tabs', () => yaml().replaceAll('  ', '\t'), / yaml-syntax: tabs/],
  ['a file that is not there', () => yaml({ certificate: 'none' }), /none\.crt/],
  [
    'aliases that multiply',
    () =>
      `${yaml()}a: &a [x, x, x, x, x, x, x, x, x]\n${[...'bcdefghi']
        .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[i]}`).join()}]`)
        .join('\n')}\n`,
    / yaml-syntax: too many values/,
  ],
  ['another address', () => yaml({ port: 1 }), /restart needed/],
  [
    'a listener that asks clients for certificates',
    () => yaml().replace('certificate: server', 'client_ca: ca.pem\n  certificate: server'),
    /asked for certificates changed: restart needed/,
  ],
  ['other limits', () => yaml({ url: '1KiB' }), /limits changed: restart needed/],
])('%s changes nothing, and the log says why [O04]', async (_, text, reason) => {
  const { obstacles } = await reload(text(), REFUSED)
  expect(obstacles).toBeInstanceOf(Array)
  expect(String(obstacles)).toMatch(reason)
  const raw = await openSocket(fixture, running)
  raw.write(get('/old'))
  expect((await raw.response()).status).toBe(200)
  raw.socket.destroy()
  expect(await metric('fapigw_config_reloads_total', { result: 'failed' })).toBe(1)
  expect(await metric('fapigw_config_last_reload_successful')).toBe(0)

  await reload(yaml({ path: '/new' }), RELOADED)
  expect(await metric('fapigw_config_last_reload_successful')).toBe(1)
})

test('a new certificate is shown from the next handshake on; connections stay', async () => {
  const raw = await openSocket(fixture, running)
  const { certificate, key } = await fixture.authority.issueServer({
    dnsNames: ['new.bank.example', HOST],
  })
  await writeFile(join(fixture.folder, 'new.crt'), certificate)
  await writeFile(join(fixture.folder, 'new.key'), key)
  expect(await probe(fixture, running)).toMatchObject({ subject: `CN=${HOST}` })
  await reload(yaml({ certificate: 'new' }), RELOADED)
  for (const servername of [HOST, '']) {
    const checkServerIdentity = () => undefined
    const shown = await probe(fixture, running, { servername, checkServerIdentity })
    expect(shown).toMatchObject({ subject: 'CN=new.bank.example' })
  }
  raw.write(get('/old'))
  expect((await raw.response()).status).toBe(200)
  raw.socket.destroy()
})

test('twenty reloads under load: no request fails [O05]', async () => {
  let stop = false
  const load = Array.from({ length: 4 }, async () => {
    const raw = await openSocket(fixture, running)
    const statuses = new Set<number>()
    while (!stop) {
      raw.write(get('/old'))
      statuses.add((await raw.response()).status)
    }
    raw.socket.destroy()
    return [...statuses]
  })
  for (let i = 0; i < 20; i++) {
    const more = `upstreams: { x: { url: "http://127.0.0.1:${i + 1}" } }`
    await reload(yaml({ more }), RELOADED)
  }
  stop = true
  expect(await Promise.all(load)).toEqual([[200], [200], [200], [200]])
})
