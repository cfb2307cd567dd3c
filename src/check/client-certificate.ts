/**
 * Is the client certificate in force, and is it one that the route takes? (RFC 8705 §7, RFC 9325 §7.5,
 * FAPI 1.0 Advanced §8.10, ETSI TS 119 495)
 *
 * Asked where the certificate counts: where the token is bound to it, where the route asks for one, and
 * where the listener takes no connection without. Of the last, public routes are asked too.
 *
 * @module
 */

import { z } from 'zod'
import { Failure, fail } from '../failure/failure.ts'
import { added, allOf, demand } from '../policy/field.ts'
import { checkCertificate } from '../sender-constraint/certificate.ts'
import { compileCertificateRules } from '../sender-constraint/certificate-rule.ts'
import type { RevocationStatus } from '../sender-constraint/revocation.ts'
import type { AccessToken } from '../token/access-token.ts'
import { ATTRIBUTES } from '../x509/name.ts'
import { QC_TYPES, ROLES } from '../x509/qc-statements.ts'
import { defineCheck, type Outcome } from './check.ts'
import type { ResourceRequest } from './request.ts'

const pattern = z.string().min(1)
const attribute = z
  .string()
  .regex(
    new RegExp(`^(?:${Object.keys(ATTRIBUTES).join('|')}|[0-2](?:\\.\\d+)+)$`),
    `wants an attribute of a subject: ${Object.keys(ATTRIBUTES).join(', ')}, or its identifier such as 2.5.4.97`,
  )

export const clientCertificate = defineCheck({
  name: 'client_certificate',
  question: 'Is the client certificate in force, and is it one that the route takes?',

  policy: z.strictObject({
    required: demand().describe('Refuse requests without a client certificate.'),
    revocation_known: demand().describe(
      'Where revocation is configured, and neither a list nor a responder can say, answer with 503. Without: take the certificate.',
    ),
    subject: added(z.record(attribute, pattern)).describe(
      'Attributes that the subject needs: a value, or a pattern with * for any run of characters.',
    ),
    san: added(
      z.strictObject({
        dns: pattern.optional(),
        uri: pattern.optional(),
        email: pattern.optional(),
      }),
    ).describe('Alternative names of the subject that it needs, of each kind one such.'),
    psd2_roles: allOf(z.enum(ROLES)).describe(
      'Roles of a payment service provider that it needs, all of them (ETSI TS 119 495 §5.1).',
    ),
    qc_types: added(z.array(z.enum(QC_TYPES)).min(1)).describe(
      'Kinds of qualified certificate, of which it has to be one.',
    ),
    client_id: added(attribute).describe(
      'The attribute of the subject that has to be the client_id of the token.',
    ),
  }),

  compile: (policy, { isPublic, services }) => {
    const rules = isPublic ? undefined : compileCertificateRules(policy)
    const isAsked = !isPublic && (policy.required || rules !== undefined)
    const judge = (status: RevocationStatus): Failure | undefined => {
      switch (status) {
        case 'good':
          return undefined
        case 'revoked':
          return fail('invalid_token', 'tls_client_cert_revoked')
        case 'unknown':
          // RFC 6960 §2.2: whoever knows all certificates of the authority does not know this one.
          return fail('invalid_token', 'tls_client_cert_unknown')
        case 'unavailable':
          return policy.revocation_known
            ? fail('temporarily_unavailable', 'revocation_unavailable')
            : undefined
      }
    }
    const answer = (request: ResourceRequest, failure: Failure | undefined) => {
      request.certificateStands = failure === undefined
      return isPublic ? withoutChallenge(failure) : failure
    }
    return (request): Outcome => {
      const { certificate, receivedAt } = request
      if (certificate === undefined) {
        return isAsked ? fail('invalid_token', 'certificate_required') : undefined
      }
      const counts = isAsked || certificate.isDemanded
      if (!counts && (isPublic || !isBoundToCertificate(request.token))) return undefined

      const clientId = isPublic ? undefined : request.token.clientId
      const failure = checkCertificate(certificate, receivedAt) ?? rules?.(certificate, clientId)
      if (failure !== undefined || certificate.revocation === undefined) {
        return answer(request, failure)
      }
      // RFC 9325 §7.5: asked on every request, of connections and sessions however old.
      const status = services.revocation.statusOf(certificate, receivedAt)
      return typeof status === 'string'
        ? answer(request, judge(status))
        : status.then((it) => answer(request, judge(it)))
    }
  },
})

function isBoundToCertificate({ confirmation }: AccessToken): boolean {
  return confirmation?.certificateThumbprint !== undefined
}

/**
 * A public route knows no scheme to name in a challenge, as a 401 has to (RFC 9110 §15.5.2). What helps is
 * another connection (§15.5.20).
 */
function withoutChallenge(failure: Failure | undefined): Failure | undefined {
  if (failure?.error !== 'invalid_token') return failure
  return new Failure('misdirected_request', failure.reason, failure.detail, failure.description)
}
