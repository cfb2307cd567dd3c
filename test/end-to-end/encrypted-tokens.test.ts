import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CompactEncrypt } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../src/demo/client.ts'
import { type Caller, createCaller } from '../support/caller.ts'
import { API, type Fixture, startFixture, type TestGateway } from '../support/fixture.ts'
import { expectRefusal, refusedToken, TOKEN_NOT_ACCEPTED } from '../support/refusal.ts'

const RSA = 'https://api.bank.example/rsa'
const EC = 'https://api.bank.example/ec'
const PLAIN = 'https://api.bank.example/plain'

const YAML = `version: 1
profile: fapi2-security
listen:
  address: 127.0.0.1:0
  public_url: https://$HOST
  certificate: server.crt
  key: server.key
  client_ca: ca.pem
issuers:
  as:
    issuer: $ISSUER
    audience: https://$HOST
    ca: ca.pem
    encryption: { keys: [rsa.pem, ec.jwk], algorithms: [RSA-OAEP-256, ECDH-ES+A256KW] }
routes:
  - { id: accounts, match: GET /accounts/**, scopes: [accounts], upstream: $BANK }
admin: { address: 127.0.0.1:0 }
shutdown: { ready_off_for: 0s, drain: 2s }
`

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey
let fixture: Fixture
let gateway: TestGateway
let caller: Caller
let client: Client

beforeAll(async () => {
  const resource = { scopes: ['accounts'], audience: API }
  const enc = 'A256GCM'
  fixture = await startFixture({
    resources: {
      [RSA]: { ...resource, encrypt: { alg: 'RSA-OAEP-256', enc, key: rsa.publicKey } },
      [EC]: { ...resource, encrypt: { alg: 'ECDH-ES+A256KW', enc, key: ec.publicKey } },
      [PLAIN]: resource,
    },
  })
  const jwk = { ...ec.privateKey.export({ format: 'jwk' }), kid: 'ec' }
  await writeFile(join(fixture.folder, 'ec.jwk'), JSON.stringify(jwk))
  const pem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })
  await writeFile(join(fixture.folder, 'rsa.pem'), pem)
  gateway = await fixture.gateway(YAML)
  caller = createCaller(fixture, gateway, fixture.certificates.mtls)
  client = await fixture.client('mtls', gateway)
})

afterAll(async () => {
  caller.close()
  await fixture.close()
})

const newToken = async (resource: string) =>
  (await client.token({ scope: 'accounts', resource })).accessToken

const credentials = (token: string) => ['Authorization', `Bearer ${token}`]

const encrypt = (text: string, header: object, key: KeyObject = rsa.publicKey) =>
  new CompactEncrypt(Buffer.from(text))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', ...header })
    .encrypt(key)

describe('RFC 9068 §4: tokens that the issuer encrypts for this resource [JWT-2]', () => {
  test.each([
    ['RSA-OAEP-256', RSA],
    ['ECDH-ES+A256KW', EC],
  ])(
    'are decrypted and judged as any other, by %s, at first and from the cache',
    async (_, resource) => {
      const token = await newToken(resource)
      expect(token.split('.')).toHaveLength(5)
      for (const _time of [1, 2]) {
        expect((await caller.send({ fields: credentials(token) })).status).toBe(200)
      }
    },
  )

  test('are refused when they are not bound to the certificate that comes with them', async () => {
    const other = createCaller(fixture, gateway, fixture.certificates.stranger)
    await expectRefusal(
      { fixture, gateway, caller: other },
      { fields: credentials(await newToken(RSA)) },
      refusedToken('cnf_x5t_mismatch'),
    )
    other.close()
  })

  const tampered = (token: string) =>
    token.replace(/.(?=.{3}$)/, (one) => (one === 'A' ? 'B' : 'A'))
  test.each<[string, () => Promise<string>, string]>([
    ['a token that is only signed', () => newToken(PLAIN), 'token_not_encrypted'],
    ['one that was changed', async () => tampered(await newToken(RSA)), 'token_decryption_failed'],
    [
      'one for the key of another',
      async () => encrypt(await newToken(PLAIN), {}, stranger),
      'token_decryption_failed',
    ],
    [
      'one by an algorithm that was not agreed on',
      async () => encrypt(await newToken(PLAIN), { alg: 'RSA-OAEP' }),
      'token_not_a_jwt',
    ],
    [
      'one whose content is by another [F1A-ALG-2]',
      async () => encrypt(await newToken(PLAIN), { enc: 'A128CBC-HS256' }),
      'token_not_a_jwt',
    ],
    ['one that holds no token [J26]', () => encrypt('hello', {}), 'token_malformed'],
    [
      'one that holds another that is encrypted [J26]',
      async () => encrypt(await newToken(RSA), {}),
      'token_malformed',
    ],
  ])('%s is refused', async (_, make, reason) => {
    await expectRefusal(
      { fixture, gateway, caller },
      { fields: credentials(await make()) },
      refusedToken(reason, TOKEN_NOT_ACCEPTED),
    )
  })

  test('one that the client encrypted itself is as good as what is in it', async () => {
    const token = await encrypt(await newToken(PLAIN), {})
    expect((await caller.send({ fields: credentials(token) })).status).toBe(200)
  })

  test('the key of the configuration is in no answer and in no line of the log', () => {
    const { n } = createPublicKey(rsa.privateKey).export({ format: 'jwk' })
    const { d } = rsa.privateKey.export({ format: 'jwk' })
    expect(gateway.lines.join('\n')).not.toContain(String(d).slice(0, 20))
    expect(gateway.lines.join('\n')).not.toContain(String(n).slice(0, 20))
  })
})
