/**
 * `routes`, compiled.
 *
 * @module
 */

import type { CorsPolicy } from '../http/cors.ts'
import { citation } from './clause.ts'
import type { ListenerConfig, RouteConfig } from './configuration.ts'
import type { Path } from './document.ts'
import { compileForward } from './forward.ts'
import type { CompiledIssuer } from './issuer.ts'
import { compileMatch } from './match.ts'
import { type InForce, type Layer, narrow, policiesOf, settingsOf } from './narrowing.ts'
import { SETTINGS } from './profile.ts'
import { nameOf } from './reading.ts'
import { checkRouteRevocation } from './revocation.ts'
import { type DefaultsInput, type RouteInput, routeSchema } from './route-schema.ts'
import type { Sources } from './section.ts'
import { type Statement, statementsOf } from './statement.ts'
import { suggest } from './suggestion.ts'
import type { Upstreams } from './upstream.ts'

/** What routes are compiled over. */
export interface RouteSurroundings {
  readonly sources: Sources
  /** The profile, tightened by what the file says for all routes. */
  readonly above: Layer
  readonly defaults: DefaultsInput
  readonly listeners: readonly ListenerConfig[]
  readonly issuers: readonly CompiledIssuer[]
  readonly upstreams: Upstreams
}

const DEFAULT_MAX_BODY = 1_048_576

/** The routes that hold; what is wrong with the others has been said. */
export function compileRoutes(around: RouteSurroundings): RouteConfig[] {
  const { reader } = around.sources
  const ids = new Map<string, Path>()
  return Array.from({ length: reader.elements(['routes']) }, (_, index) => [
    'routes',
    index,
  ]).flatMap((path) => {
    const input = reader.read(routeSchema, path)
    if (input === undefined) return []
    const earlier = ids.get(input.id)
    if (earlier !== undefined) {
      const { line } = reader.document.at([...earlier, 'id'])
      const message = `there is a route ${input.id} already, in line ${line}`
      reader.diagnostics.error('duplicate-id', reader.document.at([...path, 'id']), message)
    }
    ids.set(input.id, path)
    return compileRoute(input, path, around) ?? []
  })
}

function compileRoute(
  input: RouteInput,
  path: Path,
  around: RouteSurroundings,
): RouteConfig | undefined {
  const { sources, defaults, listeners, upstreams } = around
  const { reader, profile } = sources
  const hosts = [...new Set(listeners.flatMap((one) => one.publicUrls.map(({ host }) => host)))]
  const match = compileMatch(input.match, [...path, 'match'], hosts, reader)
  const issuers = input.public ? [] : chooseIssuers(input, path, around)
  const upstream = upstreams.use(input.upstream, [...path, 'upstream'])
  const statements = statementsOf(input, path)
  if (input.public) refuseQuestions(input, statements, path, around)
  const said = narrow(around.above, statements, `routes.${input.id}`, profile, reader)
  const layer = withIssuers(said, issuers)
  checkAlgorithms(said, issuers, path, around)
  const configs = issuers.map(({ config }) => config)
  checkRouteRevocation(said, configs, path, sources)
  checkCertificates(layer, input, path, around)
  if (input.websocket) refuseWithoutGet(match?.methods, path, around)
  if (!input.public) warnOfNoDemand(layer, input, path, around)
  const forward = compileForward(
    [
      { input: defaults.forward, path: ['defaults', 'forward'] },
      { input: input.forward, path: [...path, 'forward'] },
    ],
    reader,
  )
  if (match === undefined || upstream === undefined) return undefined
  return {
    id: input.id,
    position: reader.document.at([...path, 'id']),
    ...match,
    isPublic: input.public,
    websocket: input.websocket,
    issuers: configs.map(({ id }) => id),
    policies: policiesOf(layer),
    settings: settingsOf(layer),
    upstream,
    forward,
    maxBody: input.limits?.body ?? defaults.limits?.body ?? DEFAULT_MAX_BODY,
    cors: compileCors(input.cors ?? defaults.cors),
    realm: input.realm ?? hosts[0] ?? input.id,
  }
}

function compileCors(input: RouteInput['cors']): CorsPolicy | undefined {
  if (input === undefined) return undefined
  return { origins: input.origins, fields: input.headers, maxAge: input.max_age }
}

/** A public route asks for no token: whoever also says what to ask of one means something else. */
function refuseQuestions(
  input: RouteInput,
  statements: readonly Statement[],
  path: Path,
  { sources: { reader } }: RouteSurroundings,
): void {
  const { document, diagnostics } = reader
  const asked = statements.filter(({ name }) => !name.startsWith('transport.'))
  const paths = asked.map((statement) => statement.path)
  if (input.issuers !== undefined) paths.push([...path, 'issuers'])
  for (const at of paths) {
    const message = `${nameOf(at)}: without effect, since no token is asked for on a public route`
    diagnostics.error('invalid-value', document.key(at), message, 'leave it or public: true out')
  }
}

/** RFC 6455 §4.1: a WebSocket is asked for by GET. */
function refuseWithoutGet(
  methods: readonly string[] | undefined,
  path: Path,
  { sources: { reader } }: RouteSurroundings,
): void {
  if (methods === undefined || methods.includes('GET')) return
  const at = [...path, 'websocket']
  const message = `${nameOf(at)}: without effect, since the route does not take GET`
  reader.diagnostics.error('invalid-value', reader.document.at(at), message)
}

/** The issuers of a route: its own, those of the defaults, or all. */
function chooseIssuers(input: RouteInput, path: Path, around: RouteSurroundings): CompiledIssuer[] {
  const { sources, defaults, issuers } = around
  const { document, diagnostics } = sources.reader
  const named = input.issuers ?? defaults.issuers
  const at = input.issuers === undefined ? ['defaults', 'issuers'] : [...path, 'issuers']
  const written = sources.reader.keys(['issuers'])
  for (const [index, id] of (named ?? []).entries()) {
    if (written.includes(id)) continue
    const near = suggest(id, written)
    const note = near === undefined ? `there are: ${written.join(' ')}` : `did you mean "${near}"?`
    const message = `${nameOf([...at, index])}: there is no issuer ${document.show([...at, index])}`
    diagnostics.error('unknown-reference', document.at([...at, index]), message, note)
  }
  if (written.length === 0) {
    const message = `${nameOf(path)} is not public, and the file has no "issuers"`
    diagnostics.error('missing-key', document.key(path), message)
  }
  const chosen =
    named === undefined ? issuers : issuers.filter(({ config }) => named.includes(config.id))
  checkDistinct(chosen, path, around)
  return [...chosen]
}

function checkDistinct(
  chosen: readonly CompiledIssuer[],
  path: Path,
  { sources: { reader } }: RouteSurroundings,
): void {
  const at = reader.document.at([...path, 'id'])
  for (const [index, { config }] of chosen.entries()) {
    const twin = chosen.slice(0, index).find((one) => one.config.issuer === config.issuer)
    if (twin === undefined) continue
    const message = `${twin.config.id} and ${config.id} are one issuer, ${config.issuer}`
    reader.diagnostics.error('ambiguous-issuer', at, message)
  }
  const asking = chosen.filter(({ config }) => config.introspection !== undefined)
  if (asking.length > 1) {
    const message = `${namesOf(asking)} both introspect tokens, and an opaque token does not say whose it is`
    reader.diagnostics.error('opaque-issuer-ambiguous', at, message)
  }
  const encrypting = chosen.filter(({ config }) => config.encryption !== undefined)
  if (encrypting.length > 1) {
    const message = `${namesOf(encrypting)} both encrypt tokens, and an encrypted token does not say whose it is`
    reader.diagnostics.error('encrypting-issuer-ambiguous', at, message)
  }
}

function namesOf(issuers: readonly CompiledIssuer[]): string {
  return issuers.map(({ config }) => config.id).join(' and ')
}

/**
 * Where neither the file's defaults nor the route say how tokens are judged, the issuers do: what is in
 * force on the route is the loosest of them, and each is held to its own.
 */
function withIssuers(layer: Layer, issuers: readonly CompiledIssuer[]): Layer {
  const first = issuers[0]
  if (first === undefined) return layer
  const merged = new Map(layer)
  for (const { name, check, kind } of SETTINGS) {
    if (check !== 'access_token' || layer.get(name)?.isSaid === true) continue
    const inForce = issuers.map((one) => one.layer.get(name)).filter((one) => one !== undefined)
    const value = loosestOf(kind.order, inForce)
    const owner = inForce.find((one) => JSON.stringify(one.value) === JSON.stringify(value))
    const several = { by: undefined, from: 'issuers' }
    merged.set(name, { floor: value, isSaid: false, ...(owner ?? several), value })
  }
  return merged
}

function loosestOf(order: string, inForce: readonly InForce[]): unknown {
  const values = inForce.map(({ value }) => value)
  switch (order) {
    case 'subset':
      return [...new Set(values.flat())]
    case 'demand':
      return values.every((value) => value === true)
    default:
      // Limits: one that an issuer does not have is not had by all.
      return values.includes(undefined) ? undefined : Math.max(...(values as number[]))
  }
}

function checkAlgorithms(
  layer: Layer,
  issuers: readonly CompiledIssuer[],
  path: Path,
  { sources: { reader } }: RouteSurroundings,
): void {
  const { value, isSaid, from } = layer.get('access_token.algorithms') ?? {}
  if (isSaid !== true) return
  for (const { config } of issuers) {
    if (config.algorithms.some((name) => (value as string[]).includes(name))) continue
    const message = `no algorithm is left for tokens of ${config.id}: ${from} takes ${(value as string[]).join(' ')}`
    const note = `${config.id} takes ${config.algorithms.join(' ')}`
    reader.diagnostics.error('nothing-left', reader.document.at([...path, 'id']), message, note)
  }
}

/** RFC 6750 §3.1, FAPI 2.0 SP §5.3.4-4: whether a token was granted this access is for the resource to ask. */
function warnOfNoDemand(
  layer: Layer,
  input: RouteInput,
  path: Path,
  { sources: { reader } }: RouteSurroundings,
): void {
  const demands = ['scopes', 'any_scope', 'authorization_details', 'claims']
    .map((setting) => layer.get(`authorization.${setting}`)?.value)
    .filter((value) => value !== undefined && Object.keys(value as object).length > 0)
  if (demands.length > 0) return
  const message = `${input.id} asks for no scopes and no claims: any token of its issuers passes`
  const at = reader.document.at([...path, 'id'])
  const note = `RFC 6750 §3.1, ${citation('FAPI2-SP-FINAL-5.3.4-4')}`
  reader.diagnostics.warn('unrestricted-route', at, message, note)
}

/** A route that can only be met with a certificate, where no listener asks for any. */
function checkCertificates(
  layer: Layer,
  input: RouteInput,
  path: Path,
  { listeners, sources: { reader } }: RouteSurroundings,
): void {
  const methods = layer.get('sender_constraint.methods')?.value as string[]
  const isRequired = layer.get('sender_constraint.required')?.value === true
  const asks = listeners.some((one) =>
    [one, ...one.certificates].some(({ clientCertificate }) => clientCertificate.mode !== 'off'),
  )
  if (input.public || asks) return
  const takesBound = isRequired && !methods.includes('dpop')
  if (!takesBound && !DEMANDS.some((name) => isDemanded(layer.get(name)?.value))) return
  const wants = takesBound ? 'takes certificate-bound tokens only' : 'asks for client certificates'
  const message = `${input.id} ${wants}, and no listener asks for certificates`
  const at = reader.document.at([...path, 'id'])
  reader.diagnostics.error('mtls-without-certificates', at, message, 'set client_ca')
}

const DEMANDS = ['required', 'subject', 'san', 'psd2_roles', 'qc_types', 'client_id'].map(
  (setting) => `client_certificate.${setting}`,
)

/** Whether a setting says anything: not `false`, and no empty list. */
function isDemanded(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false
}
