/**
 * Statements of qualified certificates: the roles of a payment service provider (ETSI TS 119 495 §5.1) and
 * the kind of certificate (ETSI EN 319 412-5 §4.2.3).
 *
 * They are found by their object identifiers: a certificate can have the letters `PSP_AI` in any name.
 *
 * @module
 */

import { DerReader, TAG } from '../encoding/der.ts'

const PSD2_STATEMENT = '0.4.0.19495.2'
const TYPE_STATEMENT = '0.4.0.1862.1.6'

export const ROLES = ['PSP_AS', 'PSP_PI', 'PSP_AI', 'PSP_IC'] as const
export type Psd2Role = (typeof ROLES)[number]

/** ETSI TS 119 495 §5.1: account servicing, payment initiation, account information, card-based. */
const ROLE_OF: ReadonlyMap<string, Psd2Role> = new Map([
  ['0.4.0.19495.1.1', 'PSP_AS'],
  ['0.4.0.19495.1.2', 'PSP_PI'],
  ['0.4.0.19495.1.3', 'PSP_AI'],
  ['0.4.0.19495.1.4', 'PSP_IC'],
])

export const QC_TYPES = ['esign', 'qseal', 'qwac'] as const
export type QcType = (typeof QC_TYPES)[number]

/** ETSI EN 319 412-5 §4.2.3: electronic signatures, seals, web sites. */
const TYPE_OF: ReadonlyMap<string, QcType> = new Map([
  ['0.4.0.1862.1.6.1', 'esign'],
  ['0.4.0.1862.1.6.2', 'qseal'],
  ['0.4.0.1862.1.6.3', 'qwac'],
])

export interface QualifiedStatements {
  readonly roles: readonly Psd2Role[]
  /** The national competent authority that registered the provider, and its identifier: `GB-FCA`. */
  readonly authority: { readonly name: string; readonly id: string } | undefined
  readonly types: readonly QcType[]
}

/**
 * Reads a qcStatements extension. Statements and roles that are not known are passed over; undefined where
 * one that is known cannot be read, or stands there twice. Never throws.
 */
export function parseQualifiedStatements(der: Buffer): QualifiedStatements | undefined {
  const reader = new DerReader(der)
  const statements = reader.enter(TAG.sequence)
  reader.finish()
  let roles: readonly Psd2Role[] | undefined
  let authority: QualifiedStatements['authority']
  let types: readonly QcType[] | undefined
  while (statements.hasMore) {
    const statement = statements.enter(TAG.sequence)
    const id = statement.oid()
    if (id === PSD2_STATEMENT) {
      if (roles !== undefined) statement.break()
      const info = statement.enter(TAG.sequence)
      roles = readRoles(info)
      authority = { name: readUtf8(info), id: readUtf8(info) }
      info.finish()
      statement.finish()
    } else if (id === TYPE_STATEMENT) {
      if (types !== undefined) statement.break()
      types = readTypes(statement)
      statement.finish()
    }
  }
  return reader.isBroken ? undefined : { roles: roles ?? [], authority, types: types ?? [] }
}

/** The name of a role is for people: it is the identifier that says which. */
function readRoles(info: DerReader): Psd2Role[] {
  const roles: Psd2Role[] = []
  const list = info.enter(TAG.sequence)
  while (list.hasMore) {
    const entry = list.enter(TAG.sequence)
    const role = ROLE_OF.get(entry.oid())
    entry.next(TAG.utf8String)
    entry.finish()
    if (role !== undefined) roles.push(role)
  }
  return roles
}

function readTypes(statement: DerReader): QcType[] {
  const types: QcType[] = []
  const list = statement.enter(TAG.sequence)
  while (list.hasMore) {
    const type = TYPE_OF.get(list.oid())
    if (type !== undefined) types.push(type)
  }
  return types
}

function readUtf8(reader: DerReader): string {
  return reader.read(TAG.utf8String).toString('utf8')
}
