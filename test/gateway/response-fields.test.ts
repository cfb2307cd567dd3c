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
}

function returned(rawFields: readonly string[], changed: Changed = {}) {
  const { status = 200, nonce, isReceiving = false, isPublic = false } = changed
  const exchange = createExchange({ isReceiving })
  exchange.request = createRequest()
  exchange.request.nextNonce = nonce
  return responseFields(exchange, createRoute({ isPublic }), status, rawFields)
}

describe('responseFields', () => {
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

  test.each(['Server', 'X-Powered-By', 'Via', 'X-FAPI-Interaction-ID', 'x_fapi_interaction_id'])(
    'FAPI 1.0 Baseline §6.2.1-11: %s of the upstream is not passed on',
    (name) => {
      expect(returned([name, 'a'])).toEqual(OWN)
    },
  )

  test('RFC 9449 §8.1: a nonce is the gateway’s, and there is one', () => {
    const said = ['DPoP-Nonce', 'theirs', 'dpop_nonce', 'theirs']
    expect(returned(said)).toEqual(OWN)
    expect(returned(said, { nonce: 'ours' })).toEqual([
      ...OWN,
      ...['DPoP-Nonce', 'ours', 'Cache-Control', 'no-store'],
    ])
  })

  test('RFC 9449 §8.2: a response with a nonce is not stored, whatever the upstream says', () => {
    const said = ['Cache-Control', 'public', 'cache-control', 'max-age=60']
    expect(returned(said, { nonce: 'n' })).toEqual([
      ...OWN,
      ...['DPoP-Nonce', 'n', 'Cache-Control', 'no-store'],
    ])
  })

  test('RFC 9112 §6.3: a 204 has no length', () => {
    expect(returned(['Content-Length', '0'], { status: 204 })).toEqual(OWN)
  })

  test('RFC 9110 §15.5.2, BT-6: a 401 of the upstream has a challenge', () => {
    expect(returned([], { status: 401 })).toEqual([
      ...OWN,
      ...['WWW-Authenticate', 'Bearer realm="api.bank.example"'],
      ...['WWW-Authenticate', expect.stringMatching(/^DPoP realm="api\.bank\.example"/)],
    ])
  })

  test('RFC 9110 §15.5.2: its own, if it has one', () => {
    const said = ['www-authenticate', 'Bearer realm="bank", error="invalid_token"']
    expect(returned(said, { status: 401 })).toEqual([...said, ...OWN])
    expect(returned([], { status: 403 })).toEqual(OWN)
  })

  test('RFC 9112 §9.6: a client that is still sending is told that nobody reads on', () => {
    expect(returned([], { isReceiving: true })).toEqual([...OWN, 'Connection', 'close'])
  })
})
