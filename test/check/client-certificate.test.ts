import { describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { clientCertificate } from '../../src/check/client-certificate.ts'
import type { ClientCertificate } from '../../src/sender-constraint/certificate.ts'
import type { RevocationStatus } from '../../src/sender-constraint/revocation.ts'
import type { Confirmation } from '../../src/token/access-token.ts'
import {
  CERTIFICATE,
  CONNECTION,
  createCheckedRoute,
  createRequest,
  createServices,
} from '../support/checked-request.ts'
import { NOW, THUMBPRINT } from '../support/issuer.ts'

type Policy = z.output<typeof clientCertificate.policy>

const OPEN: Policy = { required: false, revocation_known: true, psd2_roles: [] }
const BOUND = { certificateThumbprint: THUMBPRINT, keyThumbprint: undefined }
const BY_KEY = { certificateThumbprint: undefined, keyThumbprint: THUMBPRINT }
const ASKED: ClientCertificate = { ...CERTIFICATE, revocation: 'sources' }

interface Asking {
  readonly policy?: Partial<Policy>
  readonly certificate?: ClientCertificate | undefined
  readonly confirmation?: Confirmation
  readonly status?: RevocationStatus | Promise<RevocationStatus>
  readonly isPublic?: boolean
}

function ask({ policy, confirmation = BOUND, status = 'good', isPublic = false, ...rest }: Asking) {
  const certificate = 'certificate' in rest ? rest.certificate : ASKED
  const asked: [ClientCertificate, number][] = []
  const revocation = {
    statusOf: (...parts: [ClientCertificate, number]) => {
      asked.push(parts)
      return status
    },
  }
  const services = { ...createServices(), revocation }
  const check = clientCertificate.compile(
    { ...OPEN, ...policy },
    createCheckedRoute({ services, isPublic }),
  )!
  const request = createRequest({ connection: { ...CONNECTION, certificate } })
  if (!isPublic) {
    request.token = {
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
  return { outcome: check(request), asked }
}

describe('RFC 9325 §7.5: whether the certificate was revoked [MTLS-8]', () => {
  test.each<[RevocationStatus, string | undefined, string | undefined]>([
    ['good', undefined, undefined],
    ['revoked', 'invalid_token', 'tls_client_cert_revoked'],
    ['unavailable', 'temporarily_unavailable', 'revocation_unavailable'],
  ])('is asked on every request: %s', async (status, error, reason) => {
    const expected = reason === undefined ? undefined : { error, reason }
    for (const each of [status, Promise.resolve(status)]) {
      const { outcome, asked } = ask({ status: each })
      expect(asked).toEqual([[ASKED, NOW]])
      expect(outcome instanceof Promise).toBe(each instanceof Promise)
      if (expected === undefined) expect(await outcome).toBeUndefined()
      else expect(await outcome).toMatchObject(expected)
    }
  })

  test('RFC 6960 §2.2: an authority that does not know its certificate says no', () => {
    const policy = { revocation_known: false }
    expect(ask({ status: 'unknown', policy }).outcome).toMatchObject({
      error: 'invalid_token',
      reason: 'tls_client_cert_unknown',
    })
  })

  test('may be left open where the policy says so, and what is known counts all the same', () => {
    const policy = { revocation_known: false }
    expect(ask({ status: 'unavailable', policy }).outcome).toBeUndefined()
    expect(ask({ status: 'revoked', policy }).outcome).toMatchObject({
      reason: 'tls_client_cert_revoked',
    })
  })

  test('is not asked where it is not configured', () => {
    expect(ask({ certificate: CERTIFICATE, status: 'revoked' })).toEqual({
      outcome: undefined,
      asked: [],
    })
  })

  test('is not asked of a certificate that is refused anyway', () => {
    const certificate = { ...ASKED, notAfter: NOW - 1 }
    const { outcome, asked } = ask({ certificate })
    expect(outcome).toMatchObject({ reason: 'tls_client_cert_expired' })
    expect(asked).toEqual([])
  })
})

describe('a certificate counts', () => {
  const revoked = { status: 'revoked', confirmation: BY_KEY } as const
  const refused = { reason: 'tls_client_cert_revoked' }

  test('not where the token is bound to a key, and nobody asks for one', () => {
    expect(ask(revoked)).toEqual({ outcome: undefined, asked: [] })
  })

  test('where the route asks for one', () => {
    expect(ask({ ...revoked, policy: { required: true } }).outcome).toMatchObject(refused)
  })

  test('where the listener takes no connection without', () => {
    const certificate = { ...ASKED, isDemanded: true }
    expect(ask({ ...revoked, certificate }).outcome).toMatchObject(refused)
    const expired = { ...certificate, notAfter: NOW - 1 }
    expect(ask({ ...revoked, certificate: expired }).outcome).toMatchObject({
      reason: 'tls_client_cert_expired',
    })
  })

  test('RFC 9110 §15.5.20: there on public routes too, which have no scheme to name', () => {
    const certificate = { ...ASKED, isDemanded: true }
    const { outcome } = ask({ certificate, isPublic: true, status: 'revoked' })
    expect(outcome).toMatchObject({ error: 'misdirected_request', ...refused })
    const open = ask({ certificate, isPublic: true, status: 'unavailable' })
    expect(open.outcome).toMatchObject({ error: 'temporarily_unavailable' })
    expect(ask({ isPublic: true, status: 'revoked' }).outcome).toBeUndefined()
  })
})

describe('a route that asks for a certificate', () => {
  const without = { certificate: undefined, confirmation: BY_KEY }

  test.each<Partial<Policy>>([
    { required: true },
    { subject: { CN: '*' } },
    { psd2_roles: ['PSP_AI'] },
  ])('refuses who shows none: %j', (policy) => {
    expect(ask({ ...without, policy }).outcome).toMatchObject({
      error: 'invalid_token',
      reason: 'certificate_required',
    })
    expect(ask({ ...without, policy, isPublic: true }).outcome).toBeUndefined()
  })

  test('and who shows one that is not so', () => {
    expect(ask({ policy: { psd2_roles: ['PSP_AI'] } }).outcome).toMatchObject({
      reason: 'certificate_unreadable',
    })
    expect(ask(without).outcome).toBeUndefined()
  })
})

describe('its policy', () => {
  const parse = (value: object) => clientCertificate.policy.partial().safeParse(value).success

  test.each<[object, boolean]>([
    [{ subject: { organizationIdentifier: 'PSDGB-*', '1.2.3': 'x' } }, true],
    [{ subject: { organization_identifier: 'x' } }, false],
    [{ subject: { CN: '' } }, false],
    [{ san: { dns: 'a' } }, true],
    [{ san: { ip: '127.0.0.1' } }, false],
    [{ psd2_roles: ['PSP_XX'] }, false],
    [{ qc_types: ['qwac'] }, true],
    [{ qc_types: [] }, false],
    [{ client_id: 'UID' }, true],
    [{ client_id: 'clientId' }, false],
  ])('%j: %s', (value, isGood) => {
    expect(parse(value)).toBe(isGood)
  })
})
