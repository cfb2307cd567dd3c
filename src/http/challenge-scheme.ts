/**
 * What a `WWW-Authenticate` of somebody else asks for (RFC 9110 §11.6.1).
 *
 * @module
 */

const QUOTED = /"(?:\\.|[^"\\])*"/g

/** The word at the beginning of an element, unless it is the name of a parameter. */
const SCHEME = /^([A-Za-z0-9!#$%&'*+\-.^_`|~]+)(?![A-Za-z0-9!#$%&'*+\-.^_`|~]|[ \t]*=)/

/**
 * The authentication schemes of all challenges of a field value, in lower case and in their order.
 *
 * RFC 9110 §11.6.1: commas stand both between challenges and between the parameters of one. What is
 * neither a scheme nor a parameter counts as nothing; whether parameters are right is not judged.
 */
export function challengeSchemes(value: string): string[] {
  return value
    .replace(QUOTED, '""')
    .split(',')
    .flatMap((element) => SCHEME.exec(element.trim())?.[1]?.toLowerCase() ?? [])
}
