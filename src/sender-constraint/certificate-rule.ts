/**
 * What a route asks of a client certificate beyond a chain: whose it is, and what it is for (ETSI TS 119
 * 495, and the certificate standards of national schemes).
 *
 * @module
 */

import { type Failure, fail } from '../failure/failure.ts'
import { compilePattern, type Pattern } from '../policy/pattern.ts'
import type { CertificateFacts } from '../x509/certificate.ts'
import { ATTRIBUTES } from '../x509/name.ts'
import type { Psd2Role, QcType } from '../x509/qc-statements.ts'
import type { ClientCertificate } from './certificate.ts'

export interface CertificateRules {
  /** Patterns by the names of attributes, or by their object identifiers. */
  readonly subject?: Readonly<Record<string, string>> | undefined
  readonly san?: Readonly<Partial<Record<SanKind, string | undefined>>> | undefined
  readonly psd2_roles?: readonly string[] | undefined
  readonly qc_types?: readonly QcType[] | undefined
  /** The attribute that has to be the client_id of the token. */
  readonly client_id?: string | undefined
}

export type SanKind = 'dns' | 'uri' | 'email'

type Rule = (facts: CertificateFacts, clientId: string | undefined) => Failure | undefined

/**
 * Compiles the rules of a route; undefined if there are none.
 *
 * An attribute or name that a certificate has several times satisfies a pattern if one of its values does.
 */
export function compileCertificateRules(
  rules: CertificateRules,
):
  | ((certificate: ClientCertificate, clientId: string | undefined) => Failure | undefined)
  | undefined {
  const compiled = [
    ...Object.entries(rules.subject ?? {}).map(subjectRule),
    ...Object.entries(rules.san ?? {}).map(sanRule),
    ...(rules.psd2_roles ?? []).map(roleRule),
    ...(rules.qc_types === undefined ? [] : [typeRule(rules.qc_types)]),
    ...(rules.client_id === undefined ? [] : [clientRule(rules.client_id)]),
  ]
  if (compiled.length === 0) return undefined
  return (certificate, clientId) => {
    // A certificate that nobody vouches for says what its holder likes.
    if (!certificate.chainRequired) return fail('invalid_token', 'certificate_not_vouched_for')
    const { facts } = certificate
    if (facts === undefined) return fail('invalid_token', 'certificate_unreadable')
    for (const rule of compiled) {
      const failure = rule(facts, clientId)
      if (failure !== undefined) return failure
    }
    return undefined
  }
}

/** The object identifier of an attribute: by its name, or as it stands. */
export function attributeOid(name: string): string {
  return Object.hasOwn(ATTRIBUTES, name) ? ATTRIBUTES[name as keyof typeof ATTRIBUTES] : name
}

function subjectRule([attribute, pattern]: readonly [string, string]): Rule {
  const oid = attributeOid(attribute)
  const fits = compilePattern(pattern)
  return ({ attributes }) =>
    attributes.get(oid)?.some(fits) === true
      ? undefined
      : fail('invalid_token', 'certificate_subject_mismatch', { attribute })
}

function sanRule([kind, pattern = '']: readonly [string, string | undefined]): Rule {
  // RFC 4343 §2: names of hosts are the same in both cases.
  const fits: Pattern = compilePattern(kind === 'dns' ? pattern.toLowerCase() : pattern)
  return ({ names }) => {
    const { dnsNames, uris, emails } = names
    const found = kind === 'dns' ? dnsNames : kind === 'uri' ? uris : emails
    return found.some(fits)
      ? undefined
      : fail('invalid_token', 'certificate_san_mismatch', { kind })
  }
}

function roleRule(role: string): Rule {
  // ETSI TS 119 495 §5.1: by the identifier in the statement, and by nothing else that reads like it.
  return ({ qualified }) =>
    qualified?.roles.includes(role as Psd2Role) === true
      ? undefined
      : fail('invalid_token', 'certificate_role_missing', { role })
}

function typeRule(types: readonly QcType[]): Rule {
  return ({ qualified }) =>
    qualified?.types.some((type) => types.includes(type)) === true
      ? undefined
      : fail('invalid_token', 'certificate_qc_type_mismatch')
}

/** FAPI 1.0 Advanced §8.10: a certificate that several clients share binds a token to all of them. */
function clientRule(attribute: string): Rule {
  const oid = attributeOid(attribute)
  return ({ attributes }, clientId) => {
    const values = attributes.get(oid)
    // One value, or it could be said to be either.
    return values?.length === 1 && values[0] === clientId
      ? undefined
      : fail('invalid_token', 'certificate_client_id_mismatch', { attribute })
  }
}
