import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { calculateJwkThumbprint } from 'jose'
import { describe, expect, test } from 'vitest'
import { parsePublicJwk, requiredMembers } from '../../src/jose/jwk.ts'
import { jwkThumbprint } from '../../src/jose/thumbprint.ts'

const corpora = process.env['CORPORA']

const KEYS = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  generateKeyPairSync('ed25519'),
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
].map(({ publicKey }) => publicKey.export({ format: 'jwk' }))

describe('jwkThumbprint', () => {
  test.each(KEYS)('RFC 7638 §3.2, RFC 8037 §2: as jose computes it ($kty $crv)', async (jwk) => {
    expect(jwkThumbprint(parsePublicJwk(jwk)!)).toBe(await calculateJwkThumbprint(jwk, 'sha256'))
  })

  test.each(KEYS)('RFC 7638 §3.3: order and optional members do not matter ($kty $crv)', (jwk) => {
    const reversed = Object.fromEntries(Object.entries(jwk).reverse())
    const dressed = { kid: 'a', use: 'sig', alg: 'x', key_ops: ['verify'], x5c: [], ...reversed }
    expect(jwkThumbprint(parsePublicJwk(dressed)!)).toBe(jwkThumbprint(parsePublicJwk(jwk)!))
  })

  test.each(KEYS)('RFC 7638 §3.3: the required members stand in order ($kty $crv)', (jwk) => {
    const names = Object.keys(requiredMembers(parsePublicJwk({ kid: 'a', ...jwk })!))
    expect(names).toEqual(Object.keys(jwk).sort())
  })

  test.skipIf(corpora === undefined)(
    'RFC 7638 §3.1, RFC 8037 Appendix A.3, RFC 9449 §6.1: the examples (set CORPORA to run)',
    () => {
      const { vectors } = JSON.parse(readFileSync(`${corpora}/jose/rfc-examples.json`, 'utf8'))
      const examples = vectors
        .map((it: Record<string, never>) => [
          it['jwk'] ?? it['header']?.['jwk'],
          it['thumbprint'] ?? it['jkt'],
        ])
        .filter(([jwk, thumbprint]: unknown[]) => jwk !== undefined && thumbprint !== undefined)
      expect(examples.length).toBe(6)
      for (const [jwk, thumbprint] of examples) {
        expect(jwkThumbprint(parsePublicJwk(jwk)!)).toBe(thumbprint)
      }
    },
  )
})
