/**
 * Secrets that somebody wrote into a file itself: known by the settings that they are values of.
 *
 * @module
 */

import { type Document, isScalar, isSeq, type ParsedNode, visit } from 'yaml'
import type { Path } from './document.ts'

/** Settings whose values are secret even where somebody wrote them into the file itself. */
const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'client_secret',
  'secret',
  'token',
  'password',
  'encryption_key',
])

const UNREAD = /\b(?:client_secret|secret|token|password|encryption_key)["']?[ \t]*:[ \t]+(\S.*)$/gm

/** A password in a URL, where no setting of the gateway has one. */
const IN_URL = /:\/\/([^/\s"']*)@/g

/** Whether the value of a setting is not to be shown, unless it is a reference. */
export function isSecretSetting(path: Path): boolean {
  // Of a list, the setting that it is the value of.
  const name = path.findLast((step) => typeof step === 'string')
  return name !== undefined && SECRET_SETTINGS.has(name)
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
      if (!isScalar(key) || !isSecretSetting([String(key.value)])) return
      for (const one of isSeq(value) ? value.items : [value]) {
        if (!isScalar(one) || typeof one.value !== 'string') continue
        if (!one.value.includes('${')) hide(one.range)
      }
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
  for (const { 1: value = '', index } of text.matchAll(IN_URL)) {
    if (!value.includes('${')) hide([index + '://'.length, index + '://'.length + value.length])
  }
  return characters.join('').split(/\r?\n/)
}
