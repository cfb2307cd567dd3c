/**
 * Is this value as strict as that one?
 *
 * @module
 */

import type { SettingKind } from './field.ts'

/**
 * Whether `child` asks at least as much as `parent` of the same setting.
 *
 * @param kind The setting's kind, see {@link ./field.ts}.
 * @param parent The value in force above; undefined means that nothing is asked there.
 * @param child The value wanted below. Both are parsed values, of the setting's own type.
 */
export function isAsStrict(kind: SettingKind, parent: unknown, child: unknown): boolean {
  if (parent === undefined) return true
  switch (kind.order) {
    case 'subset':
      return (child as unknown[]).every((value) => (parent as unknown[]).includes(value))
    case 'superset':
      return (parent as unknown[]).every((value) => (child as unknown[]).includes(value))
    case 'at_most':
      return (child as number) <= (parent as number)
    case 'demand':
      return child === true || parent === false
    case 'level': {
      const steps = kind.steps ?? []
      return steps.indexOf(child as string) >= steps.indexOf(parent as string)
    }
    case 'added':
      return keeps(parent, child)
  }
}

/** A condition set above stays: the same one, or, where conditions have names, that one and more. */
function keeps(parent: unknown, child: unknown): boolean {
  if (isSame(parent, child)) return true
  if (!isRecord(parent) || !isRecord(child)) return false
  return Object.entries(parent).every(([name, value]) => isSame(value, child[name]))
}

/** Values of settings come from YAML: plain data, which its JSON tells apart. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
