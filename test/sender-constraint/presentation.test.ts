import { describe, expect, test } from 'vitest'
import type { ClientCertificate } from '../../src/sender-constraint/certificate.ts'
import type { VerifiedProof } from '../../src/sender-constraint/dpop/proof.ts'
import {
  type BindingPolicy,
  checkPresentation,
  type Presentation,
} from '../../src/sender-constraint/presentation.ts'
import type { AccessToken, Confirmation } from '../../src/token/access-token.ts'
import { CERTIFICATE } from '../support/checked-request.ts'
import { createKeyPair } from '../support/compact-signing.ts'
import { NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../support/issuer.ts'

const JKT = 'Vv4bVx4h1ZGUbLMDnFSXPLhE9V7hPTtUQ3fW1Q0zYzE'
const OTHER_JKT = 'u0Xv1QyZl3hXh4oWcR8m0mXh2mV0s8bXb8o3c7m9bpA'
const { publicKey } = createKeyPair('ES256')

const proofOf = (keyThumbprint: string): VerifiedProof => ({
  keyThumbprint,
  key: publicKey,
  jti: 'jti',
  iat: NOW,
  nonce: undefined,
  acceptableUntil: 0,
})

const SCHEMES = ['Bearer', 'DPoP'] as const

const CONFIRMATIONS: Readonly<Record<string, Confirmation | undefined>> = {
  nothing: undefined,
  x5t: { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined },
  jkt: { certificateThumbprint: undefined, keyThumbprint: JKT },
  both: { certificateThumbprint: THUMBPRINT, keyThumbprint: JKT },
}

const PROOFS: Readonly<Record<string, VerifiedProof | undefined>> = {
  none: undefined,
  right: proofOf(JKT),
  other: proofOf(OTHER_JKT),
}

const CERTIFICATES: Readonly<Record<string, ClientCertificate | undefined>> = {
  none: undefined,
  right: CERTIFICATE,
  other: { ...CERTIFICATE, thumbprint: OTHER_THUMBPRINT },
  expired: { ...CERTIFICATE, notAfter: NOW - 1 },
  untrusted: { ...CERTIFICATE, chainError: 'CERT_REVOKED' },
}

const POLICIES: BindingPolicy[] = [true, false].flatMap((required) =>
  [['mtls'] as const, ['dpop'] as const, ['mtls', 'dpop'] as const].map((methods) => ({
    required,
    methods,
  })),
)

/**
 * What is honest, written down as cells: `scheme cnf proof certificate`, where `*` is anything. The last
 * word is what the route has to take: `unbound` that it requires no binding, `mtls` or `dpop` that this
 * method counts, `either` that one of them does.
 */
const HONEST = [
  'Bearer nothing * * unbound',
  'Bearer x5t * right mtls',
  'DPoP jkt right * dpop',
  'DPoP both right right either',
].map((line) => line.split(' '))

function isHonest(cell: readonly string[], { required, methods }: BindingPolicy): boolean {
  return HONEST.some(([scheme, cnf, proof, certificate, counts = '']) => {
    const wanted = [scheme, cnf, proof, certificate]
    const fits = wanted.every((word, index) => word === '*' || word === cell[index])
    if (counts === 'unbound') return fits && !required
    return fits && (counts === 'either' || methods.some((method) => method === counts))
  })
}

const CELLS = SCHEMES.flatMap((scheme) =>
  Object.keys(CONFIRMATIONS).flatMap((cnf) =>
    Object.keys(PROOFS).flatMap((proof) =>
      Object.keys(CERTIFICATES).map((certificate) => [scheme, cnf, proof, certificate] as const),
    ),
  ),
)

function tokenOf(confirmation: Confirmation | undefined): AccessToken {
  return {
    expiresAt: NOW + 300,
    subject: 'alice',
    clientId: 'app',
    audiences: [],
    scopes: [],
    confirmation,
    claims: {},
    algorithm: 'ES256',
  }
}

const check = ([scheme, cnf, proof, certificate]: (typeof CELLS)[number], policy: BindingPolicy) =>
  checkPresentation(
    tokenOf(CONFIRMATIONS[cnf]),
    { scheme, proof: PROOFS[proof], certificate: CERTIFICATES[certificate] },
    policy,
    NOW,
  )

describe('the downgrade table', () => {
  test('RFC 9449 §7: it has a cell for every way in which a token can come', () => {
    expect(CELLS).toHaveLength(2 * 4 * 3 * 5)
    expect(POLICIES).toHaveLength(6)
  })

  describe.each(POLICIES)('where required is $required and $methods count', (policy) => {
    test.each(CELLS)(
      'RFC 9449 §7.1, RFC 9449 §7.2, RFC 8705 §3: %s, a token bound to %s, the proof: %s, the certificate: %s',
      (...cell) => {
        const failure = check(cell, policy)
        if (isHonest(cell, policy)) expect(failure).toBeUndefined()
        else expect(failure?.error).toBe('invalid_token')
      },
    )
  })

  test('RFC 9449 §7.2: no policy lets more of a bound token through than the strictest does [J41, DPOP-7.2-1, HOLE-11, HOLE-3]', () => {
    const strictest: BindingPolicy = { required: true, methods: ['mtls', 'dpop'] }
    for (const cell of CELLS.filter(([, cnf]) => cnf !== 'nothing')) {
      if (check(cell, strictest) === undefined) continue
      for (const policy of POLICIES) expect(check(cell, policy), cell.join(' ')).toBeDefined()
    }
  })
})

const bound: Confirmation = { certificateThumbprint: THUMBPRINT, keyThumbprint: JKT }
const strict: BindingPolicy = { required: true, methods: ['mtls', 'dpop'] }
const honest: Presentation = { scheme: 'DPoP', proof: proofOf(JKT), certificate: CERTIFICATE }

describe('checkPresentation', () => {
  test.each([
    ['RFC 9449 §7.2: as a bearer token', { scheme: 'Bearer' }, 'dpop_token_as_bearer'],
    [
      'RFC 9449 §4.3 (12): with the proof of another key',
      { proof: proofOf(OTHER_JKT) },
      'cnf_jkt_mismatch',
    ],
    ['RFC 9449 §7.1: without a proof', { proof: undefined }, 'cnf_jkt_mismatch'],
    ['RFC 8705 §3: without its certificate', { certificate: undefined }, 'tls_client_cert_missing'],
    [
      'RFC 8705 §3: with another certificate',
      { certificate: CERTIFICATES['other'] },
      'cnf_x5t_mismatch',
    ],
    [
      'RFC 8705 §3, M06: with its certificate, expired',
      { certificate: CERTIFICATES['expired'] },
      'tls_client_cert_expired',
    ],
    [
      'RFC 8705 §2.1, M03: with its certificate, untrusted',
      { certificate: CERTIFICATES['untrusted'] },
      'tls_client_cert_untrusted',
    ],
  ] as [string, Partial<Presentation>, string][])(
    '%s a token bound to both is refused [J43]',
    (_title, change, reason) => {
      const presented = { ...honest, ...change }
      expect(checkPresentation(tokenOf(bound), presented, strict, NOW)).toMatchObject({
        error: 'invalid_token',
        reason,
      })
    },
  )

  test('RFC 9449 §7.1: the DPoP scheme is not for a token that is bound to nothing [DPOP-7.2-2]', () => {
    for (const policy of POLICIES) {
      expect(checkPresentation(tokenOf(undefined), honest, policy, NOW)).toMatchObject({
        error: 'invalid_token',
        reason: 'token_not_dpop_bound',
      })
    }
  })

  test('RFC 9449 §7.1: nor for one that is bound to a certificate, though that is there', () => {
    expect(checkPresentation(tokenOf(CONFIRMATIONS['x5t']), honest, strict, NOW)).toMatchObject({
      reason: 'token_not_dpop_bound',
    })
  })

  test('FAPI 2.0 SP §5.3.4-5: a token that is bound to nothing is refused, certificate or not [J42, MTLS-5]', () => {
    for (const certificate of [undefined, CERTIFICATE]) {
      const presented: Presentation = { scheme: 'Bearer', proof: undefined, certificate }
      expect(checkPresentation(tokenOf(undefined), presented, strict, NOW)).toMatchObject({
        error: 'invalid_token',
        reason: 'cnf_missing',
      })
    }
  })

  test.each([
    ['dpop', 'x5t', { scheme: 'Bearer', proof: undefined, certificate: CERTIFICATE }],
    ['mtls', 'jkt', { scheme: 'DPoP', proof: proofOf(JKT), certificate: undefined }],
  ] as ['dpop' | 'mtls', string, Presentation][])(
    'FAPI 2.0 SP §5.3.4-5: where only %s counts, a token proven by %s is refused',
    (method, cnf, presented) => {
      for (const required of [true, false]) {
        const policy = { required, methods: [method] }
        expect(
          checkPresentation(tokenOf(CONFIRMATIONS[cnf]), presented, policy, NOW),
        ).toMatchObject({ error: 'invalid_token', reason: 'cnf_method_not_accepted' })
      }
    },
  )

  test('RFC 7800 §3.1: a confirmation without a method is not "nothing to check"', () => {
    const empty = { certificateThumbprint: undefined, keyThumbprint: undefined }
    const presented: Presentation = { scheme: 'Bearer', proof: undefined, certificate: CERTIFICATE }
    for (const policy of POLICIES) {
      expect(checkPresentation(tokenOf(empty), presented, policy, NOW)).toMatchObject({
        reason: 'cnf_method_not_accepted',
      })
    }
  })
})
