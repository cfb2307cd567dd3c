/**
 * What clients do in a soak, honest and otherwise, and what should come of it.
 *
 * @module
 */

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { call, type Expected, type Outcome } from './call.ts'
import type { Asking } from './client.ts'
import type { Claims } from './issuer.ts'
import { type Holder, OPAQUE_TTL, type World } from './world.ts'

export interface Scenario {
  readonly name: string
  /** How often it is taken, beside others. */
  readonly weight: number
  /** What went wrong. */
  run(): Promise<readonly string[]>
}

const SERVED: Expected = { status: [200], content: 'echo', client: 'soak' }

function refused(status: number, ...reasons: string[]): Expected {
  return { status: [status], reasons, content: 'echo' }
}

const LARGE = 4_194_304
const MODERATE = 262_144

/** Tokens that are good, of which some are used again and again and some once. */
class Purse {
  readonly #make: () => string
  #tokens: { readonly token: string; readonly until: number }[] = []

  constructor(make: () => string) {
    this.#make = make
  }

  take(): string {
    const now = Date.now()
    this.#tokens = this.#tokens.filter(({ until }) => until > now)
    const known = this.#tokens[randomInt(PURSE)]
    if (known !== undefined) return known.token
    const token = this.#make()
    if (this.#tokens.length < PURSE) this.#tokens.push({ token, until: now + USED_MS })
    return token
  }
}

/** More than the caches of the gateway hold. */
const PURSE = 150
/** Far less than a token lives, or than a key is published after it has signed. */
const USED_MS = 10_000

/** @param world Whose tokens are used. */
export function createScenarios(world: World): readonly Scenario[] {
  const { issuer, bound } = world
  const mtls = new Purse(() => issuer.sign({ cnf: bound.mtls }))
  const dpop = new Purse(() => issuer.sign({ cnf: bound.dpop }))
  const opaque = new Purse(() => issuer.grant({ cnf: bound.mtls }))
  let nonce = 'none'

  const bearer = (
    token: string,
    expected: Expected = SERVED,
    asking: Partial<Asking> = {},
    holder: Holder = 'owner',
  ) =>
    call(
      world,
      world.client(holder, protocol()),
      {
        path: `/accounts/${randomInt(1000)}`,
        ...asking,
        fields: { authorization: `Bearer ${token}` },
      },
      expected,
    )
  /** With a nonce that is good by now, and one more request if it was not. */
  const proven = async (
    expected: Expected = SERVED,
    token: string = dpop.take(),
    isForeign = false,
  ): Promise<{ readonly faults: readonly string[]; readonly proof: string }> => {
    const path = `/accounts/${randomInt(1000)}`
    const before = nonce
    const proof = world.prove('GET', path, token, before, isForeign)
    const fields = { authorization: `DPoP ${token}`, dpop: proof }
    const client = world.client('nobody', protocol())
    const asked = await call(world, client, { path, fields }, either(expected, NEW_NONCE))
    nonce = String(asked.reply.fields['dpop-nonce'] ?? nonce)
    const isChallenged = String(asked.reply.fields['www-authenticate']).includes('use_dpop_nonce')
    if (isChallenged && nonce !== before) return proven(expected, token, isForeign)
    return { faults: asked.faults, proof: JSON.stringify({ path, fields }) }
  }
  const open = (asking: Partial<Asking>, expected: Partial<Expected> = {}) =>
    call(
      world,
      world.client('nobody', protocol()),
      { path: `/open/${randomInt(1000)}`, ...asking },
      { status: [200], content: 'echo', ...expected },
    )
  const claimed = (claims: Claims) => issuer.sign({ cnf: bound.mtls, ...claims })
  const past = () => ({ exp: Math.floor(Date.now() / 1000) - 60 })

  const scenario = (
    name: string,
    weight: number,
    run: () => Promise<Pick<Outcome, 'faults'> | readonly Pick<Outcome, 'faults'>[]>,
  ): Scenario => ({
    name,
    weight,
    run: async () => [await run()].flat().flatMap(({ faults }) => faults),
  })

  return [
    scenario('mtls', 20, () => bearer(mtls.take())),
    scenario('mtls, content', 8, () =>
      bearer(mtls.take(), SERVED, { method: 'POST', body: Buffer.alloc(randomInt(20_000), 'x') }),
    ),
    scenario('dpop', 20, () => proven()),
    scenario('opaque', 15, () =>
      bearer(opaque.take(), SERVED, { path: `/opaque/${randomInt(1000)}` }),
    ),
    scenario('public', 10, () => open({})),
    scenario('large up', 1, () => open({ method: 'PUT', body: Buffer.alloc(LARGE, 'x') })),
    scenario('large down', 1, () => open({ path: `/open/bytes/${LARGE}` }, { content: LARGE })),
    scenario('slow reader', 1, () =>
      open({ path: `/open/bytes/${MODERATE * 4}`, slowness: 30 }, { content: MODERATE * 4 }),
    ),

    scenario('replayed proof', 3, async () => {
      const { faults, proof } = await proven()
      if (faults.length > 0) return { faults }
      const again = refused(401, 'dpop_replayed')
      return call(world, world.client('nobody', protocol()), JSON.parse(proof), again)
    }),
    scenario('proof of another key', 2, () =>
      proven(refused(401, 'cnf_jkt_mismatch'), dpop.take(), true),
    ),
    scenario('certificate of another', 2, () =>
      bearer(mtls.take(), refused(401, 'cnf_x5t_mismatch'), {}, 'thief'),
    ),
    scenario('no certificate', 2, () =>
      bearer(mtls.take(), refused(401, 'tls_client_cert_missing'), {}, 'nobody'),
    ),
    scenario('ended', 2, () => bearer(claimed(past()), refused(401, 'token_expired'))),
    scenario('not in scope', 2, () =>
      bearer(claimed({ scope: 'payments' }), refused(403, 'scope_insufficient')),
    ),
    scenario('forged', 2, () => {
      const token = mtls.take()
      const [head, claims, signature = ''] = token.split('.')
      const other = (signature.startsWith('A') ? 'B' : 'A') + signature.slice(1)
      return bearer(`${head}.${claims}.${other}`, refused(401, 'token_signature_invalid'))
    }),
    scenario('withdrawn key', 1, async () => {
      const token = issuer.signWithdrawn({ cnf: bound.mtls })
      return token === undefined ? { faults: [] } : bearer(token, refused(401, 'token_kid_unknown'))
    }),
    scenario('no such path', 1, () =>
      bearer(mtls.take(), refused(404, 'route_not_found'), { path: '/elsewhere' }),
    ),
    scenario('token in the query', 1, () =>
      bearer(mtls.take(), refused(400, 'token_in_query'), { path: '/accounts/1?access_token=x' }),
    ),
    scenario('never granted', 1, () =>
      bearer(`never-${randomInt(1e9)}`, refused(401, 'token_inactive'), { path: '/opaque/1' }),
    ),
    scenario('revoked', 1, async () => {
      const token = issuer.grant({ cnf: bound.mtls })
      const path = '/opaque/1'
      const first = await bearer(token, SERVED, { path })
      issuer.revoke(token)
      // An answer that is under way may have been decided on before.
      await pause(OPAQUE_TTL * 1000 + REVOKED_MS)
      return [first, await bearer(token, refused(401, 'token_inactive'), { path })]
    }),

    scenario('broken off amid the request', 3, () =>
      open({ method: 'POST', broken: 'sending', body: Buffer.alloc(MODERATE, 'x') }),
    ),
    scenario('broken off amid the request, with a token', 2, () =>
      bearer(mtls.take(), SERVED, {
        method: 'POST',
        broken: 'sending',
        body: Buffer.alloc(MODERATE, 'x'),
      }),
    ),
    scenario('broken off amid the answer', 3, () =>
      open({ path: `/open/bytes/${LARGE + randomInt(10)}`, broken: 'reading' }),
    ),
    scenario('upstream breaks off', 1, () =>
      // A reset overtakes what is not sent yet, the head of the answer too.
      open({ path: '/open/broken' }, { status: [0, 200], isCut: true }),
    ),
    scenario('upstream is dead', 1, () =>
      open(
        // A GET would be sent once more, on another connection.
        { method: 'POST', path: '/open/dead' },
        { status: [502], reasons: ['upstream_response_invalid', 'upstream_unreachable'] },
      ),
    ),
    scenario('no handshake', 1, async () => {
      const socket = connect(world.gateway.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(Buffer.alloc(randomInt(1, 600), 22))
      await pause(randomInt(300))
      if (randomInt(2) === 0) socket.resetAndDestroy()
      else socket.destroy()
      if (!socket.closed) await once(socket, 'close')
      return { faults: [] }
    }),
  ]
}

const NEW_NONCE = {
  status: [401],
  reasons: ['dpop_nonce_required', 'dpop_nonce_stale'],
}
const REVOKED_MS = 500

function either(one: Expected, other: Pick<Expected, 'status' | 'reasons'>): Expected {
  return {
    ...one,
    status: [...one.status, ...other.status],
    reasons: [...(one.reasons ?? []), ...(other.reasons ?? [])],
  }
}

function protocol(): 'h1' | 'h2' {
  return randomInt(2) === 0 ? 'h1' : 'h2'
}
