import { describe, expect, test } from 'vitest'
import {
  allowedOrigin,
  type CorsPolicy,
  corsFields,
  preflightedMethod,
  preflightFields,
} from '../../src/http/cors.ts'

const policy: CorsPolicy = {
  origins: ['https://app.example', 'http://localhost:3000'],
  fields: ['x-idempotency-key'],
  maxAge: 600,
}
const from = (...origins: string[]) => origins.flatMap((origin) => ['Origin', origin])

describe('CORS', () => {
  test('FAPI 1.0 Baseline §6.2.1-14: an origin that is named may call', () => {
    expect(allowedOrigin(policy, from('https://app.example'))).toBe('https://app.example')
  })

  test.each([
    ['none', []],
    ['another', from('https://evil.example')],
    ['another scheme', from('http://app.example')],
    ['another port', from('https://app.example:8443')],
    ['one that ends with it', from('https://evil-app.example')],
    ['one that begins with it', from('https://app.example.evil.example')],
    ['in another case', from('https://APP.example')],
    ['null', from('null')],
    ['a star', from('*')],
    ['two', from('https://app.example', 'https://app.example')],
  ])('FAPI 1.0 Baseline §6.2.1-14: %s may not', (_title, rawFields) => {
    expect(allowedOrigin(policy, rawFields)).toBeUndefined()
    expect(corsFields(policy, rawFields)).toEqual(['Vary', 'Origin'])
  })

  test('RFC 9449 §7.1, §8.2: a script sees challenge, nonce and interaction id [DPOP-7.1-5]', () => {
    expect(corsFields(policy, from('https://app.example'))).toEqual([
      ...['Vary', 'Origin'],
      ...['Access-Control-Allow-Origin', 'https://app.example'],
      'Access-Control-Expose-Headers',
      'WWW-Authenticate, DPoP-Nonce, x-fapi-interaction-id',
    ])
  })

  test('FAPI 1.0 Baseline §6.2.1-14: a preflight is told methods and fields, and never credentials', () => {
    const fields = preflightFields(policy, from('https://app.example'), ['GET', 'HEAD'])
    expect(fields.slice(6)).toEqual([
      ...['Access-Control-Allow-Methods', 'GET, HEAD'],
      'Access-Control-Allow-Headers',
      'Authorization, DPoP, Content-Type, x-fapi-interaction-id, x-fapi-auth-date, x-fapi-customer-ip-address, x-idempotency-key',
      ...['Access-Control-Max-Age', '600'],
    ])
    expect(fields.join()).not.toMatch(/credentials/i)
  })

  test('FAPI 1.0 Baseline §6.2.1-14: only OPTIONS that asks about one method is a preflight', () => {
    const asking = ['Access-Control-Request-Method', 'POST']
    expect(preflightedMethod('OPTIONS', asking)).toBe('POST')
    expect(preflightedMethod('GET', asking)).toBeUndefined()
    expect(preflightedMethod('OPTIONS', [])).toBeUndefined()
    expect(preflightedMethod('OPTIONS', [...asking, ...asking])).toBeUndefined()
  })
})
