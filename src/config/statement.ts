/**
 * What a part of the file says about settings of checks, short forms included.
 *
 * @module
 */

import type { Path } from './document.ts'
import { SETTINGS } from './profile.ts'
import type { DefaultsInput, RouteInput } from './route-schema.ts'
import type { FileInput } from './schema.ts'

/** One value for one setting, and where the file says it. */
export interface Statement {
  /** `check.setting`. */
  readonly name: string
  readonly value: unknown
  readonly path: Path
}

/** What `defaults` or a route says. */
export function statementsOf(said: DefaultsInput | RouteInput, path: Path): Statement[] {
  return [...plainStatements(said, path), ...shortStatements(said, path)]
}

/** What `dpop` says: settings that hold for every route. */
export function dpopStatements(said: FileInput['dpop'], path: Path): Statement[] {
  const { algorithms, proof_max_age, future_skew, nonce } = said
  return given([
    { name: 'dpop_proof.algorithms', value: algorithms, path: [...path, 'algorithms'] },
    {
      name: 'dpop_freshness.proof_max_age',
      value: proof_max_age,
      path: [...path, 'proof_max_age'],
    },
    { name: 'dpop_freshness.future_skew', value: future_skew, path: [...path, 'future_skew'] },
    { name: 'dpop_freshness.nonce', value: nonce.mode, path: [...path, 'nonce', 'mode'] },
  ])
}

function plainStatements(said: object, path: Path): Statement[] {
  const byCheck = said as Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>
  return given(
    SETTINGS.map(({ name, check, setting }) => ({
      name,
      value: byCheck[check]?.[setting],
      path: [...path, check, setting],
    })),
  )
}

function shortStatements(said: DefaultsInput | RouteInput, path: Path): Statement[] {
  const { scopes, claims, audience, sender } = said
  const inScopes = [...path, 'scopes']
  const { all, any } = Array.isArray(scopes) ? { all: scopes, any: undefined } : (scopes ?? {})
  return given([
    {
      name: 'authorization.scopes',
      value: all,
      path: Array.isArray(scopes) ? inScopes : [...inScopes, 'all'],
    },
    { name: 'authorization.any_scope', value: any, path: [...inScopes, 'any'] },
    { name: 'authorization.claims', value: claims, path: [...path, 'claims'] },
    {
      name: 'access_token.audience',
      value: typeof audience === 'string' ? [audience] : audience,
      path: [...path, 'audience'],
    },
    ...senderStatements(sender, [...path, 'sender']),
  ])
}

function senderStatements(sender: RouteInput['sender'], path: Path): Statement[] {
  if (sender === undefined) return []
  if (sender === 'none') return [{ name: 'sender_constraint.required', value: false, path }]
  const methods = typeof sender === 'string' ? [sender] : sender.any_of
  const inMethods = typeof sender === 'string' ? path : [...path, 'any_of']
  return [
    { name: 'sender_constraint.required', value: true, path },
    { name: 'sender_constraint.methods', value: methods, path: inMethods },
  ]
}

function given(statements: readonly Statement[]): Statement[] {
  return statements.filter(({ value }) => value !== undefined)
}
