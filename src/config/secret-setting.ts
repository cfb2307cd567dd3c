/**
 * Secrets that somebody wrote into a file itself: known by the settings that they are values of.
 *
 * @module
 */

import { type Document, isScalar, type ParsedNode, visit } from 'yaml'
import type { Path } from './document.ts'

/** Settings whose values are secret even where somebody wrote them into the file itself. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set(['client_secret', 'secret', 'token'])

const UNREAD = /\b(?:client_secret|secret|token)["']?[ \t]*:[ \t]+(\S.*)$/gm

/** Whether the value of a setting is not to be shown, unless it is a reference. */
export function isSecretSetting(path: Path): boolean {
  const name = path.at(-1)
  return typeof name === 'string' && SECRET_SETTINGS.has(name)
}

/** The lines of a file, without the secrets that somebody wrote into it. */
export function blot(text: string, document: Document.Parsed<ParsedNode>): string[] {
  const characters = text.split('')
  const hide = (range: readonly number[] | null | undefined) => {
    for (let at = range?.[0] ?? 0; at < (range?.[1] ?? 0); at++) {
      if (!/\s/.test(characters[at] ?? '')) characters[at] = '*'
    }
  }
  visit(document, {
    Pair: (_, { key, value }) => {
      if (!isScalar(key) || !isScalar(value) || !isSecretSetting([String(key.value)])) return
      if (typeof value.value === 'string' && !value.value.includes('${')) hide(value.range)
    },
    Scalar: (_, { value, range }) => {
      if (typeof value === 'string' && value.includes('PRIVATE KEY')) hide(range)
    },
  })
  // What YAML does not read as text may have been meant as a secret all the same.
  const isFaulty = document.errors.length + document.warnings.length > 0
  for (const { 1: value = '', index, 0: all } of text.matchAll(UNREAD)) {
    const from = index + all.length - value.length
    const isReference = /^["']?\$\{/.test(value)
    if (!isReference && (isFaulty || /^[[{&*!]/.test(value))) hide([from, from + value.length])
  }
  return characters.join('').split(/\r?\n/)
}
