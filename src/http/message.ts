/**
 * The form of a request message, as far as it can be judged before its target is looked at (RFC 9112
 * §3.2, §6, RFC 9113 §8.1, RFC 9110 §5, §10.1.1). The parser below has refused most; this refuses what it lets pass.
 *
 * @module
 */

import { Failure, fail } from '../failure/failure.ts'
import { fieldLines, isTokenList, SEVERAL, soleField } from './field.ts'

export interface MessageLimits {
  /** Most field lines of a request. */
  readonly headerLines: number
  /** Longest request target, in characters. */
  readonly target: number
}

/** What is known of a request's content before it is read. */
export interface Content {
  /** Bytes, where the client declared them. */
  readonly length: number | undefined
  /** Whether any content follows at all. */
  readonly present: boolean
}

/** Reads how a request is framed; a failure where two readers could disagree about it. */
export function parseFraming(rawFields: readonly string[], httpVersion: string): Content | Failure {
  // RFC 9112 §2.3: what says no version, or another, is not of a form that all read alike.
  if (httpVersion !== '1.1' && httpVersion !== '1.0') {
    return fail('bad_request', 'http_version_unknown')
  }
  const codings = soleField(rawFields, 'transfer-encoding')
  const length = soleField(rawFields, 'content-length')

  if (codings !== undefined) {
    // RFC 9112 §6.1: both is an attack; so is a coding in HTTP/1.0, which has none.
    if (length !== undefined) return fail('bad_request', 'framing_ambiguous')
    if (httpVersion !== '1.1') return fail('bad_request', 'framing_of_http_1_0')
    // RFC 9112 §6.1, §7: the one coding that every recipient reads alike.
    if (codings === SEVERAL || codings.toLowerCase() !== 'chunked') {
      return fail('bad_request', 'transfer_coding_unknown')
    }
    return { length: undefined, present: true }
  }
  if (length === undefined) return { length: undefined, present: false }
  const bytes = parseLength(length)
  return bytes instanceof Failure ? bytes : { length: bytes, present: bytes > 0 }
}

/**
 * The same for HTTP/2, where frames say how far content reaches.
 *
 * @param endsWithHead Whether the stream ended with the head.
 */
export function parseStreamFraming(
  rawFields: readonly string[],
  endsWithHead: boolean,
): Content | Failure {
  const length = soleField(rawFields, 'content-length')
  if (length === undefined) return { length: undefined, present: !endsWithHead }
  const bytes = parseLength(length)
  if (bytes instanceof Failure) return bytes
  // RFC 9113 §8.1.1: the length has to be that of the frames.
  if (endsWithHead && bytes > 0) return fail('bad_request', 'content_length_untrue')
  return { length: bytes, present: bytes > 0 }
}

/** RFC 9112 §6.3: one, of digits alone. */
function parseLength(length: string | typeof SEVERAL): number | Failure {
  return length === SEVERAL || !/^\d{1,15}$/.test(length)
    ? fail('bad_request', 'content_length_malformed')
    : Number(length)
}

/** Checks sizes and the fields that may stand only once. */
export function checkMessage(
  rawFields: readonly string[],
  target: string,
  limits: MessageLimits,
): Failure | undefined {
  // RFC 6585 §5, RFC 9110 §15.5.15.
  if (rawFields.length > 2 * limits.headerLines) {
    return fail('header_fields_too_large', 'header_lines_too_many')
  }
  if (target.length > limits.target) return fail('uri_too_long', 'target_too_long')

  // RFC 9112 §3.2: no Host, or more than one. HTTP/1.0 has to say it too: nothing else names the host.
  const host = soleField(rawFields, 'host')
  if (host === undefined) return fail('bad_request', 'host_missing')
  if (host === SEVERAL) return fail('bad_request', 'host_several')

  // RFC 9110 §7.6.1: a list of tokens. Of `x  close` it depends on the reader whether another request follows.
  if (!fieldLines(rawFields, 'connection').every(isTokenList)) {
    return fail('bad_request', 'connection_malformed')
  }

  // RFC 9110 §10.1.1: the only expectation there is.
  const expect = soleField(rawFields, 'expect')
  if (expect !== undefined && (expect === SEVERAL || expect.toLowerCase() !== '100-continue')) {
    return fail('expectation_failed', 'expectation_unknown')
  }
  return undefined
}
