import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { nameOfKeys, RelayedKeys } from '../../../src/adapter/workers/relayed-keys.ts'
import type { HeldKeys, KeyQuestion } from '../../../src/adapter/workers/talk.ts'
import type { IssuerConfig } from '../../../src/config/configuration.ts'
import { Failure } from '../../../src/failure/failure.ts'
import { type PublicJwk, parsePublicJwk } from '../../../src/jose/jwk.ts'

const CONFIG = {
  id: 'bank',
  issuer: 'https://as.bank.example',
  algorithms: ['ES256'],
  jwks: { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 },
} as Partial<IssuerConfig> as IssuerConfig

function jwk(kid: string): PublicJwk {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return parsePublicJwk({ ...publicKey.export({ format: 'jwk' }), kid })!
}
const [one, other] = [jwk('one'), jwk('other')]

/** Seconds. */
let time: number
let held: HeldKeys | undefined
let asked: KeyQuestion[]
let withdrawn: number
let keys: RelayedKeys

beforeEach(() => {
  time = 1000
  held = { jwks: [one], age: 0, lastFailed: false, coolsFor: 0 }
  asked = []
  withdrawn = 0
  keys = new RelayedKeys({
    config: CONFIG,
    clock: () => time,
    onWithdrawn: () => {
      withdrawn += 1
    },
    async ask(question) {
      asked.push(question)
      if (held === undefined) throw new Error('no answer')
      return held
    },
    onClose: () => {},
  })
})

async function find(kid: string) {
  const found = await keys.find(kid, 'ES256')
  return found instanceof Failure ? found.reason : found.length
}

describe('RFC 7517 §5: keys that the primary fetches', () => {
  test('are had at the start, without the issuer being asked for it', async () => {
    expect(keys.isFresh()).toBe(false)
    await keys.start()
    expect(keys.isFresh()).toBe(true)
    expect(await find('one')).toBe(1)
    expect(asked).toEqual([{ of: nameOfKeys(CONFIG), anew: false }])
  })

  test('RFC 8725 §3.10: a name that is not known is asked for once, whoever wants it', async () => {
    await keys.start()
    held = { jwks: [one, other], age: 0, lastFailed: false, coolsFor: 30 }
    expect(await Promise.all([find('other'), find('other'), find('third')])).toEqual([1, 1, 0])
    expect(asked.map(({ anew }) => anew)).toEqual([false, true])
  })

  test('RFC 8725 §3.10: nobody is asked while the primary would not ask either', async () => {
    held = { jwks: [one], age: 0, lastFailed: false, coolsFor: 30 }
    await keys.start()
    time += 29.9
    expect(await find('other')).toBe(0)
    expect(asked).toHaveLength(1)
    time += 0.2
    expect(await find('other')).toBe(0)
    expect(asked).toHaveLength(2)
  })

  test('are taken when the primary has others, and what they replace is withdrawn', async () => {
    await keys.start()
    keys.take({ jwks: [other], age: 0, lastFailed: false, coolsFor: 30 })
    expect(withdrawn).toBe(1)
    expect([await find('one'), await find('other')]).toEqual([0, 1])
    keys.take({ jwks: [one, other], age: 0, lastFailed: false, coolsFor: 30 })
    expect(withdrawn).toBe(1)
  })

  test('are no fresher than they are with the primary', async () => {
    held = { jwks: [one], age: 4100, lastFailed: true, coolsFor: 30 }
    await keys.start()
    expect(keys.isFresh()).toBe(true)
    time += 101
    expect(keys.isFresh()).toBe(false)
    held = { ...held, age: 4201 }
    expect(await find('one')).toBe('jwks_not_loaded')
  })

  test.each<[string, HeldKeys | undefined]>([
    ['whose last attempt failed', { jwks: [one], age: 0, lastFailed: true, coolsFor: 30 }],
    ['that does not answer', undefined],
  ])('say that they do not know where it is the primary %s', async (_, then) => {
    await keys.start()
    held = then
    expect(await find('other')).toBe('jwks_stale')
    expect(await find('one')).toBe(1)
  })

  test('have another name where they are had in another way', () => {
    const changed = { ...CONFIG, jwksUri: 'https://as.bank.example/other' }
    expect(nameOfKeys(changed)).not.toBe(nameOfKeys(CONFIG))
    expect(nameOfKeys({ ...CONFIG, audiences: ['https://other.example'] })).toBe(nameOfKeys(CONFIG))
  })
})
