/**
 * Scope (RFC 6749 §3.3): whole, case-sensitive tokens, told apart by single spaces.
 *
 * @module
 */

const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$/

/**
 * Reads a `scope` value. Anything that is not of the grammar grants nothing: an array, a tab or a
 * no-break space between tokens would leave it to the reader what was granted.
 */
export function parseScope(scope: unknown): readonly string[] {
  return typeof scope === 'string' && SCOPE.test(scope) ? scope.split(' ') : []
}
