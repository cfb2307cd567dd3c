/**
 * The plan of a route, as an operator and an auditor read it: the checks in order, every setting, who fixed
 * it and by which clause.
 *
 * @module
 */

import { CHECKS } from '../check/index.ts'
import { CATALOGUE, type DiagnosticId } from './catalogue.ts'
import { citation } from './clause.ts'
import type { Configuration, IssuerConfig, RouteConfig, Setting } from './configuration.ts'
import { showValue } from './narrowing.ts'
import { SETTINGS } from './profile.ts'
import { nodesAt, type SchemaNode } from './reading.ts'
import { renderRevocation } from './revocation.ts'

/** Values wider than this are listed below one another. */
const WIDE = 40

/**
 * Everything that is asked on a route, with its last line feed. Values are as they are in force, so those
 * that references brought in are there too: whoever prints the text redacts it.
 */
export function renderPlan(route: RouteConfig, configuration: Configuration): string {
  const { position } = route
  const facts: [string, string][] = [
    ['route', `${route.id}  ${position.file}:${position.line}`],
    ['match', matchOf(route)],
    ['upstream', upstreamOf(route, configuration)],
    ['profile', configuration.profile],
    ['issuers', route.isPublic ? 'none: the route is public' : issuersOf(route, configuration)],
  ]
  for (const issuer of configuration.issuers) {
    if (route.issuers.includes(issuer.id))
      facts.push(['', renderRevocation(issuerOn(route, issuer))])
  }
  const heading = facts.map(([name, value]) => `${name.padEnd(9)} ${value}\n`).join('')
  const questions = CHECKS.filter(({ name }) => !route.isPublic || name === 'transport')
  const columns = widthsOf(route.settings)
  const body = questions.map(({ name, question }, index) => {
    const own = route.settings.filter((setting) => setting.name.startsWith(`${name}.`))
    return `\n${index + 1}. ${name}: ${question}\n${own.map((one) => row(one, columns)).join('')}`
  })
  const rest = route.isPublic ? '\nNo token is asked for.\n' : ''
  return heading + body.join('') + rest
}

/** An issuer as strict as the route is. */
function issuerOn({ policies }: RouteConfig, issuer: IssuerConfig): IssuerConfig {
  const { max_lifetime = Infinity, revocation_max_delay = Infinity } = (policies['access_token'] ??
    {}) as { max_lifetime?: number; revocation_max_delay?: number }
  return {
    ...issuer,
    maxLifetime: limitOf(issuer.maxLifetime, max_lifetime),
    revocationMaxDelay: limitOf(issuer.revocationMaxDelay, revocation_max_delay),
  }
}

function limitOf(own = Infinity, ofRoute: number): number | undefined {
  const least = Math.min(own, ofRoute)
  return least === Infinity ? undefined : least
}

/** The routes that somebody may have meant whose request matches none; the nearest first. */
export function nearestRoutes(routes: readonly RouteConfig[], path: string): RouteConfig[] {
  const segments = path.split('/')
  const shared = ({ paths }: RouteConfig) =>
    Math.max(
      ...paths.map((pattern) => {
        const wanted = pattern.split('/')
        const differs = wanted.findIndex((one, at) => one !== '*' && one !== segments[at])
        return differs === -1 ? wanted.length : differs
      }),
    )
  return routes.toSorted((one, other) => shared(other) - shared(one)).slice(0, 3)
}

/** A route on one line. */
export function renderRoute(route: RouteConfig): string {
  const { file, line } = route.position
  return `${route.id}  ${matchOf(route)}  ${file}:${line}`
}

/** What a diagnostic means. */
export function renderDiagnosticId(id: DiagnosticId): string {
  return `${id}\n\n${wrap(CATALOGUE[id])}\n`
}

/** What a setting is: its description and default. Undefined if there is no such setting. */
export function renderSetting(name: string, root: SchemaNode): string | undefined {
  const path = name.split('.')
  const below = ['routes', 0, ...path]
  const nodes = [nodesAt(root, path), nodesAt(root, below)].find((found) => found.length > 0)
  if (nodes === undefined || name === '') return undefined
  const [{ description, default: byDefault } = {}] = nodes
  const policy = SETTINGS.find((one) => one.name === name)
  const lines = [
    name,
    '',
    ...(description === undefined ? [] : [wrap(description)]),
    ...(byDefault === undefined ? [] : [`Default: ${JSON.stringify(byDefault)}`]),
    ...(policy === undefined ? [] : ['Default: what the profile says.', ORDERS[policy.kind.order]]),
  ]
  return `${lines.join('\n')}\n`
}

/** Which way each kind of setting may be changed. */
export const ORDERS = {
  subset: 'A route may accept fewer.',
  superset: 'A route may require more.',
  at_most: 'A route may lower it.',
  demand: 'A route may turn it on.',
  level: 'A route may choose a stricter one.',
  added: 'A route may add it, and not take it away.',
} as const

function matchOf({ methods, hosts, paths }: RouteConfig): string {
  const where = (hosts ?? ['']).flatMap((host) => paths.map((path) => `${host}${path}`))
  return `${methods?.join(',') ?? 'any method'} ${where.join(' ')}`
}

function upstreamOf({ upstream }: RouteConfig, { upstreams }: Configuration): string {
  const config = upstreams.find(({ id }) => id === upstream)
  const url = `${config?.origin}${config?.basePath}`
  return url === upstream ? url : `${upstream}  ${url}`
}

function issuersOf({ issuers }: RouteConfig, configuration: Configuration): string {
  return configuration.issuers
    .filter(({ id }) => issuers.includes(id))
    .map(({ id, issuer }) => `${id}  ${issuer}`)
    .join('\n          ')
}

interface Widths {
  readonly name: number
  readonly value: number
  readonly from: number
}

function widthsOf(settings: readonly Setting[]): Widths {
  const widest = (texts: readonly string[]) => Math.max(0, ...texts.map(({ length }) => length))
  return {
    name: widest(settings.map(({ name }) => settingOf(name))),
    value: widest(settings.flatMap((one) => valueLines(one).slice(0, 1))),
    from: widest(settings.map(({ from }) => from)),
  }
}

function row(setting: Setting, widths: Widths): string {
  const [first = '', ...more] = valueLines(setting)
  const by = setting.by === undefined ? '' : citation(setting.by)
  const columns = [
    settingOf(setting.name).padEnd(widths.name),
    first.padEnd(widths.value),
    setting.from.padEnd(widths.from),
    by,
  ]
  const indent = ' '.repeat(widths.name + 5)
  return [`   ${columns.join('  ')}`.trimEnd(), ...more.map((line) => indent + line)]
    .map((line) => `${line}\n`)
    .join('')
}

function valueLines({ is }: Setting): string[] {
  if (typeof is === 'object' && is !== null && !Array.isArray(is)) {
    return Object.entries(is).map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
  }
  const text = showValue(is)
  return text.length > WIDE && Array.isArray(is) ? is.map(String) : [text]
}

function settingOf(name: string): string {
  return name.slice(name.indexOf('.') + 1)
}

function wrap(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + word.length >= 96) lines.push(word)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines.join('\n')
}
