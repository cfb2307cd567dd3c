import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RemoteKeys } from '../../src/adapter/jwks.ts'
import { DiscoveredIssuer } from '../../src/adapter/metadata.ts'
import { OutboundClient } from '../../src/adapter/outbound.ts'
import type { IssuerConfig } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { createLogger } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { sumOf } from '../support/exposition.ts'
import type { StubAnswer } from '../support/stub.ts'
import { type StubIssuer, startStubIssuer } from '../support/stub-issuer.ts'

let stub: StubIssuer
let ps256: JWK
let es256: JWK
/** What the stub says when it is asked for its keys. */
let said: () => StubAnswer | 'unanswered' | Promise<StubAnswer | 'unanswered'>
let client: OutboundClient
let metrics: Metrics
let lines: string[]
/** Seconds. */
let time: number
let withdrawn: number
const opened: RemoteKeys[] = []

beforeAll(async () => {
  stub = await startStubIssuer(({ url }) => (url === '/jwks' ? said() : { status: 404 }))
  const [rsa, ec] = await Promise.all([
    generateKeyPair('PS256', { extractable: true }),
    generateKeyPair('ES256', { extractable: true }),
  ])
  ps256 = { ...(await exportJWK(rsa.publicKey)), kid: 'rsa', alg: 'PS256', use: 'sig' }
  es256 = { ...(await exportJWK(ec.publicKey)), kid: 'ec', alg: 'ES256', use: 'sig' }
})

beforeEach(() => {
  said = () => ({ body: { keys: [ps256, es256] } })
  client = new OutboundClient(stub.tls, 1)
  metrics = createMetrics()
  lines = []
  time = 0
  withdrawn = 0
})

afterEach(async () => {
  for (const keys of opened.splice(0)) keys.close()
  await client.close()
})

afterAll(() => stub.close())

function open(more: Partial<IssuerConfig> = {}, by = client, discoverer = client): RemoteKeys {
  const keys = new RemoteKeys({
    config: stub.config({ jwksUri: `${stub.origin}/jwks`, ...more }),
    client: by,
    discovery: new DiscoveredIssuer(stub.origin, discoverer),
    metrics,
    logger: createLogger('debug', { write: (line) => void lines.push(line) }),
    clock: () => time,
    onWithdrawn: () => {
      withdrawn += 1
    },
  })
  opened.push(keys)
  return keys
}

/** How many keys are found, or why none could be. */
async function find(keys: RemoteKeys, kid: string | undefined, algorithm = 'PS256' as const) {
  const found = await keys.find(kid, algorithm)
  return found instanceof Failure ? found.reason : found.length
}

const fetches = () => stub.requests.length

const refreshes = async (result: string) =>
  sumOf(await metrics.expose(), 'fapigw_jwks_refresh_total', { issuer: 'stub', result }) ?? 0

describe('RFC 7517 §5: a key set', () => {
  test('is asked for once, and its keys are found by name and by what they are for', async () => {
    const keys = open()
    expect(keys.isFresh()).toBe(false)
    const before = fetches()
    await keys.start()
    expect(keys.isFresh()).toBe(true)
    expect(await find(keys, 'rsa')).toBe(1)
    expect(await find(keys, undefined)).toBe(1)
    // FAPI 2.0 SP §5.4.3: the name alone does not make it fit.
    expect(await find(keys, 'ec')).toBe(0)
    expect(fetches()).toBe(before + 1)
    expect(stub.requests.at(-1)).toMatchObject({ method: 'GET', url: '/jwks' })
    expect(await refreshes('ok')).toBe(1)
    expect(sumOf(await metrics.expose(), 'fapigw_jwks_keys', { issuer: 'stub' })).toBe(2)
  })

  test('FAPI 2.0 SP §5.4.3: of several keys of one name, four are tried at most [J11, J13, F1A-ALG-4, F2-ALG-5]', async () => {
    const same = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const { publicKey } = await generateKeyPair('ES256', { extractable: true })
        return { ...(await exportJWK(publicKey)), kid: 'one' }
      }),
    )
    said = () => ({ body: { keys: [...same, { ...ps256, kid: 'one' }] } })
    const keys = open()
    await keys.start()
    expect(await keys.find('one', 'ES256')).toHaveLength(4)
    expect(await find(keys, 'one')).toBe(1)
  })

  test.each<[string, () => unknown]>([
    ['symmetric ones', () => ({ kty: 'oct', k: 'c2VjcmV0', kid: 'x' })],
    ['private ones', () => ({ ...es256, d: es256.x })],
    ['of an unknown type', () => ({ kty: 'LMS', kid: 'x' })],
    ['of an unknown curve', () => ({ ...es256, crv: 'P-999' })],
    ['off their curve', () => ({ ...es256, y: es256.x })],
    ['that are too short', () => ({ ...ps256, n: ps256.n?.slice(0, 172) })],
    ['that are no object', () => 'key'],
  ])('keys that cannot be used are passed over: %s', async (_title, key) => {
    said = () => ({ body: { keys: [key(), ps256] } })
    const keys = open()
    await keys.start()
    expect(sumOf(await metrics.expose(), 'fapigw_jwks_keys', { issuer: 'stub' })).toBe(1)
    expect(await find(keys, 'rsa')).toBe(1)
  })

  test.each<[string, () => StubAnswer | 'unanswered', string]>([
    ['500', () => ({ status: 500, body: { keys: [ps256] } }), 'error'],
    ['a redirect', () => ({ status: 302, headers: { location: '/jwks' } }), 'error'],
    ['HTML', () => ({ body: '<html>' }), 'error'],
    ['a list', () => ({ body: [ps256] }), 'error'],
    ['keys that are no list', () => ({ body: { keys: ps256 } }), 'error'],
    ['too many', () => ({ body: { keys: Array.from({ length: 101 }, () => ps256) } }), 'error'],
    ['two lists', () => ({ body: `{"keys":[],"keys":[${JSON.stringify(ps256)}]}` }), 'error'],
    ['a megabyte', () => ({ body: { keys: [ps256], more: 'x'.repeat(1_048_576) } }), 'error'],
    ['nothing', () => 'unanswered', 'timeout'],
  ])(
    'an answer that is none leaves nothing to go by: %s [I03, I04]',
    async (_title, answer, result) => {
      said = answer
      const keys = open()
      await keys.start()
      expect(keys.isFresh()).toBe(false)
      expect(await find(keys, 'rsa')).toBe('jwks_not_loaded')
      expect(await refreshes(result)).toBe(1)
      expect(lines.join()).toContain('the key set could not be fetched')
    },
  )
})

describe('an issuer that has withdrawn all its keys', () => {
  test.each<[string, object[]]>([
    ['has none', []],
    ['has none that can be used', [{ kty: 'oct', k: 'AA' }]],
    ['has none that is for signatures', [{ use: 'enc' }]],
    ['has none that is for verifying', [{ use: undefined, key_ops: ['encrypt'] }]],
    ['has none of an algorithm of its tokens', [{ alg: 'RS256' }]],
  ])(
    'RFC 7517 §5: is heeded at once, and said loudly, if its set %s [I06]',
    async (_title, left) => {
      said = () => ({ body: { keys: [ps256] } })
      const keys = open()
      await keys.start()
      expect(await find(keys, 'rsa')).toBe(1)

      said = () => ({ body: { keys: left.map((more) => ({ ...ps256, ...more })) } })
      time = 31
      await keys.renew()
      // What cannot be decided is no fault of a token.
      expect(await find(keys, 'rsa')).toBe('jwks_empty')
      expect(keys.isFresh()).toBe(false)
      expect(withdrawn).toBe(1)
      expect(lines.join()).toContain('the key set has no key to use')
    },
  )

  test('is asked again in the background, as one that is down', async () => {
    said = () => ({ body: { keys: [] } })
    const keys = open()
    await keys.start()
    expect(keys.isFresh()).toBe(false)
    said = () => ({ body: { keys: [ps256] } })
    await expect.poll(() => keys.isFresh(), { timeout: 20_000 }).toBe(true)
  })
})

describe('RFC 8725 §3.10: a name that is not known', () => {
  test('is asked for at most once a cool-down [JWT-13, I05]', async () => {
    const keys = open({ jwks: { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 } })
    await keys.start()
    const before = fetches()
    for (let i = 0; i < 1000; i++) expect(await find(keys, `unknown-${i}`)).toBe(0)
    expect(fetches()).toBe(before)

    time += 30
    const found = Array.from({ length: 1000 }, (_, i) => find(keys, `other-${i}`))
    expect(new Set(await Promise.all(found))).toEqual(new Set([0]))
    expect(fetches()).toBe(before + 1)

    time += 29.9
    for (let i = 0; i < 1000; i++) expect(await find(keys, `more-${i}`)).toBe(0)
    expect(fetches()).toBe(before + 1)
  })

  test('is found when the issuer has it by now [I06]', async () => {
    const keys = open()
    await keys.start()
    expect(await find(keys, 'next')).toBe(0)
    said = () => ({ body: { keys: [{ ...ps256, kid: 'next' }, es256] } })
    time += 30
    expect(await find(keys, 'next')).toBe(1)
    expect(await find(keys, 'rsa')).toBe(0)
  })

  test('does not hold up those that are known', async () => {
    const keys = open()
    await keys.start()
    time += 30
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    said = async () => {
      await held
      return { body: { keys: [ps256] } }
    }
    const unknown = keys.find('unknown', 'PS256')
    expect(unknown).toBeInstanceOf(Promise)
    expect(keys.find('rsa', 'PS256')).toHaveLength(1)
    release()
    expect(await unknown).toEqual([])
  })
})

describe('RFC 7517 §5: a set that is at hand', () => {
  const faults: [string, () => StubAnswer | 'unanswered'][] = [
    ['500', () => ({ status: 500 })],
    ['404', () => ({ status: 404 })],
    ['204', () => ({ status: 204, body: '' })],
    [
      'a redirect to another host',
      () => ({ status: 302, headers: { location: 'https://127.0.0.1/' } }),
    ],
    ['HTML', () => ({ type: 'text/html', body: '<html></html>' })],
    ['nothing', () => ({ body: '' })],
    ['no member', () => ({ body: {} })],
    ['keys that are no list', () => ({ body: { keys: {} } })],
    ['half of it', () => ({ body: JSON.stringify({ keys: [es256] }).slice(0, -3) })],
    ['another object behind it', () => ({ body: `${JSON.stringify({ keys: [es256] })}{}` })],
    ['two lists', () => ({ body: `{"keys":[],"keys":${JSON.stringify([es256])}}` })],
    ['too many keys', () => ({ body: { keys: Array.from({ length: 101 }, () => es256) } })],
    ['a hundred thousand keys', () => ({ body: { keys: Array(100_000).fill({}) } })],
    ['a megabyte and more', () => ({ body: { keys: [es256], more: 'x'.repeat(1_048_576) } })],
  ]

  test.each(faults)('is used on where what comes is none: %s [I03, I04]', async (_title, fault) => {
    said = () => ({ body: { keys: [ps256] } })
    const keys = open()
    await keys.start()
    said = fault
    time += 30
    await keys.renew()
    expect(await find(keys, 'rsa')).toBe(1)
    expect(await find(keys, 'ec')).toBe('jwks_stale')
    expect(await refreshes('error')).toBe(1)
    expect(withdrawn).toBe(0)
    expect(stub.requests.every(({ url }) => url === '/jwks')).toBe(true)
  })

  test('is used on where bytes come that are not UTF-8 [I03]', async () => {
    said = () => ({ body: { keys: [ps256] } })
    const keys = open()
    await keys.start()
    const answered = stub.answer
    stub.answer = (_, response) => {
      const text = JSON.stringify({ keys: [es256], name: '?' })
      const bytes = Buffer.from(text).map((byte) => (byte === 0x3f ? 0xff : byte))
      response.writeHead(200, { 'content-type': 'application/json' }).end(bytes)
      return 'unanswered'
    }
    time += 30
    await keys.renew()
    stub.answer = answered
    expect(await find(keys, 'rsa')).toBe(1)
    expect(await refreshes('error')).toBe(1)
  })

  test('RFC 9325 §7.1: is used on where it comes from somebody who is not trusted [I08]', async () => {
    const stranger = new OutboundClient({ ...stub.tls, ca: undefined }, 1)
    const keys = open({}, stranger)
    const before = fetches()
    await keys.start()
    expect(await find(keys, 'rsa')).toBe('jwks_not_loaded')
    expect(fetches()).toBe(before)
    await stranger.close()
  })
})

test('RFC 7515 §4.1.4: without a kid, of twenty keys four are tried [J11]', async () => {
  const all = await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const { publicKey } = await generateKeyPair('ES256', { extractable: true })
      return { ...(await exportJWK(publicKey)), kid: `key-${i}` }
    }),
  )
  said = () => ({ body: { keys: [...all, ps256] } })
  const keys = open()
  await keys.start()
  expect(await keys.find(undefined, 'ES256')).toHaveLength(4)
  expect(await find(keys, undefined)).toBe(1)
  expect(await keys.find('key-19', 'ES256')).toHaveLength(1)
})

describe('the time of one fetch', () => {
  test('is that of discovery and keys together', async () => {
    // Each of them alone would be in time.
    const slow = async (body: unknown) => {
      await new Promise((resolve) => setTimeout(resolve, 700))
      return { body }
    }
    const answered = stub.answer
    stub.answer = ({ url }) =>
      slow(
        url === '/jwks'
          ? { keys: [ps256] }
          : { issuer: stub.origin, jwks_uri: `${stub.origin}/jwks` },
      )
    const hasty = new OutboundClient(stub.tls, 1)
    const discovering = new OutboundClient(stub.tls, 5)
    const keys = open({ jwksUri: undefined }, hasty, discovering)
    await keys.start()
    stub.answer = answered
    expect(await refreshes('timeout')).toBe(1)
    expect(keys.isFresh()).toBe(false)
    await Promise.all([hasty.close(), discovering.close()])
  })
})

describe('an issuer that is down', () => {
  test('its keys are used on, up to a stated age, and not guessed about [JWT-14, I02]', async () => {
    const jwks = { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 }
    const keys = open({ jwks })
    await keys.start()
    said = () => ({ status: 503 })

    time += jwks.cooldown
    expect(await find(keys, 'unknown')).toBe('jwks_stale')
    expect(await find(keys, 'unknown')).toBe('jwks_stale')
    expect(await find(keys, 'rsa')).toBe(1)

    time = jwks.refresh + jwks.staleIfError
    expect(keys.isFresh()).toBe(true)
    expect(await find(keys, 'rsa')).toBe(1)
    time += 1
    expect(keys.isFresh()).toBe(false)
    expect(await find(keys, 'rsa')).toBe('jwks_not_loaded')

    said = () => ({ body: { keys: [ps256] } })
    time += jwks.cooldown
    expect(await find(keys, 'rsa')).toBe(1)
    expect(keys.isFresh()).toBe(true)
  })

  test('is asked again in the background, without a request [I01]', async () => {
    said = () => ({ status: 503 })
    const keys = open()
    await keys.start()
    expect(keys.isFresh()).toBe(false)
    said = () => ({ body: { keys: [ps256] } })
    await expect.poll(() => keys.isFresh(), { timeout: 20_000 }).toBe(true)
    expect(await refreshes('ok')).toBe(1)
  })

  test('no request makes it be asked more than once a second', async () => {
    said = () => ({ status: 503 })
    const keys = open()
    await keys.start()
    const before = fetches()
    // The background asks too, by the clock on the wall: close it to see the requests alone.
    keys.close()
    for (let i = 0; i < 100; i++) expect(await find(keys, 'rsa')).toBe('jwks_not_loaded')
    expect(fetches()).toBe(before)
    time += 1
    for (let i = 0; i < 100; i++) expect(await find(keys, 'rsa')).toBe('jwks_not_loaded')
    expect(fetches()).toBe(before + 1)
  })
})

describe('a key that the issuer has withdrawn', () => {
  test.each<[string, () => object[], number]>([
    ['is told of', () => [es256], 1],
    ['is told of, if another has its name', () => [{ ...es256, kid: 'rsa' }], 1],
    ['is none if there are more', () => [es256, ps256, { ...ps256, kid: 'more' }], 0],
    ['is told of, if it is for encryption now', () => [es256, { ...ps256, use: 'enc' }], 1],
    [
      'is told of, if it does not verify now',
      () => [es256, { ...ps256, use: undefined, key_ops: ['wrapKey'] }],
      1,
    ],
    [
      'is told of, if it is for another algorithm now',
      () => [es256, { ...ps256, alg: 'RS256' }],
      1,
    ],
    ['is none if it is for more now', () => [es256, { ...ps256, alg: undefined }], 0],
    [
      'is none if another of its kind is for encryption',
      () => [es256, ps256, { ...ps256, use: 'enc' }],
      0,
    ],
    ['is none if it has another name', () => [es256, { ...ps256, kid: 'renamed' }], 0],
  ])('%s', async (_title, next, times) => {
    const keys = open({ algorithms: ['PS256', 'ES256', 'RS256'] })
    await keys.start()
    expect(withdrawn).toBe(0)
    said = () => ({ body: { keys: next() } })
    time += 30
    await keys.find('unknown', 'PS256')
    expect(withdrawn).toBe(times)
  })

  test('is not one that could not be asked for', async () => {
    const keys = open()
    await keys.start()
    said = () => ({ status: 500 })
    time += 30
    await keys.find('unknown', 'PS256')
    expect(withdrawn).toBe(0)
  })
})
