/**
 * Form content (RFC 6750 §2.2): the third place where a token might stand, and may not.
 *
 * @module
 */

import { fieldLines } from './field.ts'
import { hasQueryParameter } from './target-uri.ts'

/** Whether the content says that it is `application/x-www-form-urlencoded`, on any of its lines. */
export function isForm(rawFields: readonly string[]): boolean {
  return fieldLines(rawFields, 'content-type').some((value) =>
    value.toLowerCase().includes('application/x-www-form-urlencoded'),
  )
}

/** A character set other than those in which ASCII has its own bytes, and any odd way to name one. */
const OTHER_CHARSET = /charset(?!\s*=\s*"?(?:utf-?8|us-ascii|iso-8859-1)"?\s*(?:;|$))/i

/**
 * Whether content is coded in a way that hides from us what the upstream will read: compressed, or in a
 * character set in which other bytes spell the same name (UTF-16, EBCDIC).
 */
export function isCoded(rawFields: readonly string[]): boolean {
  return (
    fieldLines(rawFields, 'content-encoding').some((value) => value.toLowerCase() !== 'identity') ||
    fieldLines(rawFields, 'content-type').some((value) => OTHER_CHARSET.test(value))
  )
}

/** FAPI 1.0 Baseline §6.2.1-2, FAPI 2.0 SP §5.3.4-1: a token in a form is not accepted. */
export function formHasToken(content: Buffer): boolean {
  // Some readers drop a byte order mark, and so find another first name than is written.
  const text = content.toString('latin1').replace(/^\xef\xbb\xbf/, '')
  return hasQueryParameter(`?${text}`, 'access_token')
}
