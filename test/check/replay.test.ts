import { describe, expect, test } from 'vitest'
import { replay } from '../../src/check/replay.ts'
import type { ReplayStore, UseOnce } from '../../src/sender-constraint/dpop/replay.ts'
import { createCheckedRoute, createRequest, createServices } from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const { publicKey: key } = createKeyPair('ES256')

function requestWith(jti: string, keyThumbprint = THUMBPRINT, receivedAt = NOW) {
  const request = createRequest({ receivedAt })
  request.proof = {
    keyThumbprint,
    key,
    jti,
    iat: NOW,
    nonce: undefined,
    acceptableUntil: NOW + 61,
  }
  return request
}

/** A store in another process: it answers the same, later. */
class RemoteStore implements ReplayStore {
  readonly since = 0
  readonly #answer: UseOnce
  readonly #isLate: boolean
  readonly asked: { key: string; until: number; now: number }[] = []

  constructor(answer: UseOnce, isLate: boolean) {
    this.#answer = answer
    this.#isLate = isLate
  }

  useOnce(key: string, until: number, now: number) {
    this.asked.push({ key, until, now })
    return this.#isLate ? Promise.resolve(this.#answer) : this.#answer
  }
}

const compiled = (store: ReplayStore) =>
  replay.compile({}, createCheckedRoute({ services: { ...createServices(), replay: store } }))!

describe('replay', () => {
  test('RFC 9449 §11.1: the first use of a proof passes, the second is refused [D12, DPOP-11.1-1]', () => {
    const check = replay.compile({}, createCheckedRoute())!
    expect(check(requestWith('a'))).toBeUndefined()
    expect(check(requestWith('a'))).toMatchObject({
      error: 'invalid_dpop_proof',
      reason: 'dpop_replayed',
    })
  })

  test('FAPIgo#92, RFC 9449 §11.1: also at the last moment at which the proof would be accepted [D15, PF-49]', () => {
    const check = replay.compile({}, createCheckedRoute())!
    check(requestWith('a'))
    expect(check(requestWith('a', THUMBPRINT, NOW + 61))).toMatchObject({ reason: 'dpop_replayed' })
  })

  test('RFC 9449 §11.1: the same jti of another key is another proof [D14]', () => {
    const check = replay.compile({}, createCheckedRoute())!
    expect(check(requestWith('a'))).toBeUndefined()
    expect(check(requestWith('a', OTHER_THUMBPRINT))).toBeUndefined()
    expect(check(requestWith('b'))).toBeUndefined()
  })

  test('RFC 9449 §11.1: of a thousand at once one passes [D13]', () => {
    const check = replay.compile({}, createCheckedRoute())!
    const outcomes = Array.from({ length: 1000 }, () => check(requestWith('a')))
    expect(outcomes.filter((outcome) => outcome === undefined)).toHaveLength(1)
  })

  test('RFC 9449 §11.1: what is remembered is a hash, until the proof has ended [DPOP-11.1-1, D11]', () => {
    const store = new RemoteStore('first', false)
    compiled(store)(requestWith('a\r\n*'))
    expect(store.asked).toEqual([
      { key: expect.stringMatching(/^[\w-]{43}$/), until: NOW + 61, now: NOW },
    ])
  })

  test.each([
    ['again', 'invalid_dpop_proof', 'dpop_replayed'],
    ['full', 'temporarily_unavailable', 'replay_store_full'],
    ['unavailable', 'temporarily_unavailable', 'replay_store_unavailable'],
  ] as const)(
    'RFC 9449 §11.1: a store that answers "%s" lets nothing pass [D22, DPOP-11.1-1]',
    async (answer, error, reason) => {
      expect(compiled(new RemoteStore(answer, false))(requestWith('a'))).toMatchObject({
        error,
        reason,
      })
      const late = compiled(new RemoteStore(answer, true))(requestWith('a'))
      expect(late).toBeInstanceOf(Promise)
      expect(await late).toMatchObject({ error, reason })
    },
  )

  test('RFC 9449 §11.1: a store that has to be waited for is waited for', async () => {
    const late = compiled(new RemoteStore('first', true))(requestWith('a'))
    expect(late).toBeInstanceOf(Promise)
    expect(await late).toBeUndefined()
  })

  test('RFC 9449 §11.1: a store that is full forgets none of what it holds [D22]', () => {
    const check = replay.compile({}, createCheckedRoute({ services: createServices(2) }))!
    check(requestWith('a'))
    check(requestWith('b'))
    expect(check(requestWith('c'))).toMatchObject({ reason: 'replay_store_full' })
    expect(check(requestWith('a'))).toMatchObject({ reason: 'dpop_replayed' })
  })

  test('RFC 9449 §7.1: a request without a proof is not remembered', () => {
    const store = new RemoteStore('again', false)
    expect(compiled(store)(createRequest())).toBeUndefined()
    expect(store.asked).toEqual([])
  })

  test('where DPoP cannot succeed, or nothing is asked, there is no check', () => {
    expect(replay.compile({}, createCheckedRoute({ schemes: ['Bearer'] }))).toBeUndefined()
    expect(replay.compile({}, createCheckedRoute({ isPublic: true }))).toBeUndefined()
  })
})
