/**
 * Settings laid over one another: the profile, what holds for all routes, what one route says. Each may
 * only tighten what stands above it.
 *
 * @module
 */

import { CHECKS } from '../check/index.ts'
import type { SettingKind } from '../policy/field.ts'
import { isAsStrict } from '../policy/narrow.ts'
import { citation } from './clause.ts'
import type { Policies, Setting } from './configuration.ts'
import type { Path } from './document.ts'
import { ISSUER_LIMITS, type Profile, SETTINGS, type SettingDefinition } from './profile.ts'
import type { ConfigReader } from './reading.ts'
import type { Statement } from './statement.ts'

/** A value in force, with where it came from. */
export interface InForce {
  readonly value: unknown
  /** The loosest value that whoever stands below may choose; undefined: nothing is asked. */
  readonly floor: unknown
  readonly by: string | undefined
  readonly from: string
  /** Whether the file says so, or the profile. */
  readonly isSaid: boolean
}

/** By `check.setting`, for every setting. */
export type Layer = ReadonlyMap<string, InForce>

/** What a profile leaves in force where nobody says anything. */
export function profileLayer(profile: Profile): Layer {
  return new Map(
    SETTINGS.map(({ name, kind }) => {
      const row = profile.rows.get(name)
      const value = row?.byDefault ?? kind.loosest
      const [by, from] = row === undefined ? [undefined, 'built-in'] : [row.by, row.from]
      return [name, { value, floor: row?.is, by, from, isSaid: false }]
    }),
  )
}

/** Lays statements over what stands above them. What is looser is reported and not taken. */
export function narrow(
  above: Layer,
  statements: readonly Statement[],
  from: string,
  profile: Profile,
  reader: ConfigReader,
): Layer {
  const layer = new Map(above)
  const saidAt = new Map<string, Path>()
  for (const statement of statements) {
    const { name, path } = statement
    const earlier = saidAt.get(name)
    if (earlier !== undefined) {
      const message = `${name} is said twice: also in line ${reader.document.key(earlier).line}`
      reader.diagnostics.error('duplicate-key', reader.document.key(path), message)
      continue
    }
    saidAt.set(name, path)
    const definition = SETTINGS.find((one) => one.name === name)
    const inForce = above.get(name)
    if (definition === undefined || inForce === undefined) continue
    layer.set(name, tighten(inForce, definition, statement, from, profile, reader))
  }
  return layer
}

function tighten(
  above: InForce,
  definition: SettingDefinition,
  { value, path }: Statement,
  from: string,
  profile: Profile,
  reader: ConfigReader,
): InForce {
  const { kind, name } = definition
  const together = above.isSaid ? joined(kind, above.value, value) : value
  if (isAsStrict(kind, above.floor, together)) {
    // Who says what is in force anyway has not changed who fixed it.
    const isSame = JSON.stringify(together) === JSON.stringify(above.value)
    if (isSame) return { ...above, floor: together, isSaid: true }
    return { value: together, floor: together, by: undefined, from, isSaid: true }
  }
  const { document, diagnostics } = reader
  const setting = String(path.at(-1))
  if (above.isSaid) {
    const message = `${setting}: looser than the defaults, which hold for every route`
    const note = `${above.from} says: ${showValue(above.value)}`
    for (const at of guilty(kind, above.floor, value, path)) {
      diagnostics.error('defaults-floor', document.at(at), message, note)
    }
  } else {
    reportFloor(kind, profile, name, value, path, reader)
  }
  return above
}

/**
 * Says it, if what an issuer has is looser than the profile allows.
 *
 * @param value One of those that the setting is a list of, where it is one.
 */
export function checkLimit(
  name: string,
  value: unknown,
  path: Path,
  { profile, reader }: { readonly profile: Profile; readonly reader: ConfigReader },
): void {
  const { kind } = ISSUER_LIMITS.find((one) => one.name === name)!
  const compared = kind.order === 'subset' ? [value] : value
  if (isAsStrict(kind, profile.rows.get(name)?.is, compared)) return
  reportFloor(kind, profile, name, value, path, reader)
}

/** Conditions add up: whoever stands below need not repeat what stands above. */
function joined(kind: SettingKind, above: unknown, value: unknown): unknown {
  if (kind.order === 'superset') return [...new Set([...asList(above), ...asList(value)])]
  if (kind.order === 'added' && isRecord(above) && isRecord(value)) return { ...above, ...value }
  return value
}

/** Says that a value is looser than the profile allows, at the very element. */
function reportFloor(
  kind: SettingKind,
  profile: Profile,
  name: string,
  value: unknown,
  path: Path,
  { document, diagnostics }: ConfigReader,
): void {
  const row = profile.rows.get(name)
  const [setting] = path.filter((step) => typeof step === 'string').slice(-1)
  const note = `${citation(row?.by ?? '')}; ${bound(kind, name, row?.is)}`
  for (const at of guilty(kind, row?.is, value, path)) {
    const shown = document.show(at)
    const message = `${setting}: ${shown === '' ? 'this' : shown} is not allowed by profile ${profile.name}`
    diagnostics.error('profile-floor', document.at(at), message, note)
  }
}

/** The elements of a list that are not allowed; of anything else, the value itself. */
function guilty(kind: SettingKind, floor: unknown, value: unknown, path: Path): Path[] {
  if (kind.order !== 'subset' || !Array.isArray(value) || !Array.isArray(floor)) return [path]
  // A short form for a list has one word where the list would have its elements.
  if (path.at(-1) === 'sender') return [path]
  return value.flatMap((element, index) => (floor.includes(element) ? [] : [[...path, index]]))
}

/** What a floor allows, in words. */
function bound(kind: SettingKind, name: string, floor: unknown): string {
  switch (kind.order) {
    case 'subset':
      return `allowed: ${showValue(floor)}`
    case 'at_most':
      return `at most ${showValue(floor)}`
    case 'level':
      return `at least ${showValue(floor)}`
    default:
      return `${name} has to be ${showValue(floor)}`
  }
}

/** A value as one would write it. */
export function showValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number') return showDuration(value)
  if (Array.isArray(value)) return value.join(' ') || 'none'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Settings that are numbers are durations. */
function showDuration(seconds: number): string {
  if (seconds > 0 && seconds < 1) return `${Math.round(seconds * 1000)}ms`
  if (seconds >= 7200 && seconds % 3600 === 0) return `${seconds / 3600}h`
  if (seconds >= 120 && seconds % 60 === 0) return `${seconds / 60}m`
  return `${seconds}s`
}

/** A layer as the running gateway takes it. */
export function policiesOf(layer: Layer): Policies {
  return Object.fromEntries(
    CHECKS.map((check) => {
      const own = SETTINGS.filter((setting) => setting.check === check.name)
      const values = own.map(({ setting, name }) => [setting, layer.get(name)?.value] as const)
      return [check.name, Object.fromEntries(values.filter(([, value]) => value !== undefined))]
    }),
  )
}

/** A layer as `explain` prints it: what asks for nothing is left out. */
export function settingsOf(layer: Layer): Setting[] {
  return SETTINGS.flatMap(({ name }) => {
    const inForce = layer.get(name)
    if (inForce?.value === undefined) return []
    return [{ name, is: inForce.value, by: inForce.by, from: inForce.from }]
  })
}

function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
