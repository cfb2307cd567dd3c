/**
 * What strangers write, where the gateway writes too: in its log, in its metrics, in the bodies and
 * challenges of its refusals. And names that strangers choose so that they collide.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Caller, createCaller } from '../support/caller.ts'
import { type Fixture, SMALLEST, startFixture, type TestGateway } from '../support/fixture.ts'
import { createMint, type Mint, namedSigningKeys } from '../support/minting.ts'
import { get } from '../support/open-gateway.ts'
import { sendRaw } from '../support/raw-socket.ts'

/** Whatever ends a line, a string or a command somewhere. */
const HOSTILE = [
  'a\r\n{"level":"fatal","msg":"planted"}',
  'a\nplanted',
  '"}\n{"planted":true}',
  '\x1b[2J\x1b[31mplanted',
  '\u2028planted\u2029',
  '${jndi:ldap://planted}',
  "'; DROP TABLE planted; --",
  'planted", error="none", x="',
  '%s%n%x planted',
  '\u0000planted',
  '<script>planted</script>',
]

let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let mint: Mint

beforeAll(async () => {
  const keys = await namedSigningKeys('one')
  fixture = await startFixture({ jwks: keys })
  gateway = await fixture.gateway(SMALLEST)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  mint = createMint(keys, fixture.as.issuer)
})
afterAll(async () => {
  caller.close()
  await fixture.close()
})

const cnf = () => ({ 'x5t#S256': fixture.certificates.mtls.thumbprint })
const bearer = (token: string) => ['Authorization', `Bearer ${token}`]

/** What a field may carry of it. */
const asField = (text: string) => encodeURIComponent(text)

async function sendEverywhere(text: string): Promise<string[]> {
  const bodies: string[] = []
  const note = async (answer: Promise<{ body: string; status: number }>) => {
    const { body, status } = await answer
    if (status >= 400 && status !== 404) bodies.push(body)
  }
  const good = await mint({ cnf: cnf(), client_id: text, sub: text, jti: text, scope: 'accounts' })
  await note(caller.send({ fields: bearer(good) }))
  await note(caller.send({ fields: bearer(await mint({ cnf: cnf(), iss: text })) }))
  await note(caller.send({ fields: bearer(await mint({ cnf: cnf() }, { kid: text })) }))
  await note(caller.send({ fields: bearer(await mint({ cnf: { [text]: 'x' } })) }))
  await note(caller.send({ fields: ['Authorization', `${asField(text)} x`] }))
  await note(
    caller.send({ fields: ['User-Agent', asField(text), 'x-fapi-interaction-id', asField(text)] }),
  )
  await note(caller.send({ path: `/accounts/${asField(text)}?${asField(text)}`, fields: [] }))
  await note(
    caller.send({ method: 'OPTIONS', path: `/accounts`, fields: ['Origin', asField(text)] }),
  )
  // The bytes themselves: a client in between would refuse to send them.
  for (const line of [`X: ${text}`, `User-Agent: ${text}`, `Authorization: Bearer ${text}`]) {
    const answers = await sendRaw(
      fixture,
      gateway,
      get('/accounts', [line.replace(/\u2028|\u2029/g, ' '), 'Connection: close']),
    )
    for (const answer of answers) bodies.push(String(answer.body))
  }
  return bodies
}

describe('CVE-2026-4249: what a stranger writes ends nothing that the gateway writes', () => {
  test.each(HOSTILE)(
    '%j: a line of the log is one object, and a body is one of three members [O20, O21, PF-44]',
    async (text) => {
      const before = gateway.lines.length
      const bodies = await sendEverywhere(text)
      expect(bodies.length).toBeGreaterThan(5)
      for (const body of bodies) {
        const { error, error_description, interaction_id, ...others } = JSON.parse(body)
        expect(others).toEqual({})
        expect(interaction_id).toEqual(expect.any(String))
        expect(`${error} ${error_description}`).toMatch(/^[\w ,.]+$/)
        expect(body).not.toContain('planted')
      }
      const lines = gateway.lines.slice(before)
      expect(lines.length).toBeGreaterThanOrEqual(8)
      for (const line of lines) {
        expect(line.trimEnd()).not.toMatch(/[\x00-\x1f\x7f]/)
        expect(JSON.parse(line)).not.toHaveProperty('planted')
        expect(JSON.parse(line)['level']).not.toBe('fatal')
      }
      expect(await gateway.metrics()).not.toContain('planted')
    },
  )

  test.each(HOSTILE)('RFC 6750 §3: %j does not come back in a challenge [H40]', async (text) => {
    for (const token of [await mint({ cnf: cnf(), iss: text }), asField(text)]) {
      const answer = await caller.send({ fields: bearer(token) })
      const said = answer.lines('www-authenticate').join()
      expect(answer.status).toBeGreaterThanOrEqual(400)
      expect(said).toMatch(/^[\x20-\x7e]*$/)
      expect(said).not.toContain('planted')
    }
  })
})

describe('CVE-2025-27209, CVE-2026-21717: names that collide are few [O15]', () => {
  const names = Array.from({ length: 10_000 }, (_, i) => String(i * 65_536))

  test('in a head: a hundred lines are read', async () => {
    const head = get(
      '/accounts',
      names.slice(0, 1000).map((name) => `${name}: a`),
    )
    expect((await sendRaw(fixture, gateway, head)).map(({ status }) => status)).toEqual([431])
  })

  test('in a query: 8 KiB are', async () => {
    const answers = await sendRaw(fixture, gateway, get(`/accounts?${names.join('&')}`))
    expect(
      answers.map(({ status }) => status).every((status) => status === 414 || status === 431),
    ).toBe(true)
  })

  test('in a token: 8 KiB are', async () => {
    const claims = Object.fromEntries(names.map((name) => [name, 1]))
    const head = get('/accounts', [
      `Authorization: Bearer ${await mint(claims)}`,
      'Connection: close',
    ])
    expect((await sendRaw(fixture, gateway, head)).map(({ status }) => status)).toEqual([431])
    const shorter = Object.fromEntries(names.slice(0, 900).map((name) => [name, 1]))
    const answer = await caller.send({ fields: bearer(await mint(shorter)) })
    expect(JSON.parse(answer.body)).toMatchObject({ error_description: 'token_too_long' })
  })
})
