/**
 * `forward`: the names by which an upstream learns what was verified.
 *
 * @module
 */

import { isFieldName } from '../http/field.ts'
import { foldFieldName, HOP_BY_HOP, MESSAGE_FIELDS } from '../http/forwardable.ts'
import type { ForwardConfig } from './configuration.ts'
import type { Path } from './document.ts'
import { type ConfigReader, nameOf } from './reading.ts'
import type { ForwardInput } from './route-schema.ts'

const NAMES = {
  client_id: 'X-Client-Id',
  sub: 'X-Subject',
  scope: 'X-Scope',
  iss: 'X-Token-Issuer',
  binding: 'X-Token-Binding',
  thumbprint: 'X-Token-Thumbprint',
  client_cert: 'Client-Cert',
  client_cert_chain: 'Client-Cert-Chain',
} as const

/** RFC 9440 §4: what is told only to an upstream for which that is said. */
const OPT_IN = ['client_cert', 'client_cert_chain'] as const

/** Fields that mean something of their own: what is told under such a name would be obeyed. */
const TAKEN: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...MESSAGE_FIELDS,
  'x-fapi-interaction-id',
])

/** What a route says, over what the defaults say: each name by itself. */
export function compileForward(
  said: readonly { readonly input: ForwardInput | undefined; readonly path: Path }[],
  reader: ConfigReader,
): ForwardConfig {
  const names: Record<string, string | undefined> = { ...NAMES }
  for (const key of OPT_IN) names[key] = undefined
  const users = new Map<string, string>()
  for (const { input, path } of said) {
    for (const key of Object.keys(NAMES) as (keyof typeof NAMES)[]) {
      const name = input?.[key]
      if (name === undefined) continue
      names[key] = name === false ? undefined : name === true ? NAMES[key] : name
      if (typeof name === 'string') checkName(name, [...path, key], reader)
    }
  }
  for (const [key, name] of Object.entries(names)) {
    if (name === undefined) continue
    const other = users.get(foldFieldName(name))
    const at = said.map(({ path }) => [...path, key]).findLast((path) => reader.document.has(path))
    if (other !== undefined) {
      const path = at ?? said.at(-1)?.path ?? []
      const message = `${nameOf(path)}: ${name} is told for ${other} already`
      reader.diagnostics.error('invalid-value', reader.document.at(path), message)
    }
    users.set(foldFieldName(name), key)
  }
  const authorization = said.findLast(({ input }) => input?.authorization !== undefined)
  return {
    clientId: names['client_id'],
    subject: names['sub'],
    scope: names['scope'],
    issuer: names['iss'],
    binding: names['binding'],
    thumbprint: names['thumbprint'],
    clientCert: names['client_cert'],
    clientCertChain: names['client_cert_chain'],
    removed: said.flatMap(({ input }) => input?.remove ?? []),
    authorization: authorization?.input?.authorization ?? 'strip',
  }
}

function checkName(name: string, path: Path, { document, diagnostics }: ConfigReader): void {
  // Upstreams fold _ and . into -: a name of ours has none, so nothing looks like it.
  const isOrdinary = isFieldName(name) && /^[A-Za-z0-9-]+$/.test(name)
  if (isOrdinary && !TAKEN.has(foldFieldName(name))) return
  const fault = isOrdinary ? 'has a meaning of its own' : 'wants letters, digits and -'
  diagnostics.error('invalid-value', document.at(path), `${nameOf(path)}: ${name} ${fault}`)
}
