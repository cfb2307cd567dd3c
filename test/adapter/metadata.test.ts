import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import type { StubAnswer } from '../support/stub.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

let stub: StubIssuer
let client: OutboundClient
/** Answers by path; 404 where there is none. */
let documents: Record<string, () => StubAnswer>
/** Paths under which nobody answers. */
let silent: Set<string>

beforeAll(async () => {
  stub = await startStubIssuer(({ url }) =>
    silent.has(url) ? 'unanswered' : (documents[url]?.() ?? { status: 404, body: {} }),
  )
})

beforeEach(() => {
  documents = {}
  silent = new Set()
  client = new OutboundClient(stub.tls, 5)
})

afterEach(() => client.close())

afterAll(() => stub.close())

const OAUTH = '/.well-known/oauth-authorization-server'
const OPENID = '/.well-known/openid-configuration'

const metadata = (more: object = {}) => ({
  issuer: stub.origin,
  jwks_uri: 'https://as.example/jwks',
  introspection_endpoint: 'https://as.example/introspect',
  ...more,
})

const load = (issuer = stub.origin) => new DiscoveredIssuer(issuer, client).load()

describe('RFC 8414 §3: where metadata is', () => {
  const expected = {
    jwksUri: 'https://as.example/jwks',
    introspectionEndpoint: 'https://as.example/introspect',
    mtlsIntrospectionEndpoint: undefined,
  }

  test('at the well-known place of an authorization server', async () => {
    documents[OAUTH] = () => ({ body: metadata() })
    const before = stub.requests.length
    expect(await load()).toEqual(expected)
    expect(stub.requests.slice(before).map(({ url }) => url)).toEqual([OAUTH])
  })

  test('or at that of OpenID Connect', async () => {
    documents[OPENID] = () => ({ body: metadata() })
    expect(await load()).toEqual(expected)
  })

  test.each(['', '/'])(
    'with the path of the issuer behind it, or before it: realms/one%s',
    async (slash) => {
      const issuer = `${stub.origin}/realms/one${slash}`
      documents[`${OAUTH}/realms/one`] = () => ({ body: metadata({ issuer }) })
      expect(await load(issuer)).toEqual(expected)
      documents = { [`/realms/one${OPENID}`]: () => ({ body: metadata({ issuer }) }) }
      expect(await load(issuer)).toEqual(expected)
    },
  )
})

describe('the time of one call', () => {
  test('is that of both places: one that does not answer leaves time for the other', async () => {
    const hasty = new OutboundClient(stub.tls, 1)
    silent.add(OAUTH)
    documents[OPENID] = () => ({ body: metadata() })
    expect(await new DiscoveredIssuer(stub.origin, hasty).load()).toMatchObject({
      jwksUri: 'https://as.example/jwks',
    })
    await hasty.close()
  })

  test('is over, where neither answers', async () => {
    const hasty = new OutboundClient(stub.tls, 0.2)
    silent.add(OAUTH).add(OPENID)
    const late = new DiscoveredIssuer(stub.origin, hasty).load()
    await expect(late).rejects.toMatchObject({ fault: 'timeout' })
    await hasty.close()
  })
})

describe('RFC 8414 §3.3: what is not metadata of this issuer is not used', () => {
  test.each<[string, () => StubAnswer]>([
    ['another issuer', () => ({ body: metadata({ issuer: 'https://other.example' }) })],
    ['the issuer with a slash', () => ({ body: metadata({ issuer: `${stub.origin}/` }) })],
    ['no issuer', () => ({ body: metadata({ issuer: undefined }) })],
    ['an error', () => ({ status: 500, body: metadata() })],
    ['a redirect', () => ({ status: 301, headers: { location: OPENID }, body: metadata() })],
    ['no JSON', () => ({ body: '<html>' })],
    ['two issuers', () => ({ body: `{"issuer":"x",${JSON.stringify(metadata()).slice(1)}` })],
  ])('%s', async (_title, document) => {
    documents[OAUTH] = document
    documents[OPENID] = document
    await expect(load()).rejects.toMatchObject({ fault: 'error' })
  })
})

describe('FAPI 2.0 SP §5.2.1: an endpoint', () => {
  test.each([
    ['plain http', 'http://as.example/jwks', undefined],
    ['plain http on this machine', 'http://127.0.0.1:8080/jwks', 'http://127.0.0.1:8080/jwks'],
    ['a name that only begins like this machine', 'http://localhost.example/', undefined],
    ['a file', 'file:///etc/passwd', undefined],
    ['no URL', '/jwks', undefined],
    ['no text', 7, undefined],
  ])('%s', async (_title, uri, expected) => {
    documents[OAUTH] = () => ({ body: metadata({ jwks_uri: uri, introspection_endpoint: uri }) })
    expect(await load()).toMatchObject({ jwksUri: expected, introspectionEndpoint: expected })
  })

  test('RFC 8705 §5: one for certificates is told apart', async () => {
    const alias = 'https://mtls.as.example/introspect'
    const aliases = { introspection_endpoint: alias }
    documents[OAUTH] = () => ({ body: metadata({ mtls_endpoint_aliases: aliases }) })
    expect(await load()).toMatchObject({
      introspectionEndpoint: 'https://as.example/introspect',
      mtlsIntrospectionEndpoint: alias,
    })
  })

  test.each([
    ['no object', 'text'],
    ['null', null],
    ['a list', []],
  ])('RFC 8705 §5: aliases that are %s name nothing', async (_title, aliases) => {
    documents[OAUTH] = () => ({ body: metadata({ mtls_endpoint_aliases: aliases }) })
    expect(await load()).toMatchObject({ mtlsIntrospectionEndpoint: undefined })
  })
})

test('whoever asks at the same time is told by one call', async () => {
  documents[OAUTH] = () => ({ body: metadata() })
  const issuer = new DiscoveredIssuer(stub.origin, client)
  const before = stub.requests.length
  await Promise.all(Array.from({ length: 20 }, () => issuer.load()))
  expect(stub.requests.length).toBe(before + 1)
  await issuer.load()
  expect(stub.requests.length).toBe(before + 2)
})
