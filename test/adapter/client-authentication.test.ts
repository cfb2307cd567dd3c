import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { clientAuthenticator } from '../../src/adapter/client-authentication.ts'

const ISSUER = 'https://as.bank.example'

describe('RFC 6749 §2.3.1: a secret [INT-1]', () => {
  const clientId = 'gateway:1'
  const clientSecret = 'a b+c%&=:"ü'

  test('in the field, both parts encoded for a form before they are joined', async () => {
    const method = 'client_secret_basic'
    const authenticate = clientAuthenticator({ method, clientId, clientSecret }, ISSUER)
    const { headers, form } = await authenticate()
    const [scheme, encoded = ''] = headers['authorization']!.split(' ')
    expect(scheme).toBe('Basic')
    expect(Buffer.from(encoded, 'base64').toString()).toBe(
      'gateway%3A1:a+b%2Bc%25%26%3D%3A%22%C3%BC',
    )
    expect(form).toEqual({})
  })

  test('in the form', async () => {
    const method = 'client_secret_post'
    const authenticate = clientAuthenticator({ method, clientId, clientSecret }, ISSUER)
    expect(await authenticate()).toEqual({
      headers: {},
      form: { client_id: clientId, client_secret: clientSecret },
    })
  })
})

test('RFC 8705 §2: a certificate speaks for the client that is named', async () => {
  const authenticate = clientAuthenticator({ method: 'tls_client_auth', clientId: 'g' }, ISSUER)
  expect(await authenticate()).toEqual({ headers: {}, form: { client_id: 'g' } })
})

describe('RFC 7523 §2.2: an assertion [INT-1]', () => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const ed = generateKeyPairSync('ed25519').privateKey
  const pem = (type: 'pkcs8' | 'sec1' | 'pkcs1') => ({ type, format: 'pem' }) as const

  test.each([
    ['ES256', 'a PKCS #8 PEM', ec, ec.export(pem('pkcs8')) as string],
    ['ES256', 'a SEC 1 PEM', ec, ec.export(pem('sec1')) as string],
    ['ES256', 'a JWK', ec, ` ${JSON.stringify(ec.export({ format: 'jwk' }))}`],
    ['PS256', 'a PKCS #1 PEM', rsa, rsa.export(pem('pkcs1')) as string],
    ['PS256', 'a JWK', rsa, JSON.stringify(rsa.export({ format: 'jwk' }))],
    ['EdDSA', 'a PKCS #8 PEM', ed, ed.export(pem('pkcs8')) as string],
    ['EdDSA', 'a JWK', ed, JSON.stringify(ed.export({ format: 'jwk' }))],
  ] as const)('signed by %s with a key from %s', async (algorithm, _title, privateKey, key) => {
    const method = 'private_key_jwt'
    const authentication = { method, clientId: 'gateway', key, keyId: 'one', algorithm } as const
    const before = Math.floor(Date.now() / 1000)
    const { headers, form } = await clientAuthenticator(authentication, ISSUER)()
    const { client_assertion: assertion = '', ...rest } = form
    expect(headers).toEqual({})
    expect(rest).toEqual({
      client_id: 'gateway',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    })
    expect(decodeProtectedHeader(assertion)).toEqual({ alg: algorithm, kid: 'one' })
    const { payload } = await jwtVerify(assertion, createPublicKey(privateKey))
    // FAPI 2.0 SP §5.3.3: the issuer, as one string.
    expect(payload).toMatchObject({ iss: 'gateway', sub: 'gateway', aud: ISSUER })
    expect(payload.iat).toBeGreaterThanOrEqual(before)
    expect(payload.exp! - payload.iat!).toBe(60)
    expect(payload.jti).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('is made anew for every call', async () => {
    const key = ec.export(pem('pkcs8')) as string
    const authenticate = clientAuthenticator(
      { method: 'private_key_jwt', clientId: 'g', key, keyId: undefined, algorithm: 'ES256' },
      ISSUER,
    )
    const assertions = await Promise.all([authenticate(), authenticate()])
    const [one = '', other = ''] = assertions.map(({ form }) => form['client_assertion'])
    expect(one.split('.')[1]).not.toBe(other.split('.')[1])
    expect(decodeProtectedHeader(one)).toEqual({ alg: 'ES256' })
  })
})
