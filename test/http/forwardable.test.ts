import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compileRequestFieldFilter,
  compileResponseFieldFilter,
  foldFieldName,
  GATEWAY_OWNED,
  GATEWAY_OWNED_PREFIXES,
  HOP_BY_HOP,
} from '../../src/http/forwardable.ts'

const crosses = compileRequestFieldFilter(['X-Client-Id', 'x_consumer.id', 'authorization'])
const returns = compileResponseFieldFilter(['DPoP-Nonce', 'x-fapi-interaction-id', 'server'])

describe('foldFieldName', () => {
  test.each(['X_Client_Id', 'x.client.id', 'X-CLIENT.ID', 'x_client-id'])(
    'RFC 9700 §4.13, H19: %s is read as x-client-id',
    (name) => {
      expect(foldFieldName(name)).toBe('x-client-id')
    },
  )
})

describe('compileRequestFieldFilter', () => {
  test.each([
    'accept',
    'content-type',
    'content-encoding',
    'idempotency-key',
    'x-fapi-interaction-id',
    'x-fapi-customer-ip-address',
    'traceparent',
    'dpop',
    'cookie',
    'x-client',
    'x-forwardedness',
    'x-ssl',
    'ssl-client',
    'proxy-status',
    'x-request-id',
    'range',
    'constructor',
  ])('RFC 9110 §7.6: %s is forwarded', (name) => {
    expect(crosses(name)).toBe(true)
  })

  test.each([
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-authentication-info',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'http2-settings',
  ])('RFC 9110 §7.6.1, H10, H16, H17: %s is not, in either direction', (name) => {
    expect(HOP_BY_HOP.has(name)).toBe(true)
    expect(crosses(name)).toBe(false)
    expect(returns(name)).toBe(false)
  })

  test.each(['content-length', 'host', 'expect'])(
    'RFC 9112 §6, H12, H28: %s is recomputed and not forwarded',
    (name) => {
      expect(crosses(name)).toBe(false)
    },
  )

  test.each([
    'forwarded',
    'x-forwarded',
    'x-forwarded-for',
    'x-forwarded-proto',
    'x-forwarded-host',
    'x-forwarded-prefix',
    'x-forwarded-anything-new',
    'x-forwarded-client-cert',
    'x-real-ip',
    'true-client-ip',
    'x-client-ip',
    'cf-connecting-ip',
    'client-cert',
    'client-cert-chain',
    'x-client-cert',
    'x-client-certificate',
    'x-client-cert-dn',
    'x-ssl-client-verify',
    'ssl-client-s-dn',
    'x-arr-clientcert',
    'x-clientcert',
    'clientcert',
    'ssl-cert',
    'x-ssl-cert',
    'x-tls-cert',
    'x-mtls-cert',
    'x-mtls-client-dn',
    'client-cert-subject',
    'cf-client-cert-der-base64',
    'wl-proxy-client-cert',
    'x-amzn-mtls-clientcert-leaf',
    'x-cluster-client-ip',
    'x-original-forwarded-for',
    'fastly-client-ip',
    'x-amzn-mtls-clientcert',
    'x-tls-client-serial',
    'x-http-method-override',
    'x-http-method',
    'x-method-override',
    'x-original-url',
    'x-original-uri',
    'x-original-method',
    'x-rewrite-url',
    'x-envoy-original-path',
    'proxy',
  ])(
    'RFC 9700 §4.13, RFC 9440 §2.4, P12: a client’s %s never passes [BT-12, CC-8, H20]',
    (name) => {
      expect(crosses(name)).toBe(false)
      expect(compileRequestFieldFilter([])(name)).toBe(false)
    },
  )

  test('RFC 9700 §4.13, H20: what the caller owns never passes, however the caller wrote it', () => {
    expect(crosses('x-client-id')).toBe(false)
    expect(crosses('x-consumer-id')).toBe(false)
    expect(crosses('authorization')).toBe(false)
    expect(compileRequestFieldFilter([])('x-client-id')).toBe(true)
    expect(compileRequestFieldFilter([])('authorization')).toBe(true)
  })

  test('RFC 9700 §4.13, H03, H19: no owned name passes under a spelling that folds into it [H19, HTTP-21]', () => {
    const owned = [...GATEWAY_OWNED, ...GATEWAY_OWNED_PREFIXES.map((it) => `${it}x`), 'x-client-id']
    const spelling = fc
      .constantFrom(...owned, ...HOP_BY_HOP, 'content-length')
      .chain((name) =>
        fc
          .array(fc.constantFrom('-', '_', '.'), { minLength: name.length, maxLength: name.length })
          .map((marks) => name.replace(/-/g, (_, at: number) => marks[at]!)),
      )
    fc.assert(
      fc.property(spelling, (name) => {
        expect(crosses(name)).toBe(false)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    'x_user',
    'x.user',
    'dpop_',
    'authorization_',
    'transfer_encoding',
    '__proto__',
    'x!user',
    'x~user',
    'x user',
    'x:user',
    'x-user\r\n',
    '',
    'Accept',
    'x-\u00fcser',
  ])(
    'H19, H22: %j has a character that no field of ours has, and is not forwarded [H19, H22]',
    (name) => {
      expect(crosses(name)).toBe(false)
    },
  )

  test('a decision is the same when it is asked again, also after strangers have filled the memory', () => {
    const filter = compileRequestFieldFilter(['x-client-id'])
    for (let round = 0; round < 2; round++) {
      for (let count = 0; count < 2000; count++) {
        expect(filter(`x-made-up-${count}`)).toBe(true)
        expect(filter(`x-forwarded-${count}`)).toBe(false)
      }
      expect(filter('accept')).toBe(true)
      expect(filter('x-client-id')).toBe(false)
      expect(filter(`x-${'long'.repeat(1000)}`)).toBe(true)
    }
  })

  test('two filters share nothing', () => {
    const one = compileRequestFieldFilter(['x-one'])
    const two = compileRequestFieldFilter(['x-two'])
    expect([one('x-one'), two('x-one'), one('x-two'), two('x-two')]).toEqual([
      false,
      true,
      true,
      false,
    ])
  })
})

describe('compileResponseFieldFilter', () => {
  test.each([
    'content-type',
    'content-length',
    'set-cookie',
    'location',
    'x_legacy',
    'x-forwarded-for',
  ])('RFC 9110 §7.6: an upstream’s %s is forwarded', (name) => {
    expect(returns(name)).toBe(true)
  })

  test.each(['dpop-nonce', 'dpop_nonce', 'x-fapi-interaction-id', 'server', 'a b', 'a\r\nb', ''])(
    'RFC 9449 §8.1, H18, H36: an upstream’s %j is not',
    (name) => {
      expect(returns(name)).toBe(false)
    },
  )
})
