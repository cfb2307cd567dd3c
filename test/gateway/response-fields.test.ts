import { describe, expect, test } from 'vitest'
import { responseFields } from '../../src/gateway/response-fields.ts'
import { createRequest } from '../support/checked-request.ts'
import { createExchange, createRoute, INTERACTION } from '../support/exchange.ts'

const OWN = ['x-fapi-interaction-id', INTERACTION]

interface Changed {
  readonly status?: number
  readonly nonce?: string
  readonly isReceiving?: boolean
  readonly isPublic?: boolean
  readonly hsts?: string
}

function returned(rawFields: readonly string[], changed: Changed = {}) {
  const { status = 200, nonce, isReceiving = false, isPublic = false } = changed
  const exchange = createExchange({ isReceiving })
  exchange.hsts = changed.hsts
  exchange.request = createRequest()
  exchange.request.nextNonce = nonce
  return responseFields(exchange, createRoute({ isPublic }), status, rawFields)
}

describe('responseFields', () => {
  test('RFC 9110 §6.6.1: of two dates the first is passed on [F1B-RS-10, HTTP-6]', () => {
    const first = 'Sat, 21 Nov 2026 08:00:00 GMT'
    expect(returned(['Date', first, 'date', 'Sat, 21 Nov 2026 09:00:00 GMT'])).toEqual([
      ...['Date', first],
      ...OWN,
    ])
  })

  test('RFC 9110 §7.6: what the upstream says passes as it came', () => {
    const said = [
      ...['Content-Type', 'application/json', 'Content-Length', '5', 'Cache-Control', 'private'],
      ...['Set-Cookie', 'a=b', 'Set-Cookie', 'c=d', 'X_Odd.Name', 'x'],
    ]
    expect(returned(said)).toEqual([...said, ...OWN])
  })

  test.each([
    'Connection',
    'Keep-Alive',
    'Proxy-Authenticate',
    'Proxy-Connection',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'TE',
  ])('RFC 9110 §7.6.1, H18: %s is for the next hop alone', (name) => {
    expect(returned([name, 'a'])).toEqual(OWN)
  })

  test('RFC 9110 §7.6.1, H18: so is what Connection names [H18, HTTP-1]', () => {
    expect(returned(['X-Secret', 'a', 'Connection', 'close, x-secret'])).toEqual(OWN)
  })

  test('CVE-2024-45410: but not a field of the gateway', () => {
    const named = ['Connection', 'x-fapi-interaction-id, dpop-nonce, cache-control']
    expect(returned(named, { nonce: 'n' })).toEqual([
      ...OWN,
      ...['DPoP-Nonce', 'n', 'Cache-Control', 'no-store'],
    ])
  })

  test.each([
    ...[
      'Server',
      'X-Powered-By',
      'X-AspNet-Version',
      'X-Runtime',
      'X-Backend-Server',
      'x_upstream',
    ],
    ...['Via', 'X-FAPI-Interaction-ID', 'x_fapi_interaction_id', 'DPoP-Nonce'],
  ])('FAPI 1.0 Baseline §6.2.1-11: %s of the upstream is not passed on [HTTP-26, U18]', (name) => {
    expect(returned([name, 'a'])).toEqual(OWN)
  })

  test('RFC 9449 §8.1: a nonce is the gateway’s, and there is one [DPOP-8.1-1]', () => {
    const said = ['DPoP-Nonce', 'theirs', 'dpop_nonce', 'theirs']
    expect(returned(said)).toEqual(OWN)
    expect(returned(said, { nonce: 'ours' })).toEqual([
      ...OWN,
      ...['DPoP-Nonce', 'ours', 'Cache-Control', 'no-store'],
    ])
  })

  test('RFC 9449 §8.2: a response with a nonce is not stored, whatever the upstream says [DPOP-8.2-2]', () => {
    const said = ['Cache-Control', 'public', 'cache-control', 'max-age=60']
    expect(returned(said, { nonce: 'n' })).toEqual([
      ...OWN,
      ...['DPoP-Nonce', 'n', 'Cache-Control', 'no-store'],
    ])
  })

  test('RFC 6797 §8.1: what browsers are told of TLS is said by the gateway alone [TLS-18, U18]', () => {
    const said = ['Strict-Transport-Security', 'max-age=0']
    expect(returned(said, { hsts: 'max-age=60' })).toEqual([
      ...OWN,
      ...['strict-transport-security', 'max-age=60'],
    ])
    expect(returned(said)).toEqual([...said, ...OWN])
  })

  test('RFC 9112 §6.3: a 204 has no length', () => {
    expect(returned(['Content-Length', '0'], { status: 204 })).toEqual(OWN)
  })

  test('RFC 9110 §15.5.2: a 401 of the upstream has a challenge [BT-6]', () => {
    expect(returned([], { status: 401 })).toEqual([
      ...OWN,
      ...['WWW-Authenticate', 'Bearer realm="api.bank.example"'],
      ...['WWW-Authenticate', expect.stringMatching(/^DPoP realm="api\.bank\.example"/)],
    ])
  })

  test('RFC 9110 §15.5.2: on a public route too, whose own scheme is none [BT-6]', () => {
    expect(returned([], { status: 401, isPublic: true })).toEqual([
      ...OWN,
      ...['WWW-Authenticate', 'Bearer realm="api.bank.example"'],
    ])
  })

  test('RFC 9110 §15.5.2: its own, if it has one', () => {
    const said = ['www-authenticate', 'Bearer realm="bank", error="invalid_token"']
    expect(returned(said, { status: 401 })).toEqual([...said, ...OWN])
    expect(returned([], { status: 403 })).toEqual(OWN)
  })

  test.each(['Basic realm="a"', 'Negotiate', 'Bearer realm="a", Basic realm="b"', 'a="b"', ''])(
    'RFC 9110 §11.6.1: not one of another scheme than the route has: %s [HTTP-26, U18]',
    (challenge) => {
      expect(returned(['WWW-Authenticate', challenge], { status: 401 })).toEqual(
        returned([], { status: 401 }),
      )
      expect(returned(['WWW-Authenticate', challenge], { status: 403 })).toEqual(OWN)
      // Nobody could take it for one of the gateway, which has none here.
      const said = ['WWW-Authenticate', challenge]
      expect(returned(said, { status: 401, isPublic: true })).toEqual([...said, ...OWN])
    },
  )

  test.each([
    'Client-Cert',
    'client-cert-chain',
    'Accept, Client-Cert',
    'X-Subject',
    'X-Client-ID',
    'X-Forwarded-Host',
    'Forwarded',
    'x-fapi-interaction-id',
    'X-Proxy-Cert',
  ])(
    'RFC 9440 §2.4: an answer chosen by what we say (Vary: %s) is chosen anew each time [CC-5]',
    (vary) => {
      expect(returned(['Vary', vary, 'Cache-Control', 'max-age=60'])).toEqual([
        ...['Vary', '*', 'Cache-Control', 'max-age=60'],
        ...OWN,
      ])
    },
  )

  test.each(['Accept', 'Origin, Accept-Language', '*', 'Authorization', ''])(
    'RFC 9110 §12.5.5: and one chosen by what the client says (Vary: %s) is as it was [CC-5]',
    (vary) => {
      expect(returned(['vary', vary])).toEqual(['vary', vary, ...OWN])
    },
  )

  test('RFC 9112 §9.6: a client that is still sending is told that nobody reads on', () => {
    expect(returned([], { isReceiving: true })).toEqual([...OWN, 'Connection', 'close'])
  })
})
