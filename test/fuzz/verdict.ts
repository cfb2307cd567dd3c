/**
 * Whether what a gateway did with bytes was right, by what was sent, what reached its upstream, what it
 * logged and what it answered. Pure.
 *
 * @module
 */

import type { Filling } from './credential.ts'
import type { Observation } from './exchange.ts'
import { type Reading, type StrictRequest, valuesOf } from './strict-reader.ts'

/** What an access line says. */
export interface AccessLine {
  readonly interaction_id?: string
  readonly method: string
  readonly status: number
  readonly sender?: string
  readonly upstream?: string
}

export interface Sent {
  readonly reading: Reading
  readonly filling: Filling
  /** Whether any of it may be forwarded. */
  readonly isAuthorized: boolean
  /** How many requests it is, where every one has to be answered 200. */
  readonly honest: number | undefined
}

export interface Seen extends Observation {
  /** Whose address was that of the connection. */
  readonly upstream: readonly StrictRequest[]
  readonly access: readonly AccessLine[]
}

export type Rule =
  | 'forwarded_unauthorized'
  | 'forwarded_what_was_not_said'
  | 'forwarded_unlogged'
  | 'forwarded_for_nobody'
  | 'forwarded_malformed'
  | 'forwarded_field'
  | 'forwarded_path'
  | 'proof_used_twice'
  | 'honest_request_refused'
  | 'server_error'
  | 'slow'
  | 'peers_refuse'
  | 'ended'

export interface Fault {
  readonly rule: Rule
  readonly detail: string
}

const LOGGED_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** Fields that end at the gateway, whatever the request says. */
const OURS = [
  'dpop',
  'connection',
  'upgrade',
  'te',
  'trailer',
  'expect',
  'keep-alive',
  'client-cert',
]

/** Everything that is wrong, and nothing if all is well. */
export function judge(sent: Sent, seen: Seen): Fault[] {
  return [
    ...judgeAuthorization(sent, seen),
    ...seen.upstream.flatMap((request) => judgeForwarded(request, seen)),
    ...judgeProofs(sent, seen),
    ...judgeAnswers(sent, seen),
  ]
}

/** Every request forwarded is one that was said, with credentials in its own head. */
function judgeAuthorization({ reading, filling, isAuthorized }: Sent, { upstream }: Seen): Fault[] {
  if (!isAuthorized) {
    return upstream.map((request) => ({ rule: 'forwarded_unauthorized', detail: nameOf(request) }))
  }
  const said = reading.requests.filter((request) => hasCredentials(request, filling)).map(nameOf)
  return upstream.flatMap((request): Fault[] => {
    const at = said.indexOf(nameOf(request))
    if (at === -1) return [{ rule: 'forwarded_what_was_not_said', detail: nameOf(request) }]
    said.splice(at, 1)
    return []
  })
}

function judgeForwarded(request: StrictRequest, { access }: Seen): Fault[] {
  const faults: Fault[] = []
  const [id] = valuesOf(request, 'x-fapi-interaction-id')
  const method = LOGGED_METHODS.includes(request.method) ? request.method : 'other'
  const line = access.find((one) => one.interaction_id === id && one.upstream !== undefined)
  if (line?.method !== method) {
    faults.push({ rule: 'forwarded_unlogged', detail: `${nameOf(request)}, ${line?.method}` })
  }
  const once = ['host', 'x-forwarded-for', 'forwarded', 'x-fapi-interaction-id']
  for (const name of once) {
    const lines = valuesOf(request, name)
    if (lines.length !== 1) faults.push({ rule: 'forwarded_field', detail: `${name}: ${lines}` })
  }
  for (const name of OURS) {
    // The pool's own, of its own connection: this value and nothing beside it.
    const isPools = (value: string) => name === 'connection' && /^(?:keep-alive|close)$/.test(value)
    const lines = valuesOf(request, name).filter((value) => !isPools(value))
    if (lines.length > 0) faults.push({ rule: 'forwarded_field', detail: `${name}: ${lines}` })
  }
  const [path = ''] = request.target.split('?')
  if (/^[^/]|\/\/|\/\.{1,2}(?:\/|$)|[\\;#]|%2F|%5C|%00|%2E/i.test(path)) {
    faults.push({ rule: 'forwarded_path', detail: request.target })
  }
  return faults
}

/** RFC 9449 §11.1: a proof opens once. */
function judgeProofs({ filling }: Sent, { upstream, access }: Seen): Fault[] {
  const ids = upstream.map((request) => valuesOf(request, 'x-fapi-interaction-id')[0])
  const proven = access.filter(
    ({ sender, interaction_id: id }) => sender === 'dpop' && ids.includes(id),
  )
  const proofs = Object.keys(filling.proofs).length
  if (proven.length <= proofs) return []
  return [{ rule: 'proof_used_twice', detail: `${proofs} proofs, ${proven.length} requests` }]
}

function judgeAnswers({ honest }: Sent, { answers, access, upstream, isSlow }: Seen): Fault[] {
  const faults: Fault[] = []
  const statuses = answers.map(({ status }) => status)
  const broken = [...statuses, ...access.map(({ status }) => status)].filter((one) => one >= 500)
  if (broken.length > 0) faults.push({ rule: 'server_error', detail: broken.join() })
  if (isSlow) faults.push({ rule: 'slow', detail: `answered: ${statuses}` })
  if (honest !== undefined) {
    const isServed = upstream.length === honest && statuses.every((status) => status === 200)
    if (isServed && statuses.length < honest) {
      // All of it was forwarded, and what was answered was answered well: the rest is late, or never comes.
      faults.push({ rule: 'slow', detail: `${honest} forwarded, answered: ${statuses}` })
    } else if (!isServed || statuses.length !== honest) {
      faults.push({ rule: 'honest_request_refused', detail: `${upstream.length} ${statuses}` })
    }
  }
  return faults
}

/** One `Authorization`, with a token whole, and for a token that needs it the proof for this request. */
function hasCredentials(request: StrictRequest, { mtls, dpop, proofs, path }: Filling): boolean {
  const [value = '', ...others] = valuesOf(request, 'authorization')
  const [, scheme = '', token] = /^(\w+) +(\S+)$/.exec(value) ?? []
  if (others.length > 0) return false
  if (scheme.toLowerCase() === 'bearer') return token === mtls
  if (scheme.toLowerCase() !== 'dpop' || token !== dpop) return false
  const [proof, ...more] = valuesOf(request, 'dpop')
  const isOfRequest = pathOf(request.target).split('?')[0] === path
  return isOfRequest && more.length === 0 && proof !== undefined && proof === proofs[request.method]
}

function nameOf({ method, target }: StrictRequest): string {
  return `${method} ${pathOf(target)}`
}

/** RFC 3986 §6.2.2: in one spelling, without scheme and authority. */
function pathOf(target: string): string {
  const relative = target.replace(/^https:\/\/[^/?]*/i, '')
  const [path = '', ...query] = relative.split('?')
  const normal = path.replace(/%([0-9a-f]{2})/gi, (encoded, digits) => {
    const character = String.fromCharCode(Number.parseInt(digits, 16))
    return /[\w.~-]/.test(character) ? character : encoded.toUpperCase()
  })
  return [normal === '' ? '/' : normal, ...query].join('?')
}
