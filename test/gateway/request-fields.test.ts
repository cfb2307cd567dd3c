import { describe, expect, test } from 'vitest'
import { connectionOptions, requestFields } from '../../src/gateway/request-fields.ts'
import { CERTIFICATE, CONNECTION, createRequest } from '../support/checked-request.ts'
import { createExchange, createRoute, FORWARD, INTERACTION } from '../support/exchange.ts'
import { createIssuer, NOW, THUMBPRINT } from '../support/issuer.ts'

const { issuer, claims } = createIssuer('as')
const HOST = ['Host', 'api.bank.example']

/** What goes to the upstream of fields as they came. */
function forwarded(
  rawFields: readonly string[],
  route = createRoute(),
  remoteAddress = CONNECTION.remoteAddress,
) {
  const connection = { ...CONNECTION, remoteAddress }
  const exchange = createExchange({ rawFields: [...HOST, ...rawFields], connection })
  exchange.authority = 'api.bank.example'
  return requestFields(exchange, route)
}

/** The fields that a request gets whatever it came with. */
const OWN = [
  ...['x-fapi-interaction-id', INTERACTION],
  ...['Via', '1.1 fapi-gateway'],
  ...['Forwarded', 'for=127.0.0.1;host="api.bank.example";proto=https'],
  ...['X-Forwarded-For', '127.0.0.1'],
  ...['X-Forwarded-Host', 'api.bank.example'],
  ...['X-Forwarded-Proto', 'https'],
]

describe('requestFields', () => {
  test('RFC 9110 §7.6: what is the client’s to say passes as it came, then the gateway’s own', () => {
    const said = ['Accept', '*/*', 'X-FAPI-Customer-IP-Address', '2001:DB8::1', 'accept', 'a/b']
    expect(forwarded(said)).toEqual([...said, ...OWN])
  })

  test.each([
    ['Connection', 'close'],
    ['Keep-Alive', 'timeout=5'],
    ['TE', 'trailers'],
    ['Trailer', 'X-A'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAAQAAP__'],
    ['Proxy-Authorization', 'Basic a'],
    ['Proxy-Connection', 'keep-alive'],
    ['Expect', '100-continue'],
    ['Host', 'evil.example'],
    ['Content-Length', '5'],
  ])('RFC 9110 §7.6.1, H16: %s is not forwarded', (name, value) => {
    expect(forwarded([name, value])).toEqual(OWN)
  })

  test.each([['close, X-User'], ['X-User'], ['keep-alive,x-user , ,'], ['close", x-user']])(
    'RFC 9110 §7.6.1, H15: nor is a field that Connection names (%s) [HTTP-1, H15]',
    (value) => {
      expect(forwarded(['X-User', 'a', 'Connection', value])).toEqual(OWN)
    },
  )

  test('RFC 9110 §7.6.1, H15: on any of its lines', () => {
    const lines = ['X-User', 'a', 'Connection', 'close', 'connection', 'X-USER']
    expect(forwarded(lines)).toEqual(OWN)
  })

  test('CVE-2024-45410, H15: no field of the gateway can be named away [PF-12]', () => {
    const names = OWN.filter((_, index) => index % 2 === 0)
    expect(forwarded(['Connection', `close, ${names.join(', ')}, X-Client-Id`])).toEqual(OWN)
  })

  test.each([
    ...['Forwarded', 'X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto'],
    ...['X-Forwarded-Prefix', 'X-Real-IP', 'True-Client-IP', 'Client-Cert', 'Client-Cert-Chain'],
    ...['X-Client-Cert', 'X-SSL-Client-Cert', 'X-Forwarded-Client-Cert', 'X-Amzn-Mtls-Clientcert'],
    ...['X-HTTP-Method-Override', 'X-Original-URL', 'X-Rewrite-URL', 'X-Fapi-Interaction-Id'],
    ...['X-Client-Id', 'X-Subject', 'X-Scope', 'X-Issuer', 'X-Binding', 'X-Thumbprint'],
    ...['x-client-ID', 'X_Client_Id', 'X.Client.Id', 'X-Client_Id', 'X_Forwarded_For', 'DPoP_'],
    ...['Authorization_', 'x_fapi_interaction_id', 'Proxy', 'X-Proxy-Cert', 'x_proxy_cert'],
  ])(
    'RFC 9700 §4.13: %s is not the client’s to say [BT-12, CC-1, CC-8, D07, H19, H20, M17]',
    (name) => {
      expect(forwarded([name, 'evil'])).toEqual(OWN)
    },
  )

  test('RFC 9449 §7.1: a proof is not forwarded [D25]', () => {
    expect(forwarded(['DPoP', 'a.b.c', 'dpop', 'd.e.f'])).toEqual(OWN)
  })

  test('RFC 9110 §11.6.2: credentials are not forwarded, unless the route says so', () => {
    const said = ['Authorization', 'DPoP a']
    expect(forwarded(said)).toEqual(OWN)
    const passing = createRoute({ forward: { ...FORWARD, authorization: 'pass' } })
    expect(forwarded(said, passing)).toEqual([...said, ...OWN])
    expect(forwarded([...said, 'Connection', 'authorization'], passing)).toEqual(OWN)
  })

  test('RFC 9110 §11.6.2: and on a public route, where nobody judged them, never', () => {
    const passing = createRoute({ forward: { ...FORWARD, authorization: 'pass' }, isPublic: true })
    expect(forwarded(['Authorization', 'DPoP a'], passing)).toEqual(OWN)
  })

  test('RFC 7239 §4: who asked is said by the gateway alone; an IPv6 address is quoted [HTTP-29]', () => {
    expect(forwarded(['Forwarded', 'for=1.2.3.4'], createRoute(), '2001:db8::1')).toEqual(
      expect.arrayContaining([
        'for="[2001:db8::1]";host="api.bank.example";proto=https',
        '2001:db8::1',
      ]),
    )
  })

  test('RFC 7239 §8: of a client behind a trusted proxy it is said as that proxy says it [HTTP-29]', () => {
    const front = { certificateOf: () => undefined, addressOf: () => '2001:db8::7' }
    const exchange = createExchange({
      rawFields: ['X-Forwarded-For', '192.0.2.1'],
      connection: { ...CONNECTION, front },
    })
    exchange.authority = 'api.bank.example'
    expect(requestFields(exchange, createRoute()).slice(4, 8)).toEqual([
      ...['Forwarded', 'for="[2001:db8::7]";host="api.bank.example";proto=https'],
      ...['X-Forwarded-For', '2001:db8::7'],
    ])
  })

  test('RFC 9440 §4: the client’s certificate goes on where that is configured, once [CC-1, CC-4]', () => {
    const connection = { ...CONNECTION, certificate: CERTIFICATE }
    const rawFields = ['Client-Cert', ':YQ==:', 'client-cert', ':Yg==:']
    const exchange = createExchange({ rawFields, connection })
    exchange.authority = 'api.bank.example'
    exchange.request = createRequest({ connection })
    expect(requestFields(exchange, createRoute())).toEqual(OWN)
    const telling = createRoute({ forward: { ...FORWARD, clientCert: 'Client-Cert' } })
    const own = `:${CERTIFICATE.der.toString('base64')}:`
    expect(requestFields(exchange, telling)).toEqual([...OWN, 'Client-Cert', own])
  })

  test('what a route removes does not pass [CC-8]', () => {
    const route = createRoute({ forward: { ...FORWARD, removed: ['X-User'] } })
    expect(forwarded(['X-User', 'a', 'x_user', 'a', 'X-Users', 'b'], route)).toEqual([
      ...['X-Users', 'b'],
      ...OWN,
    ])
  })

  test('RFC 9112 §3.2.2: for which host, is said of the authority that was found to be ours', () => {
    const exchange = createExchange({ rawFields: ['Host', 'evil.example";for="1.2.3.4'] })
    exchange.authority = 'api.bank.example:8443'
    const fields = requestFields(exchange, createRoute())
    expect(fields.join('\n')).not.toContain('evil')
    expect(fields).toContain('for=127.0.0.1;host="api.bank.example:8443";proto=https')
  })

  test.each([
    ['none', { length: undefined, present: false }, []],
    ['empty', { length: 0, present: false }, []],
    ['five bytes', { length: 5, present: true }, ['Content-Length', '5']],
    ['of a length nobody said', { length: undefined, present: true }, []],
  ])('RFC 9112 §6: the content is framed anew (%s)', (_title, content, own) => {
    const exchange = createExchange({ rawFields: ['Content-Length', '7'] })
    exchange.content = content
    exchange.authority = 'api.bank.example'
    expect(requestFields(exchange, createRoute())).toEqual([...own, ...OWN])
  })

  test('RFC 9700 §4.13, H20: what was verified stands once, in place of what a client said', () => {
    const names = ['X-Client-Id', 'X-Subject', 'X-Scope', 'X-Issuer', 'X-Binding', 'X-Thumbprint']
    const exchange = createExchange({ rawFields: names.flatMap((name) => [name, 'evil']) })
    exchange.authority = 'api.bank.example'
    exchange.request = createRequest()
    exchange.request.issuer = issuer
    exchange.request.token = {
      expiresAt: NOW + 300,
      subject: undefined,
      clientId: 'app',
      audiences: [],
      scopes: [],
      confirmation: { keyThumbprint: THUMBPRINT, certificateThumbprint: undefined },
      claims,
      algorithm: 'ES256',
    }
    expect(requestFields(exchange, createRoute())).toEqual([
      ...OWN,
      ...['X-Client-Id', 'app'],
      ...['X-Issuer', issuer.issuer],
      ...['X-Binding', 'dpop'],
      ...['X-Thumbprint', THUMBPRINT],
    ])
  })
})

describe('connectionOptions', () => {
  test.each([[[]], [['Connection', 'keep-alive']], [['connection', 'Close']]])(
    'RFC 9110 §7.6.1: nothing is named by %j',
    (fields) => {
      expect(connectionOptions(fields)).toBeUndefined()
    },
  )

  test('RFC 9110 §7.6.1: all lines are read, in lower case', () => {
    expect(connectionOptions(['Connection', 'X-A, close', 'CONNECTION', 'x-b'])).toEqual([
      ...['x-a', 'close'],
      'x-b',
    ])
  })
})
