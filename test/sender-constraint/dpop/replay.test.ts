import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isSha256Thumbprint } from '../../../src/encoding/base64url.ts'
import type { VerifiedProof } from '../../../src/sender-constraint/dpop/proof.ts'
import { replayKey } from '../../../src/sender-constraint/dpop/replay.ts'
import { createKeyPair } from '../../support/compact-signing.ts'
import { NOW, OTHER_THUMBPRINT, THUMBPRINT } from '../../support/issuer.ts'

const { publicKey } = createKeyPair('ES256')

const proofOf = (jti: string, changed: Partial<VerifiedProof> = {}): VerifiedProof => ({
  keyThumbprint: THUMBPRINT,
  key: publicKey,
  jti,
  iat: NOW,
  nonce: undefined,
  acceptableUntil: 0,
  ...changed,
})

describe('replayKey', () => {
  test('RFC 9449 §11.1: a proof has one key, whenever and with whatever nonce it was made [D16]', () => {
    const key = replayKey(proofOf('a'))
    expect(replayKey(proofOf('a', { iat: NOW + 1, nonce: 'n', acceptableUntil: 5 }))).toBe(key)
  })

  test('RFC 9449 §11.1: no client can burn a jti of another [D14, HOLE-2, HOLE-3]', () => {
    expect(replayKey(proofOf('a', { keyThumbprint: OTHER_THUMBPRINT }))).not.toBe(
      replayKey(proofOf('a')),
    )
  })

  test.each(['', 'a', 'a'.repeat(10_240), 'a\0b', 'a*?[x]', 'a\r\nSET x', '%s%n', 'é'])(
    'CWE-134, RFC 9449 §11.1: whatever the client wrote, the key has one form (%#) [D11, PF-35]',
    (jti) => {
      expect(isSha256Thumbprint(replayKey(proofOf(jti)))).toBe(true)
    },
  )

  test('RFC 9449 §11.1: two different jti of a key have different keys', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(replayKey(proofOf(one)) === replayKey(proofOf(other))).toBe(one === other)
      }),
    )
  })
})
