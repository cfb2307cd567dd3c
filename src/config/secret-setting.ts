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

/** A reference without a default has nothing of the secret in it. */
const REFERENCE_ALONE = /^\$\{(?:(?!:-)[^}])+\}$/

/** Whether a text is not to be shown, as the value of a setting: unless it is a reference and nothing else. */
export function hasSecret(text: string, path: Path): boolean {
  return isSecretSetting(path) && !REFERENCE_ALONE.test(text)
}

function isSecretSetting(path: Path): boolean {
  // Of a list, the setting that it is the value of.
  const name = path.findLast((step) => typeof step === 'string')
  return name !== undefined && SECRET_SETTINGS.has(name)
}

/**
 * A value of a file as it was written, without the secrets in it: not even a digest of it lets one be guessed.
 * Of a secret setting there is left which reference stands there, if that is all that does.
 */
export function withoutSecrets(written: unknown, path: Path = []): unknown {
  if (typeof written === 'string') return isSecret(written, path) ? undefined : written
  if (Array.isArray(written))
    return written.map((one, index) => withoutSecrets(one, [...path, index]))
  if (typeof written !== 'object' || written === null)
    return isSecretSetting(path) ? undefined : written
  const entries = Object.entries(written)
  return Object.fromEntries(
    entries.map(([name, one]) => [name, withoutSecrets(one, [...path, name])]),
  )
}

/**
 * Whether a text has a secret in it: one of a secret setting, a key, which may stand there as PEM or JWK, or
 * a password in a URL.
 */
function isSecret(text: string, path: Path): boolean {
  return isKey(text) || hasSecret(text, path) || text.search(IN_URL) !== -1
}

function isKey(text: string): boolean {
  return text.includes('PRIVATE KEY') || /^\s*\{/.test(text)
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
      for (const one of isSeq(value) ? value.items : [value]) {
        if (!isScalar(key) || !isScalar(one) || typeof one.value !== 'string') continue
        if (hasSecret(one.value, [String(key.value)])) hide(one.range)
      }
    },
    Scalar: (_, { value, range }) => {
      if (typeof value === 'string' && isKey(value)) hide(range)
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
