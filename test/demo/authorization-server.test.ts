import type { webcrypto } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  exportJWK,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretPost,
  generateKeyPair,
  PrivateKeyJwt,
  TlsClientAuth,
} from 'oauth4webapi'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'

import {
  type AuthorizationServer,
  generateSigningKeys,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts'
import {
  type Authority,
  type Credential,
  certificateJwk,
  createAuthority,
  createSelfSigned,
  generateKeys,
  subjectDistinguishedName,
} from '../../src/demo/certificates.ts'
import { type Client, type ClientOptions, createClient } from '../../src/demo/client.ts'

const API = 'https://api.bank.example'
const API_ES256 = 'https://es256.bank.example'
const OPAQUE = 'https://opaque.bank.example'
const SHORT_JWT = 'https://short-jwt.bank.example'
const SHORT_OPAQUE = 'https://short-opaque.bank.example'
const SECRET = 'a secret of the gateway, of which nobody knows'

let authority: Authority
let own: Credential
let selfSigned: Credential
let stranger: Credential
let clientKeys: webcrypto.CryptoKeyPair
let server: AuthorizationServer
const clients: Client[] = []
const written = vi.spyOn(console, 'warn')
const informed = vi.spyOn(console, 'info')

beforeAll(async () => {
  const keys = await generateKeys()
  authority = await createAuthority({ name: 'Demo CA', keys })
  own = await authority.issueClient({ commonName: 'tpp-1', organization: 'TPP', keys })
  selfSigned = await createSelfSigned({ commonName: 'tpp-2', keyKind: 'EC' })
  stranger = await createSelfSigned({ commonName: 'tpp-1', organization: 'TPP', keys })
  clientKeys = await generateKeyPair('ES256', { extractable: true })

  const jwks = { keys: [await exportJWK(clientKeys.publicKey)] }
  const subject = subjectDistinguishedName(own.certificate)
  const tlsClient = {
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_subject_dn: subject,
  }
  const secretClient = { client_secret: SECRET, grant_types: [] }
  const { certificate, key } = await authority.issueServer({ keys })
  server = await startAuthorizationServer({
    tls: { certificate, key, clientCa: authority.certificate },
    resources: {
      [API]: {},
      [API_ES256]: { algorithm: 'ES256', audience: API },
      [OPAQUE]: { format: 'opaque', audience: API },
      [SHORT_JWT]: { ttl: 1 },
      [SHORT_OPAQUE]: { format: 'opaque', ttl: 1 },
    },
    clients: [
      { client_id: 'tpp-key', jwks },
      { client_id: 'tpp-dpop', jwks, dpop_bound_access_tokens: true },
      { client_id: 'tpp-tls', ...tlsClient, tls_client_certificate_bound_access_tokens: true },
      {
        client_id: 'tpp-self',
        token_endpoint_auth_method: 'self_signed_tls_client_auth',
        jwks: { keys: [certificateJwk(selfSigned.certificate)] },
        tls_client_certificate_bound_access_tokens: true,
      },
      { client_id: 'gw-basic', ...secretClient, token_endpoint_auth_method: 'client_secret_basic' },
      { client_id: 'gw-post', ...secretClient, token_endpoint_auth_method: 'client_secret_post' },
      { client_id: 'gw-key', jwks, grant_types: [] },
      { client_id: 'gw-tls', ...tlsClient, grant_types: [] },
    ],
    introspectionClients: ['gw-basic', 'gw-post', 'gw-key', 'gw-tls'],
    authorizationDetailsTypes: ['payment_initiation'],
    claims: () => ({ acr: 'urn:openbanking:psd2:sca' }),
  })
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
})

afterAll(async () => {
  await server.close()
  expect(server.faults).toEqual([])
})

describe('the four kinds of token', () => {
  test('RFC 9068 §2.2: a JWT has every claim that is required, and its type', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const before = Math.floor(Date.now() / 1000)
    const token = await client.token({ scope: 'accounts', resource: API })
    expect(token).toMatchObject({ tokenType: 'bearer', scope: 'accounts', expiresIn: 300 })

    const { payload, protectedHeader } = await verify(token.accessToken)
    expect(protectedHeader).toMatchObject({ alg: 'PS256', typ: 'at+jwt', kid: expect.any(String) })
    expect(payload).toEqual({
      iss: server.issuer,
      aud: API,
      sub: 'tpp-key',
      client_id: 'tpp-key',
      scope: 'accounts',
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: payload.iat! + 300,
      acr: 'urn:openbanking:psd2:sca',
    })
    expect(payload.iat).toBeGreaterThanOrEqual(before)
  })

  test('RFC 8705 §3.1: a JWT for the holder of a certificate says which', async () => {
    const client = await connect(tls('tpp-tls', own))
    const { accessToken } = await client.token({ scope: 'accounts', resource: API })
    const { payload } = await verify(accessToken)
    expect(payload['cnf']).toEqual({ 'x5t#S256': own.thumbprint })
  })

  test('RFC 9449 §6.1: a JWT for the holder of a DPoP key says which', async () => {
    const client = await connect({ clientId: 'tpp-dpop', dpop: true })
    const token = await client.token({ scope: 'payments', resource: API_ES256 })
    expect(token.tokenType).toBe('dpop')

    const { payload, protectedHeader } = await verify(token.accessToken)
    const jwk = await exportJWK(client.dpopKeys.publicKey)
    expect(protectedHeader.alg).toBe('ES256')
    expect(payload['cnf']).toEqual({ jkt: await calculateJwkThumbprint(jwk) })
  })

  test.each([
    [
      'client_secret_basic',
      () => ({ clientId: 'gw-basic', authentication: ClientSecretBasic(SECRET) }),
    ],
    [
      'client_secret_post',
      () => ({ clientId: 'gw-post', authentication: ClientSecretPost(SECRET) }),
    ],
    ['private_key_jwt', () => ({ clientId: 'gw-key' })],
    ['tls_client_auth', () => tls('gw-tls', own)],
  ])('RFC 7662 §2.2: an opaque token is told to a gateway by %s', async (_method, gateway) => {
    const client = await connect(tls('tpp-tls', own))
    const { accessToken } = await client.token({ scope: 'accounts', resource: OPAQUE })
    expect(() => decodeProtectedHeader(accessToken)).toThrow()

    const response = await (await connect(gateway())).introspect(accessToken)
    expect(response).toMatchObject({
      active: true,
      iss: server.issuer,
      aud: API,
      client_id: 'tpp-tls',
      scope: 'accounts',
      cnf: { 'x5t#S256': own.thumbprint },
      acr: 'urn:openbanking:psd2:sca',
    })
    expect(response.exp! - response.iat!).toBe(300)
  })

  test('RFC 9701 §5: a gateway may have the answer signed', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const { accessToken } = await client.token({ scope: 'accounts', resource: OPAQUE })
    const { introspection_endpoint: endpoint } = await client.metadata()
    const reply = await client.rawCall(endpoint!, {
      method: 'POST',
      headers: {
        accept: 'application/token-introspection+jwt',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({
        token: accessToken,
        client_id: 'gw-post',
        client_secret: SECRET,
      }).toString(),
    })
    const { payload, protectedHeader } = await verify(reply.body, {
      typ: 'token-introspection+jwt',
    })
    expect(protectedHeader.alg).toBe('PS256')
    expect(payload).toMatchObject({
      iss: server.issuer,
      token_introspection: { active: true, client_id: 'tpp-key', scope: 'accounts' },
    })
  })

  test('RFC 9449 §6.2: an opaque token bound to a DPoP key is told with it', async () => {
    const client = await connect({ clientId: 'tpp-dpop', dpop: true })
    const { accessToken } = await client.token({ scope: 'accounts', resource: OPAQUE })
    const jkt = await calculateJwkThumbprint(await exportJWK(client.dpopKeys.publicKey))
    const gateway = await connect({ clientId: 'gw-key' })
    expect(await gateway.introspect(accessToken)).toMatchObject({
      token_type: 'DPoP',
      cnf: { jkt },
    })
  })
})

describe('client authentication', () => {
  test('RFC 8705 §2.2: a registered self-signed certificate authenticates and binds', async () => {
    const client = await connect(tls('tpp-self', selfSigned))
    const { payload } = await verify((await client.token()).accessToken)
    expect(payload['cnf']).toEqual({ 'x5t#S256': selfSigned.thumbprint })
  })

  test('RFC 8705 §2.1: the same subject from another authority does not authenticate', async () => {
    const client = await connect(tls('tpp-tls', stranger))
    await expect(client.token()).rejects.toMatchObject({ error: 'invalid_client' })
  })

  test('RFC 8705 §2.1: another subject from the same authority does not authenticate', async () => {
    const other = await authority.issueClient({ commonName: 'tpp-9', keys: own.keys })
    const client = await connect(tls('tpp-tls', other))
    await expect(client.token()).rejects.toMatchObject({ error: 'invalid_client' })
  })

  test.each([
    ['tls_client_auth_san_dns', { dnsNames: ['tpp.example'] }, 'tpp.example'],
    ['tls_client_auth_san_uri', { uris: ['https://tpp.example/x'] }, 'https://tpp.example/x'],
  ])('RFC 8705 §2.1.2: %s names the certificate', async (member, names, value) => {
    const clientId = `tpp-${member}`
    const metadata = { client_id: clientId, token_endpoint_auth_method: 'tls_client_auth' }
    const named = await authority.issueClient({ commonName: 'x', ...names, keys: own.keys })

    await server.registerClient({ ...metadata, [member]: value })
    await expect((await connect(tls(clientId, named))).token()).resolves.toBeDefined()
    await expect((await connect(tls(clientId, own))).token()).rejects.toMatchObject({
      error: 'invalid_client',
    })
  })

  test('unfit metadata are refused, and the client stays as it was', async () => {
    await expect(
      server.registerClient({ client_id: 'tpp-key', token_endpoint_auth_method: 'unknown' }),
    ).rejects.toMatchObject({ error: 'invalid_client_metadata' })
    await expect((await connect({ clientId: 'tpp-key' })).token()).resolves.toBeDefined()
    await expect(startLike({ clients: [{ client_id: 'bad' }] })).rejects.toMatchObject({
      error: 'invalid_client_metadata',
    })
  })
})

describe('what a token may be used for', () => {
  test('RFC 8707 §2: a resource that is not known gets no token', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    await expect(client.token({ resource: 'https://elsewhere.example' })).rejects.toMatchObject({
      error: 'invalid_target',
    })
  })

  test('RFC 9396 §9.1: authorization details go into the token', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const details = [
      { type: 'payment_initiation', instructedAmount: { amount: '1', currency: 'EUR' } },
    ]
    const parameters = { authorization_details: JSON.stringify(details) }
    for (const resource of [API, OPAQUE]) {
      const { accessToken } = await client.token({ scope: 'payments', resource, parameters })
      const claims =
        resource === API
          ? (await verify(accessToken)).payload
          : await client.introspect(accessToken)
      expect(claims['authorization_details']).toEqual(details)
    }
  })

  test('RFC 6749 §3.3: a scope that the resource does not know is left out', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    expect((await client.token({ scope: 'accounts other' })).scope).toBe('accounts')
  })
})

describe('the end of a token', () => {
  test('RFC 9068 §4: a JWT says when', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const { accessToken } = await client.token({ resource: SHORT_JWT })
    const { iat, exp } = decodeJwt(accessToken) as { iat: number; exp: number }
    expect(exp - iat).toBe(1)

    const at = (seconds: number) =>
      verify(accessToken, { typ: 'at+jwt', currentDate: new Date(seconds * 1000) })
    await expect(at(iat)).resolves.toBeDefined()
    await expect(at(exp)).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' })
  })

  test('RFC 7662 §2.2: an opaque token is inactive as soon as it has expired', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const gateway = await connect({ clientId: 'gw-key' })
    const { accessToken } = await client.token({ resource: SHORT_OPAQUE })
    await expect
      .poll(() => gateway.introspect(accessToken), { timeout: 5000 })
      .toEqual({ active: false })
  })

  test('RFC 7009 §2: a revoked token is inactive, and only its own client may revoke it', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const other = await connect(tls('tpp-tls', own))
    const gateway = await connect({ clientId: 'gw-key' })
    const { accessToken } = await client.token({ resource: OPAQUE })

    await other.revoke(accessToken)
    expect((await gateway.introspect(accessToken)).active).toBe(true)
    await client.revoke(accessToken)
    expect(await gateway.introspect(accessToken)).toEqual({ active: false })
  })

  test('RFC 7662 §2.2: a client that is no gateway learns nothing of the token of another', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const other = await connect(tls('tpp-tls', own))
    const { accessToken } = await client.token({ resource: OPAQUE })
    expect((await client.introspect(accessToken)).active).toBe(true)
    expect(await other.introspect(accessToken)).toEqual({ active: false })
  })

  test('a JWT cannot be introspected', async () => {
    const client = await connect({ clientId: 'tpp-key' })
    const { accessToken } = await client.token({ resource: API })
    await expect(client.introspect(accessToken)).rejects.toMatchObject({
      error: 'unsupported_token_type',
    })
  })
})

describe('keys', () => {
  test('after a rotation tokens are signed with the new keys, and only those are published', async () => {
    const keys = await generateSigningKeys()
    const own = await startLike({ jwks: keys })
    try {
      const client = await connect({ clientId: 'tpp-key', issuer: own.issuer })
      const opaque = await client.token({ resource: OPAQUE })
      const before = decodeProtectedHeader((await client.token()).accessToken).kid
      expect((await published(client)).keys).toHaveLength(2)

      await own.rotateKeys()
      const after = decodeProtectedHeader((await client.token()).accessToken).kid
      const kids = (await published(client)).keys.map(({ kid }) => kid)
      expect(kids).toContain(after)
      expect(kids).not.toContain(before)
      expect((await client.introspect(opaque.accessToken)).active).toBe(true)

      await own.rotateKeys(keys)
      expect(decodeProtectedHeader((await client.token()).accessToken).kid).toBe(before)
    } finally {
      await own.close()
    }
  })

  test('RFC 9449 §8: the server may ask for a nonce, and the client brings it', async () => {
    const seen: string[] = []
    const own = await startLike({
      dpopNonceSecret: randomBytes(32),
      onRequest: ({ method, url }: IncomingMessage) => void seen.push(`${method} ${url}`),
    })
    try {
      const client = await connect({ clientId: 'tpp-key', issuer: own.issuer, dpop: true })
      expect((await client.token()).tokenType).toBe('dpop')
      expect(client.lastNonce(own.issuer)).toEqual(expect.any(String))
      expect(seen).toEqual([
        'GET /.well-known/oauth-authorization-server',
        'POST /token',
        'POST /token',
      ])
    } finally {
      await own.close()
    }
  })
})

test('the server writes nothing to the console', () => {
  expect(written).not.toHaveBeenCalled()
  expect(informed).not.toHaveBeenCalled()
})

async function startLike(change: object): Promise<AuthorizationServer> {
  const { certificate, key } = await authority.issueServer({ keys: own.keys })
  return startAuthorizationServer({
    tls: { certificate, key, clientCa: authority.certificate },
    resources: { [API]: {}, [OPAQUE]: { format: 'opaque' } },
    clients: [{ client_id: 'tpp-key', jwks: { keys: [await exportJWK(clientKeys.publicKey)] } }],
    ...change,
  })
}

function tls(clientId: string, certificate: Credential) {
  return { clientId, certificate, authentication: TlsClientAuth() }
}

async function connect(
  change: Partial<ClientOptions> & { clientId: string; authentication?: ClientAuth },
): Promise<Client> {
  const client = await createClient({
    issuer: server.issuer,
    ca: authority.certificate,
    authentication: PrivateKeyJwt(clientKeys.privateKey),
    ...change,
  })
  clients.push(client)
  return client
}

async function published(client: Client): Promise<{ keys: { kid: string }[] }> {
  const { jwks_uri: uri } = await client.metadata()
  return JSON.parse((await client.rawCall(uri!)).body)
}

async function verify(jwt: string, options: JWTVerifyOptions = { typ: 'at+jwt' }) {
  const keys = await published(await connect({ clientId: 'anyone' }))
  return jwtVerify(jwt, createLocalJWKSet(keys as never), options)
}
