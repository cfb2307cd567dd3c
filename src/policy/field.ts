/**
 * Kinds of setting. Each knows which way is stricter, so a profile, the defaults and a route can be laid
 * over one another and only ever tighten (see {@link ./narrow.ts}).
 *
 * The kind, and the loosest value that the gateway can be made to obey, travel in the schema's metadata,
 * so that the published JSON Schema says them too.
 *
 * @module
 */

import { z } from 'zod'

/** Which way a setting may be changed by whoever stands below. */
export type Order = 'subset' | 'superset' | 'at_most' | 'demand' | 'level' | 'added'

/** The metadata of every setting. */
export interface SettingKind {
  readonly order: Order
  /** Where narrowing starts; absent means that nothing is asked. */
  readonly loosest?: unknown
  /** Of a `level`: its steps, from the loosest to the strictest. */
  readonly steps?: readonly string[]
}

/** Any of these are accepted. A child may accept fewer. */
export function anyOf<const T extends readonly [string, ...string[]]>(values: T) {
  return z
    .array(z.enum(values))
    .min(1)
    .meta({ order: 'subset', loosest: values } as SettingMeta)
}

/** All of these are required. A child may require more. */
export function allOf<T extends z.ZodString | z.ZodEnum>(element: T) {
  return z.array(element).meta({ order: 'superset', loosest: [] } as SettingMeta)
}

/** A limit in seconds. A child may lower it. */
export function atMost(seconds: number) {
  return duration()
    .refine((value) => value <= seconds, `at most ${seconds}s`)
    .meta({ order: 'at_most', loosest: seconds } as SettingMeta)
}

/** A limit in seconds where one is set. A child may set it, or lower it. */
export function limit() {
  return duration()
    .optional()
    .meta({ order: 'at_most' } as SettingMeta)
}

/** Required or not. A child may turn it on. */
export function demand() {
  return z.boolean().meta({ order: 'demand', loosest: false } as SettingMeta)
}

/** Steps from the loosest to the strictest. A child may go up. */
export function level<const T extends readonly [string, ...string[]]>(steps: T) {
  return z.enum(steps).meta({ order: 'level', loosest: steps[0], steps } as SettingMeta)
}

/** A condition that applies where it is set. A child may add one, and may not take one away. */
export function added<T extends z.ZodType>(condition: T) {
  return condition.optional().meta({ order: 'added' } as SettingMeta)
}

type SettingMeta = SettingKind & Record<string, unknown>

/** The kind of a setting, as its schema carries it. */
export function settingKind(schema: z.ZodType): SettingKind {
  const kind = schema.meta() as SettingKind | undefined
  if (kind?.order === undefined) throw new Error('a setting of a policy without a kind')
  return kind
}

const UNITS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
const DURATION = /^(\d{1,9})(ms|s|m|h|d)$/

/** A duration, always with its unit: `500ms`, `10s`, `5m`, `24h`. Parsed to seconds. */
export function duration() {
  return z
    .string()
    .regex(DURATION, 'wants a duration with its unit, such as 500ms, 10s, 5m or 24h')
    .transform((text) => {
      const [, digits, unit] = DURATION.exec(text) ?? []
      return Number(digits) * (UNITS[unit ?? ''] ?? Number.NaN)
    })
}

const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
}
const SIZE = /^(\d{1,9})(B|KiB|MiB|GiB)$/

/** A size, always with its unit: `512B`, `16KiB`, `1MiB`. Parsed to bytes. */
export function size() {
  return z
    .string()
    .regex(SIZE, 'wants a size with its unit, such as 512B, 16KiB or 1MiB')
    .transform((text) => {
      const [, digits, unit] = SIZE.exec(text) ?? []
      return Number(digits) * (SIZES[unit ?? ''] ?? Number.NaN)
    })
}
