/**
 * Profiles: tables of setting, value and clause, in config/profiles.
 *
 * A profile may extend another, and then only tighten it. `is` is the loosest value that it allows;
 * `default` the one in force where nobody says otherwise.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { type SettingKind, settingKind } from '../policy/field.ts'
import { isAsStrict } from '../policy/narrow.ts'
import { Diagnostics } from './diagnostic.ts'
import { type ConfigDocument, type Path, parseConfigDocument } from './document.ts'
import { issuerLimits } from './issuer-limits.ts'
import { ConfigReader, type SchemaNode } from './reading.ts'
import { CHECKS_WITH_SETTINGS } from './route-schema.ts'

export interface ProfileRow {
  /** The loosest value allowed, parsed; undefined: nothing is fixed. */
  readonly is: unknown
  /** In force where nobody says otherwise. */
  readonly byDefault: unknown
  /** The clause that says so. */
  readonly by: string
  /** The profile of the chain that said it last. */
  readonly from: string
}

export interface Profile {
  readonly name: string
  readonly title: string
  readonly specification: string | undefined
  readonly extends: string | undefined
  /** By `check.setting`. */
  readonly rows: ReadonlyMap<string, ProfileRow>
}

/** A setting of a check or of an issuer, as its schema describes it. */
export interface SettingDefinition {
  readonly check: string
  readonly setting: string
  /** `check.setting`. */
  readonly name: string
  readonly kind: SettingKind
  readonly schema: z.ZodType
}

/** Every setting of every check, in the order of the checks. */
export const SETTINGS: readonly SettingDefinition[] = CHECKS_WITH_SETTINGS.flatMap((check) =>
  definitionsOf(check.name, check.policy.shape as Record<string, z.ZodType>),
)

/** Settings of issuers, which a profile bounds too. */
export const ISSUER_LIMITS: readonly SettingDefinition[] = definitionsOf(
  'issuer',
  issuerLimits.shape,
)

const ALL = [...SETTINGS, ...ISSUER_LIMITS]

function definitionsOf(check: string, shape: Readonly<Record<string, z.ZodType>>) {
  return Object.entries(shape).map(([setting, schema]) => ({
    check,
    setting,
    name: `${check}.${setting}`,
    kind: settingKind(schema),
    schema,
  }))
}

const rowSchema = z.strictObject({
  is: z.unknown().optional(),
  default: z.unknown().optional(),
  by: z.string().min(1),
})

const profileSchema = z.strictObject({
  profile: z.string(),
  title: z.string(),
  specification: z.string().optional(),
  extends: z.string().optional(),
  policy: z.partialRecord(z.enum(ALL.map(({ name }) => name) as [string, ...string[]]), rowSchema),
})

const FOLDER = fileURLToPath(new URL('../../config/profiles/', import.meta.url))

/** The profiles that came with the gateway, by name. */
export function profileNames(folder = FOLDER): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort()
}

/**
 * Reads a profile and those that it extends; undefined if there is none of that name.
 *
 * Profiles are part of the program: one that does not hold is a bug, so it throws, with all its faults.
 */
export function loadProfile(
  name: string,
  folder = FOLDER,
  below: readonly string[] = [],
): Profile | undefined {
  if (!profileNames(folder).includes(name)) return undefined
  const file = `${folder}${name}.yaml`
  const diagnostics = new Diagnostics()
  const ports = { readFile: () => '', env: {}, now: 0 }
  const document = parseConfigDocument(file, readFileSync(file, 'utf8'), ports, diagnostics)
  const schema = z.toJSONSchema(profileSchema, { io: 'input' }) as SchemaNode
  const content = new ConfigReader(document, diagnostics, schema).read(profileSchema, [])

  let profile: Profile | undefined
  if (content !== undefined) {
    const at = (path: Path, message: string) =>
      diagnostics.error('invalid-profile', document.at(path), message)
    if (content.profile !== name) at(['profile'], `the file is called ${name}`)
    const chain = [...below, name]
    const parent = parentOf(content.extends, folder, chain)
    if (typeof parent === 'string') at(['extends'], parent)
    else profile = compileProfile(content, parent, at)
  }
  refuseFaults(diagnostics, document)
  return profile
}

function parentOf(name: string | undefined, folder: string, chain: readonly string[]) {
  if (name === undefined) return undefined
  if (chain.includes(name)) return `${[...chain, name].join(' extends ')}`
  return loadProfile(name, folder, chain) ?? `there is no profile ${name}`
}

type Report = (path: Path, message: string) => void

function compileProfile(
  content: z.output<typeof profileSchema>,
  parent: Profile | undefined,
  report: Report,
): Profile {
  const rows = new Map(parent?.rows)
  for (const { name, schema, kind } of ALL) {
    const row = content.policy[name]
    if (row === undefined) continue
    const path = ['policy', name]
    const inherited = rows.get(name)
    const is = parseValue(schema, row.is, [...path, 'is'], report) ?? inherited?.is
    const own = parseValue(schema, row.default, [...path, 'default'], report)
    if (!isAsStrict(kind, inherited?.is, is)) {
      report(path, `looser than in ${inherited?.from}: a profile can only be tightened`)
    }
    if (own !== undefined && !isAsStrict(kind, is, own)) {
      report(path, 'the default is looser than what is allowed')
    }
    const kept = isAsStrict(kind, is, inherited?.byDefault ?? is) ? inherited?.byDefault : undefined
    rows.set(name, { is, byDefault: own ?? kept ?? is, by: row.by, from: content.profile })
  }
  const { profile, title, specification } = content
  return { name: profile, title, specification, extends: content.extends, rows }
}

function parseValue(schema: z.ZodType, value: unknown, path: Path, report: Report): unknown {
  if (value === undefined) return undefined
  const parsed = schema.safeParse(value)
  if (!parsed.success) report(path, parsed.error.issues.map(({ message }) => message).join('; '))
  return parsed.data
}

function refuseFaults(diagnostics: Diagnostics, { file }: ConfigDocument): void {
  if (!diagnostics.hasErrors) return
  const faults = diagnostics.sorted.map(
    ({ position, message }) => `${position.line}:${position.column} ${message}`,
  )
  throw new Error(`the profile ${file} does not hold:\n${faults.join('\n')}`)
}
