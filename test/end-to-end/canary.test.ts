import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller, type RawAnswer } from '../support/caller.ts'
import {
  API,
  type Binding,
  type Fixture,
  HOST,
  RESOURCES,
  startFixture,
  type TestGateway,
} from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { sendRaw } from '../support/raw-socket.ts'
import { type Stub, startStub } from '../support/stub.ts'

const yaml = (stub: string, broken: string, silent: string) => `version: 1
profile: custom
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  bank: { issuer: $ISSUER, audience: https://$HOST, ca: ca.pem }
  stub:
    issuer: ${stub}
    audience: https://$HOST
    ca: ca.pem
    tokens: introspection
    introspection:
      endpoint: ${stub}/introspect
      auth: { method: client_secret_post, client_id: gateway, client_secret: "\${env:CANARY}" }
  away: { issuer: "https://localhost:1", audience: https://$HOST, ca: ca.pem }
dpop: { nonce: { mode: off } }
defaults: { scopes: [accounts] }
upstreams:
  core: { url: $BANK }
  slow: { url: "${silent}", timeouts: { response_headers: 100ms } }
  broken: { url: "${broken}" }
  closed: { url: "http://127.0.0.1:1" }
routes:
  - { id: accounts, match: GET /accounts/**, issuers: [bank], upstream: core }
  - { id: payments, match: POST /payments/**, issuers: [bank], upstream: core }
  - { id: opaque, match: GET /opaque/**, issuers: [stub], upstream: core }
  - { id: away, match: GET /away/**, issuers: [away], upstream: core }
  - { id: slow, match: GET /slow/**, issuers: [bank], upstream: slow }
  - { id: broken, match: GET /broken/**, issuers: [bank], upstream: broken }
  - { id: closed, match: GET /closed/**, issuers: [bank], upstream: closed }
  - { id: strict, match: GET /strict/**, dpop_freshness: { nonce: required }, issuers: [bank], upstream: core }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

let fixture: Fixture
let gateway: TestGateway
let stub: Stub
const servers: Server[] = []
let mint: Mint
let dpop: Client
const callers = {} as Record<Binding, Caller>

/** Everything secret that was sent, and everything that came back or was written down. */
const secrets: string[] = []
const tokens: string[] = []
const answers: RawAnswer[] = []

/** A word that is nowhere else. */
function secret(): string {
  const word = `canary${randomBytes(8).toString('hex')}`
  secrets.push(word)
  return word
}

function asToken(token: string): string {
  tokens.push(token)
  return token
}

beforeAll(async () => {
  const signing = await namedSigningKeys('bank')
  fixture = await startFixture({ jwks: signing })
  stub = await startStub(fixture, ({ body }) => ({ status: 500, type: 'text/html', body }))
  // One sends back what it was sent, one never says a word.
  const broken = await listenTo((socket) => socket.once('data', (data) => socket.end(data)))
  const silent = await listenTo((socket) => socket.resume())
  process.env['CANARY'] = secret()
  gateway = await fixture.gateway(yaml(stub.origin, broken, silent))
  const cnf = { 'x5t#S256': fixture.certificates.mtls.thumbprint }
  const honest = createMint(signing, fixture.as.issuer)
  mint = async (claims, header) =>
    asToken(await honest({ cnf, secret: secret(), ...claims }, header))
  for (const binding of ['mtls', 'dpop', 'unbound'] as const) {
    callers[binding] = createCaller(fixture, gateway, fixture.certificates[binding])
  }
  dpop = await fixture.client('dpop', gateway)
})

afterAll(async () => {
  for (const caller of Object.values(callers)) caller.close()
  await fixture.close()
  await stub.close()
  for (const server of servers) server.close()
})

async function listenTo(greet: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => greet(socket.on('error', () => {})))
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const below = (path: string) => `${path}/${secret()}`

/** Sends a request that has a secret wherever there is room for one. */
async function send(
  authorization: string[],
  { path = below('/accounts'), method = 'GET', by = 'mtls' as Binding, form = false } = {},
): Promise<number> {
  const fields = [
    ...authorization,
    ...['Cookie', `session=${secret()}`, 'X-Custom', secret(), `X-${secret()}`, '1'],
    ...['User-Agent', secret(), 'Referer', `https://${secret()}.example/`],
    ...['X-Forwarded-For', secret(), 'x-fapi-customer-ip-address', secret()],
    ...['x-fapi-interaction-id', secret(), 'X-Client-Id', secret(), 'Via', `1.1 ${secret()}`],
    ...(form ? ['Content-Type', 'application/x-www-form-urlencoded'] : []),
  ]
  const content = form ? `access_token=${secret()}` : JSON.stringify({ amount: 1, x: secret() })
  const answer = await callers[by].send({
    method,
    path: `${path}${path.includes('?') ? '' : '?'}q=${secret()}`,
    fields,
    ...(method === 'POST' ? { body: content } : {}),
  })
  answers.push(answer)
  return answer.status
}

const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

/** @param change Claims of the proof. */
async function sendProven(base: string, change: object = {}, times = 1): Promise<number> {
  const { accessToken } = await dpop.token({ scope: 'accounts', resource: RESOURCES.jwt })
  const path = below(base)
  const claims = { jti: secret(), ...change }
  const proof = await dpop.makeProof({ method: 'GET', url: API + path, accessToken, claims })
  const fields = ['Authorization', `DPoP ${asToken(accessToken)}`, 'DPoP', asToken(proof)]
  for (let i = 1; i < times; i++) await send(fields, { path })
  return send(fields, { path })
}

/** One of each kind, with the status that shows it is of that kind. */
const REQUESTS: readonly [string, number, () => Promise<number>][] = [
  ['served', 404, async () => send(bearer(await mint()))],
  ['served, by DPoP', 404, () => sendProven('/accounts')],
  [
    'content',
    404,
    async () => send(bearer(await mint()), { path: below('/payments'), method: 'POST' }),
  ],
  ['no credentials', 401, () => send([])],
  ['another scheme', 401, () => send(['Authorization', `Basic ${secret()}`])],
  ['credentials that are malformed', 400, () => send(bearer(`${secret()} ${secret()}`))],
  ['two credentials', 400, async () => send([...bearer(secret()), ...bearer(secret())])],
  ['an opaque token that nobody can read', 401, () => send(bearer(secret()))],
  ['a token that is expired', 401, async () => send(bearer(await mint({ exp: 1 })))],
  ['a token of another issuer', 401, async () => send(bearer(await mint({ iss: secret() })))],
  ['a token for another audience', 401, async () => send(bearer(await mint({ aud: secret() })))],
  ['a token by an unknown key', 401, async () => send(bearer(await mint({}, { kid: secret() })))],
  [
    'a token with an odd binding',
    401,
    async () => send(bearer(await mint({ cnf: { [secret()]: 1 } }))),
  ],
  ['a token for another scope', 403, async () => send(bearer(await mint({ scope: secret() })))],
  ['a token of another certificate', 401, async () => send(bearer(await mint()), { by: 'dpop' })],
  ['a token in the query', 400, () => send([], { path: `/accounts?access_token=${secret()}&` })],
  [
    'a token in a form',
    400,
    () => send([], { path: below('/payments'), method: 'POST', form: true }),
  ],
  ['no route', 404, async () => send(bearer(await mint()), { path: below('/nowhere') })],
  ['another method', 405, async () => send(bearer(await mint()), { method: 'DELETE' })],
  [
    'a path that is ambiguous',
    400,
    async () => send(bearer(await mint()), { path: below('/accounts/..') }),
  ],
  ['a host that is not served', 421, () => send(['Host', `${secret()}.example`])],
  ['another expectation', 417, () => send(['Expect', secret()])],
  ['a DPoP token without proof', 401, () => send(['Authorization', `DPoP ${secret()}`])],
  [
    'a proof that is none',
    401,
    () => send(['Authorization', `DPoP ${secret()}`, 'DPoP', secret()]),
  ],
  ['a proof for elsewhere', 401, () => sendProven('/accounts', { htu: `${API}/${secret()}` })],
  ['a proof of another method', 401, () => sendProven('/accounts', { htm: secret() })],
  ['a proof of another token', 401, () => sendProven('/accounts', { ath: secret() })],
  ['a proof used twice', 401, () => sendProven('/accounts', {}, 2)],
  ['a proof without a nonce', 401, () => sendProven('/strict')],
  ['a proof with an old nonce', 401, () => sendProven('/strict', { nonce: secret() })],
  [
    'a token that cannot be introspected',
    503,
    () => send(bearer(secret()), { path: below('/opaque') }),
  ],
  [
    'a token whose issuer is away',
    503,
    async () => send(bearer(await mint({ iss: 'https://localhost:1' })), { path: below('/away') }),
  ],
  [
    'an upstream that is too slow',
    504,
    async () => send(bearer(await mint()), { path: below('/slow') }),
  ],
  [
    'an upstream that answers nonsense',
    502,
    async () => send(bearer(await mint()), { path: below('/broken') }),
  ],
  [
    'an upstream that is not there',
    503,
    async () => send(bearer(await mint()), { path: below('/closed') }),
  ],
]

/** Bytes that are no request. */
const MALFORMED: readonly [string, () => string][] = [
  ['a field without a colon', () => `GET /${secret()} HTTP/1.1\r\nHost: a\r\n${secret()}\r\n\r\n`],
  ['a method that is none', () => `${secret()} / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`],
  ['too long a head', () => `GET / HTTP/1.1\r\nHost: a\r\na: ${secret().repeat(1000)}\r\n\r\n`],
  ['no HTTP', () => `${secret()}\r\n\r\n`],
]

test('nothing that is secret is answered, logged or counted [OPS-1, F1B-SEC-3, BT-5, O19, HOLE-1]', async () => {
  for (const [title, status, make] of REQUESTS) {
    expect([title, await make()]).toEqual([title, status])
  }
  let requests = answers.length
  const raw: string[] = []
  for (const [title, make] of MALFORMED) {
    const replies = await sendRaw(fixture, gateway, make())
    expect([title, replies.map(({ status }) => status)]).toEqual([title, [expect.any(Number)]])
    raw.push(...replies.map(({ startLine, fields, body }) => `${startLine} ${fields} ${body}`))
    requests += 1
  }
  const accessLines = () => gateway.lines.filter((line) => line.includes('"msg":"access"'))
  await expect.poll(() => accessLines().length).toBe(requests)
  const admin = await fetch(`${gateway.adminUrl}/readyz?verbose&${secret()}`)

  const said = [
    ...gateway.lines,
    await gateway.metrics(),
    ...answers.flatMap(({ body, rawHeaders }) => [body, ...rawHeaders]),
    ...raw,
    await admin.text(),
  ]
    .join('\n')
    .toLowerCase()
  expect(secrets.length).toBeGreaterThan(300)
  expect(secrets.filter((word) => said.includes(word))).toEqual([])
  expect(tokens.length).toBeGreaterThan(20)
  expect(tokens.flatMap((token) => pieces(token)).filter((piece) => said.includes(piece))).toEqual(
    [],
  )
})

/** Every 20 characters that follow each other. */
function pieces(token: string): string[] {
  const text = token.toLowerCase()
  return Array.from({ length: Math.max(1, text.length - 19) }, (_, i) => text.slice(i, i + 20))
}
