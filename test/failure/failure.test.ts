import { describe, expect, test } from 'vitest'
import { ERRORS, type ErrorCode } from '../../src/failure/errors.ts'
import { conceal, Failure, fail, TOKEN_NOT_ACCEPTED } from '../../src/failure/failure.ts'

describe('fail', () => {
  test('a refusal is a value: it carries error, reason and facts, and no stack', () => {
    const failure = fail('invalid_dpop_proof', 'dpop_htu_mismatch', { expected: 'https://a/' })
    expect({ ...failure }).toEqual({
      error: 'invalid_dpop_proof',
      reason: 'dpop_htu_mismatch',
      detail: { expected: 'https://a/' },
      description: 'dpop_htu_mismatch',
    })
    expect(failure).not.toBeInstanceOf(Error)
  })
})

describe('conceal', () => {
  test.each(['token_expired', 'token_signature_invalid', 'token_inactive', 'token_issuer_unknown'])(
    'RFC 6750 §3.1: %s is described to the client by the one text for all faults of a token',
    (reason) => {
      const concealed = conceal(new Failure('invalid_token', reason, { kid: 'a' }, reason))
      expect(concealed.description).toBe(TOKEN_NOT_ACCEPTED)
      expect(concealed).toMatchObject({ error: 'invalid_token', reason, detail: { kid: 'a' } })
    },
  )

  test.each((Object.keys(ERRORS) as ErrorCode[]).filter((error) => error !== 'invalid_token'))(
    'a failure that is not of the token keeps its description (%s)',
    (error) => {
      const failure = new Failure(error, 'some_reason', undefined, 'some_reason')
      expect(conceal(failure)).toBe(failure)
    },
  )

  test('RFC 6750 §3: the one text is of the characters that a description may have', () => {
    expect(TOKEN_NOT_ACCEPTED).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
  })
})
